"""Transparent WebM in a browser."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nemovideo.local.render import render
from nemovideo.local.timeline import Background
from tests.support.render import PERSON, YellowMatte, item, make_video, near, timeline_of

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
PAGE = (200, 0, 200)
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--hide-scrollbars",
    "--autoplay-policy=no-user-gesture-required",
    "--virtual-time-budget=3000",
]


def screenshot(video: Path, folder: Path, at_s: float) -> Image.Image:
    """Return a screenshot of a video over a colored page, paused at a time."""
    page = folder / "page.html"
    page.write_text(
        f"<!doctype html><body style='margin:0;background:rgb{PAGE}'>"
        f"<video muted autoplay src='{video.name}' style='display:block' "
        f"onloadeddata='this.pause(); this.currentTime = {at_s}'></video>",
        encoding="utf-8",
    )
    shot = folder / "shot.png"
    command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={folder / 'profile'}"]
    command += ["--window-size=320,240", f"--screenshot={shot}", page.as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    with Image.open(shot) as image:
        rgb: Image.Image = image.convert("RGB")
        return rgb


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
def test_a_page_is_visible_through_a_transparent_webm(tmp_path: Path) -> None:
    talk = item(make_video(tmp_path / "talk.mp4", seconds=0.8))
    timeline = timeline_of(talk, background=Background("transparent"))
    video = render(
        timeline, {"m1": talk}, tmp_path / "o.webm", format="webm", engine=YellowMatte()
    ).path
    picture = np.asarray(screenshot(video, tmp_path, 0.4))
    around = tuple(int(v) for v in picture[8:24, 8:40].reshape(-1, 3).mean(axis=0))
    person = tuple(int(v) for v in picture[60:110, 65:95].reshape(-1, 3).mean(axis=0))
    outside = tuple(int(v) for v in picture[200:, 200:].reshape(-1, 3).mean(axis=0))
    assert near(outside, PAGE, 3)
    assert near(around, PAGE, 6)
    assert near(person, PERSON, 14)
