"""What `print` and a notebook show of estimates, frames and mattings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from IPython.core.formatters import DisplayFormatter

from nemovideo import Client
from nemovideo.local import LocalBackend, Matting
from nemovideo.models import (
    Estimate,
    Frame,
    Preview,
    PreviewStill,
    RenderedVideo,
    RenderJob,
)
from tests.support.media import make_clip, make_picture

BASIS = "measured: time from earlier renders on this machine; size: typical for this format"


def test_an_estimate_is_rounded_and_its_basis_shown_whole() -> None:
    estimate = Estimate(0, 42.70036465064, 1000, BASIS)
    assert "seconds=42.7," in str(estimate)
    assert "typical for this format" in estimate._repr_html_()


def test_uploaded_files_are_a_list_that_displays_each_file(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "talk.mp4", seconds=0.2)
    picture = make_picture(tmp_path / "wall.png", (1, 2, 3), (64, 48))
    with LocalBackend(tmp_path / "state") as backend, Client(base_url=backend.url) as client:
        found = client.sessions.create().upload(clip, picture)
    assert found == [*found]
    assert repr(found) == repr([*found])
    shown, _ = DisplayFormatter().format(found)  # type: ignore[no-untyped-call]
    assert "talk.mp4" in shown["text/html"]
    assert "64×48" in shown["text/html"]


def test_a_frame_shows_the_shape_of_its_arrays() -> None:
    frame = Frame(0.5, np.zeros((90, 160, 3), np.uint8), np.zeros((90, 160), np.float32))
    assert repr(frame) == "Frame(time_s=0.5, rgb=<90×160×3 uint8>, alpha=<90×160 float32>)"


def test_a_matting_shows_its_options() -> None:
    shown = repr(Matting(engine="fast", grow_px=2))
    assert shown == "Matting(engine='fast', softness=0.0, grow_px=2, keep='front')"


def test_results_are_printed_as_one_line(tmp_path: Path) -> None:
    path = tmp_path / "clean.mp4"
    path.write_bytes(bytes(2048))
    job = RenderJob(
        "r", "done", size_bytes=10 * 2**20, duration_s=4.0, warnings=("No face.", "Dark.")
    )
    video = RenderedVideo(path, "https://x.example/?signature=s", None, job, "s", 100, 50)
    line = f"{path}, 2 KB, 4 s, 50 credits spent. Note: No face. Note: Dark"
    assert str(video) == line
    path.unlink()
    assert "clean.mp4, 10 MB, 4 s" in str(video)
    job = RenderJob("r", "done")
    video = RenderedVideo(None, "https://x.example/?signature=s", None, job, "s")
    assert str(video) == "not downloaded"
    stills = tuple(PreviewStill(time_s, None, b"") for time_s in (0.1, 2))
    preview = Preview(None, b"", stills, b"", "local engine")
    assert str(preview) == "2 pictures at 0.1 s, 2 s (local engine)"
