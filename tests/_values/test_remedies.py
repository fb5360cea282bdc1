"""Remedies: one value, worded for Python, a shell, a chat and the MCP tools."""

from __future__ import annotations

import copy
import pickle

import pytest

from nemovideo import errors
from nemovideo._values.remedies import Code, Option, Remedy, Resume, remedy_for

OVERWRITE = Remedy("choose another name", ("pass ", Option("overwrite", True)))


@pytest.mark.parametrize(
    ("remedy", "python", "shell", "chat"),
    [
        (
            OVERWRITE,
            "Choose another name, or pass overwrite=True.",
            "Choose another name, or pass --overwrite.",
            "Choose another name.",
        ),
        (
            Remedy.after("Check the network.", Remedy(("resume with ", Resume("a b.json", True)))),
            "Check the network. Resume with client.jobs.resume('a b.json', send_again=True).",
            "Check the network. Resume with `nemovideo jobs resume --send-again 'a b.json'`.",
            "Check the network.",
        ),
        (
            Remedy("save it again", ("send it with ", Code("Upload(source, check=False)"))),
            "Save it again, or send it with Upload(source, check=False).",
            "Save it again.",
            "Save it again.",
        ),
        ("Check the path.", *["Check the path."] * 3),
    ],
)
def test_a_remedy_omits_steps_that_its_medium_lacks(
    remedy: str, python: str, shell: str, chat: str
) -> None:
    assert remedy == python
    assert (remedy_for(remedy, "shell"), remedy_for(remedy, "chat")) == (shell, chat)


def test_code_can_have_a_separate_text_for_a_shell() -> None:
    remedy = Remedy("try again later", ("use ", Code("Client.local()", in_shell="--local")))
    shown = [remedy_for(remedy, medium) for medium in ("python", "shell", "chat", "tool")]
    texts = [
        "Try again later, or use Client.local().",
        "Try again later, or use --local.",
        *["Try again later."] * 2,
    ]
    assert shown == texts


def test_a_remedy_for_an_agent_names_only_arguments_of_its_tools() -> None:
    assert remedy_for(OVERWRITE, "tool") == "Choose another name, or pass overwrite=True."
    elsewhere = Remedy("try again", ("allow more time with ", Option("timeout_s")))
    assert remedy_for(elsewhere, "tool") == "Try again."


def test_an_error_keeps_its_remedy_for_each_reader_when_it_is_copied() -> None:
    error = errors.InvalidRequestError("out.mp4 exists already", remedy=OVERWRITE)
    for copied in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
        assert copied.describe("shell") == (
            "out.mp4 exists already. Choose another name, or pass --overwrite."
        )
        assert str(copied) == "out.mp4 exists already. Choose another name, or pass overwrite=True."
