"""Renders as jobs: progress, cancellation, errors, limits and output files."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

from nemovideo.errors import RenderCancelledError, RenderFailedError
from nemovideo.local.matte import Cut, Cutter
from nemovideo.local.matte.tracking import whole
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.render import render, titles
from nemovideo.local.render.cutting import FrameView
from nemovideo.local.render.drawing.text import text_image
from nemovideo.local.timeline import Background, Clip, Overlay, Sound, Timeline, Title
from tests.support import ROOT
from tests.support.render import YellowMatte, draft, item, make_image, make_video, timeline_of


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> MediaItem:
    return item(make_video(tmp_path_factory.mktemp("talk") / "talk.mp4", fps=10))


def test_progress_is_reported_for_every_frame(tmp_path: Path, talk: MediaItem) -> None:
    progress: list[float] = []
    render(timeline_of(talk), {"m1": talk}, tmp_path / "o.mp4", on_progress=progress.append)
    assert progress == [pytest.approx(number / 10) for number in range(1, 11)]


def test_canceling_stops_at_the_next_frame_and_leaves_no_file(
    tmp_path: Path, talk: MediaItem
) -> None:
    progress: list[float] = []
    with pytest.raises(RenderCancelledError):
        render(
            timeline_of(talk),
            {"m1": talk},
            tmp_path / "o.mp4",
            on_progress=progress.append,
            cancelled=lambda: len(progress) == 5,
        )
    assert len(progress) == 5
    assert list(tmp_path.iterdir()) == []


def test_a_failed_render_keeps_the_old_file(tmp_path: Path, talk: MediaItem) -> None:
    output = tmp_path / "o.mp4"
    output.write_bytes(b"old")
    with pytest.raises(RenderCancelledError):
        render(timeline_of(talk), {"m1": talk}, output, cancelled=lambda: True)
    assert output.read_bytes() == b"old"
    render(timeline_of(talk), {"m1": talk}, output)
    assert output.stat().st_size > 1000
    assert list(tmp_path.iterdir()) == [output]


def test_a_lower_quality_makes_a_smaller_file(tmp_path: Path, talk: MediaItem) -> None:
    sizes = [
        render(timeline_of(talk, volume=0), {"m1": talk}, tmp_path / q, quality=q).size_bytes
        for q in ("high", "medium", "low")
    ]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > sizes[2]


def test_an_invalid_draft_is_refused(tmp_path: Path, talk: MediaItem) -> None:
    plain = timeline_of(talk)
    changes: list[dict[str, Any]] = [
        {"sounds": (Sound("m9", "x", 1000),)},
        {"titles": (Title("x", 1000, position="behind"),)},
        {"titles": (Title("x", 1000, color="blau"),)},
        {"width": 0},
        {"height": 100_000},
        {"fps": 0.0},
    ]
    clips = [
        Clip("video", 1000, "x", media="m9"),
        Clip("video", 1000, "x"),
        Clip("hologram", 1000, "x", media="m1"),
        Clip("video", 1000, "x", media="m1", speed=0),
        Clip("video", 1000, "x", media="m1", background=Background("lava")),
        Clip("video", 1000, "x", media="m1", background=Background("color", color="blau")),
        Clip("video", 1000, "x", media="m1", background=Background("scene", scene="moon")),
        Clip("video", 1000, "x", media="m1", background=Background("image", media="m9")),
    ]
    drafts: list[Timeline] = [draft(talk), *(draft(talk, clip) for clip in clips)]
    for timeline in [*drafts, *(attrs.evolve(plain, **change) for change in changes)]:
        with pytest.raises(RenderFailedError):
            render(timeline, {"m1": talk}, tmp_path / "o.mp4", engine=YellowMatte())
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_quality_is_named(tmp_path: Path, talk: MediaItem) -> None:
    with pytest.raises(RenderFailedError, match="best"):
        render(timeline_of(talk), {"m1": talk}, tmp_path / "o", quality="best")


def test_a_missing_or_damaged_file_fails(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4")
    talk = item(path)
    path.write_bytes(b"not a video")
    with pytest.raises(RenderFailedError):
        render(timeline_of(talk), {"m1": talk}, tmp_path / "o.mp4")
    path.unlink()
    with pytest.raises(RenderFailedError, match=r"a\.mp4"):
        render(timeline_of(talk), {"m1": talk}, tmp_path / "o.mp4")


def test_a_picture_is_not_a_video(tmp_path: Path) -> None:
    photo = attrs.evolve(item(make_image(tmp_path / "p.png", (1, 2, 3))), fps=25.0)
    timeline = draft(photo, Clip("video", 400, "p", media="m1"))
    with pytest.raises(RenderFailedError, match=r"p\.png is an image, not a video"):
        render(timeline, {"m1": photo}, tmp_path / "o.mp4")


def test_the_arguments_are_not_changed(tmp_path: Path, talk: MediaItem) -> None:
    media = {"m1": talk}
    timeline = timeline_of(talk, Title("a", 500))
    before = timeline.to_draft()
    render(timeline, media, tmp_path / "o.mp4")
    assert timeline.to_draft() == before
    assert media == {"m1": talk}


def test_a_draft_over_a_limit_is_refused(tmp_path: Path) -> None:
    card = Clip("card", 80, "c", color="#00b140")
    changes: list[tuple[dict[str, Any], str, str]] = [
        ({"width": 8192, "height": 8192}, "webm", "17 million"),
        ({"width": 6000, "height": 6000}, "mp4", "17 million"),
        ({"width": 9000}, "mp4", "8192"),
        ({"clips": (Clip("card", 10**9, "c", color="#00b140"),)}, "mp4", "12 hours"),
        ({"clips": (Clip("card", 1, "c", color="#00b140"),) * 5001}, "mp4", "5000"),
        ({"titles": (Title("word", 80),) * 101}, "mp4", "100"),
        ({"titles": (Title("x" * 2001, 80),)}, "mp4", "2000"),
        ({"clips": (Clip("card", 80, "c", text="x" * 2001),)}, "mp4", "2000"),
        ({"titles": (Title("W" * 1000 + "\n" * 999 + "W", 80),)}, "mp4", "does not fit"),
        ({"clips": (Clip("card", 80, "c", text="W" * 1000 + "\n" * 999 + "W"),)}, "mp4", "fit"),
    ]
    for change, format_, limit in changes:
        draft = attrs.evolve(Timeline(clips=(card,), fps=25), **change)
        with pytest.raises(RenderFailedError, match=limit):
            render(draft, {}, tmp_path / f"o.{format_}", format=format_)


def test_simultaneous_overlays_have_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(titles, "MAX_OVERLAY_PIXELS", 100_000)
    logo = make_image(tmp_path / "l.png", (255, 0, 0), (60, 60))
    laid = Overlay("m1", "l.png", 80, size=1.0)
    card = Clip("card", 80, "c", color="#00b140")
    draft = Timeline((card,), overlays=(laid,) * 20, width=200, height=200, fps=25)
    with pytest.raises(RenderFailedError, match="too large"):
        render(draft, {"m1": item(logo, "m1")}, tmp_path / "o.mp4")


def test_the_longest_text_is_drawn_quickly() -> None:
    for text in ("x" * 2000, "x " * 1000, "x\n" * 1000):
        began = time.process_time()
        text_image(text, (640, 360), height_share=0.1)
        assert time.process_time() - began < 5


def test_the_frames_of_a_gif_are_not_kept_in_memory(tmp_path: Path) -> None:
    script = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from nemovideo.local.render import render\n"
        "from nemovideo.local.timeline import Clip, Timeline\n"
        "def peak_of(ms):\n"
        "    draft = Timeline((Clip('card', ms, 'c'),), width=480, height=480, fps=25)\n"
        "    render(draft, {}, Path(sys.argv[1]), format='gif')\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "print(peak_of(400), peak_of(4_000))\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "o.gif")]
    few, many = map(int, subprocess.check_output(command, cwd=ROOT).split())
    assert many - few < 25_000, "50 frames of a megabyte each"


def test_a_file_that_exceeds_the_free_space_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    draft = Timeline(clips=(Clip("card", 2000, "c", color="#00b140"),), fps=25)
    with pytest.raises(RenderFailedError, match="not enough disk space"):
        render(draft, {}, tmp_path / "o.zip", format="zip")
    assert list(tmp_path.iterdir()) == []


def test_an_engine_gets_only_the_frames_of_the_clip(
    tmp_path: Path, talk: MediaItem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine with lookahead reads all frames before it returns the last ones."""
    taken: list[int] = []

    def all_at_once(self: object, views: Iterable[FrameView]) -> Iterator[tuple[FrameView, Cut]]:
        seen = list(islice(views, 1000))
        taken.append(len(seen))
        empty = np.zeros((2, 2), np.float32)
        return iter([(view, Cut(whole(view.size), empty)) for view in seen])

    monkeypatch.setattr(Cutter, "cut_frames", all_at_once)
    clear = timeline_of(talk, background=Background("color", color="#00b140"))
    render(clear, {"m1": talk}, tmp_path / "o.mp4", engine=YellowMatte())
    assert taken == [10]
