"""The chat example, as a person would use it: sentences in, answers out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nemovideo.local import LocalBackend
from tests.support import ROOT, WITH_FAST_ENGINE
from tests.support.media import corner, duration_s, make_clip, pictures

CHAT = ROOT / "examples" / "chat.py"


def chat(folder: Path, *arguments: str, typed: str) -> subprocess.CompletedProcess[str]:
    make_clip(folder / "talk.mp4", seconds=0.4)
    python = WITH_FAST_ENGINE if "--local" in arguments else [sys.executable]
    return subprocess.run(
        [*python, str(CHAT), *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONUTF8": "1"},
        input=typed,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def test_a_chat_from_a_clip_to_a_file(tmp_path: Path) -> None:
    done = chat(
        tmp_path,
        "--local",
        "talk.mp4",
        typed="把背景换成绿色\nshow tracks\nhow many credits are left?\nexport\n\nnot read\n",
    )
    assert done.returncode == 0, done.stderr
    uploaded, edited, tracks, credits_left, ready = done.stdout.strip().split("\n\n", 5)[0:1] + [
        line
        for line in done.stdout.splitlines()
        if line.startswith(("已完成", "Timeline", "You have", "✅"))
    ]
    assert uploaded.startswith("Uploaded: talk.mp4 (0.4s)")
    assert "talk.mp4" in edited
    assert tracks == "Timeline (1 track): 1. Video: talk.mp4 (0-0.4s)"
    assert credits_left == "You have 99 credits."
    assert ready.endswith("talk-edited.mp4")
    assert "Connecting…" in done.stderr
    assert "✅ Video ready!" in done.stderr
    assert duration_s(tmp_path / "talk-edited.mp4") == 0.4
    red, green, blue = corner(pictures(tmp_path / "talk-edited.mp4")[5])
    assert green > red + 40
    assert green > blue + 40


def test_a_chat_with_the_cloud(
    tmp_path: Path, backend: LocalBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEMO_API_URL", backend.url)
    done = chat(tmp_path, typed="upload nowhere.mp4\n积分\n")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "There is no file nowhere.mp4. Check the path.\n\n您有 100 积分。\n\n"


def test_a_service_that_cannot_be_reached_is_told_in_one_line(
    tmp_path: Path, backend: LocalBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEMO_API_URL", backend.url)
    monkeypatch.setenv("NEMO_TOKEN", "nmv_usr_wrong")
    done = chat(tmp_path, typed="credits\n")
    assert done.returncode == 1
    assert "NEMO_TOKEN" in done.stderr.splitlines()[-1]
