"""How the agent handles requests for a format, and for the mask alone."""

from __future__ import annotations

import pytest

from nemovideo import gui
from nemovideo.local.agent import Turn, respond
from nemovideo.local.timeline import Background
from tests.support.agent import TALK, ask, phrases, wrong


def respond_to(words: str) -> Turn:
    return respond(words, timeline=None, media=[TALK])


def backgrounds(turn: Turn) -> list[Background | None]:
    return [] if turn.timeline is None else [clip.background for clip in turn.timeline.clips]


def test_the_mask_alone_can_be_requested_and_the_picture_restored() -> None:
    for words in phrases("masks"):
        turn = respond_to(words)
        assert turn.changed, words
        assert backgrounds(turn) == [Background("matte")], words
        again = "restore the original background"
        turn = respond(again, timeline=turn.timeline, media=[TALK])
        assert backgrounds(turn) == [None]


def test_other_requests_with_the_same_words_are_not_about_the_mask() -> None:
    def kind(words: str) -> str:
        return ",".join(
            background.kind if background else "-" for background in backgrounds(respond_to(words))
        )

    assert not wrong("not_masks", kind)


def test_the_formats_are_listed() -> None:
    for words in phrases("formats"):
        turn = respond_to(words)
        said = " ".join(step.text for step in turn.steps)
        assert not turn.changed, words
        assert all(name in said for name in ("MP4", "WebM", "MOV", "GIF", "PNG")), words


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("export", "video.mp4"),
        ("export as gif", "video.gif"),
        ("render it", "video.mp4"),
        ("download", "video.mp4"),
        ("导出", "video.mp4"),
        ("导出为gif", "video.gif"),
    ],
)
def test_a_request_to_export_is_answered_with_the_call(words: str, name: str) -> None:
    cleaned = gui.clean(ask(words).steps[0].text)
    assert f'session.export("{name}")' in cleaned.text
    assert cleaned.actions == (gui.GuiAction.EXPORT,)
