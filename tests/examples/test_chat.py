"""The chat example, as a person would use it: sentences in, answers out."""

from __future__ import annotations

import io
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nemovideo.local import LocalBackend
from tests.support import ROOT
from tests.support.fast_engine import backend_defaults
from tests.support.media import corner, duration_s, make_clip, pictures


@pytest.fixture
def chat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[str, str]]:
    """Run the example in this process; return its stdout and stderr."""

    def run(*arguments: str, typed: str) -> tuple[str, str]:
        make_clip(tmp_path / "talk.mp4", seconds=0.4)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["chat.py", *arguments])
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        monkeypatch.setitem(backend_defaults(), "engine", "fast")
        runpy.run_path(str(ROOT / "examples" / "chat.py"), run_name="__main__")
        return capsys.readouterr()

    return run


def test_a_chat_from_a_clip_to_a_file(chat: Callable[..., tuple[str, str]], tmp_path: Path) -> None:
    typed = "把背景换成绿色\nshow tracks\nhow many credits are left?\nexport\n\nnot read\n"
    shown, reported = chat("--local", "talk.mp4", typed=typed)
    uploaded, edited, tracks, credits_left, ready = shown.strip().split("\n\n", 5)[0:1] + [
        line
        for line in shown.splitlines()
        if line.startswith(("已完成", "Timeline", "You have", "✅"))
    ]
    assert uploaded.startswith("Uploaded: talk.mp4 (0.4s)")
    assert "talk.mp4" in edited
    assert tracks == "Timeline (1 track): 1. Video: talk.mp4 (0-0.4s, background: #008000)"
    assert credits_left == "You have 99 credits."
    assert ready.endswith("talk-edited.mp4")
    assert "Connecting…" in reported
    assert "✅ Video ready!" in reported
    assert duration_s(tmp_path / "talk-edited.mp4") == 0.4
    red, green, blue = corner(pictures(tmp_path / "talk-edited.mp4")[5])
    assert green > red + 40
    assert green > blue + 40


def test_a_chat_with_the_cloud(
    chat: Callable[..., tuple[str, str]], backend: LocalBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEMO_API_URL", backend.url)
    shown, _ = chat(typed="upload nowhere.mp4\n积分\n")
    assert shown == "There is no file nowhere.mp4. Check the path.\n\n您有 100 积分。\n\n"


def test_an_unreachable_service_is_reported_in_one_line(
    chat: Callable[..., tuple[str, str]], backend: LocalBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEMO_API_URL", backend.url)
    monkeypatch.setenv("NEMO_TOKEN", "nmv_usr_wrong")
    with pytest.raises(SystemExit, match=r"^[^\n]*NEMO_TOKEN[^\n]*$"):
        chat(typed="credits\n")
