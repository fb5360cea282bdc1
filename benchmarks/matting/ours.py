"""The masks that this package's renderer makes, read back from a file that it rendered.

The clip goes through `nemovideo.local.render.render` as a user's does, with a
transparent background, into ProRes 4444: its alpha is stored without loss.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame

from nemovideo.local.media.probe import probe
from nemovideo.local.render import render
from nemovideo.local.timeline import Background, Clip, Timeline

Bytes = npt.NDArray[np.uint8]


def cut(video: Path, output: Path, *, frames: int, background: Background) -> None:
    """Render the first frames of a video with another background, at its own size and rate."""
    item = probe(video, video.name, id="clip")
    width, height, fps = item.width, item.height, item.fps
    assert width is not None
    assert height is not None
    assert fps is not None
    duration_ms = round(frames * 1000 / fps)
    shot = Clip("video", duration_ms, video.name, media="clip", background=background)
    timeline = Timeline(clips=(shot,), width=width, height=height, fps=fps)
    render(timeline, {"clip": item}, output, format=output.suffix[1:])


@contextmanager
def masks(video: Path, frames: int) -> Iterator[tuple[Iterator[Bytes], Iterator[Bytes]]]:
    """Give the renderer's masks of a video, uint8, height × width, 0..255, to be read twice."""
    with tempfile.TemporaryDirectory(prefix="matte-benchmark-") as folder:
        output = Path(folder) / "cut.mov"
        cut(video, output, frames=frames, background=Background("transparent"))
        yield _alphas(output), _alphas(output)


def _alphas(path: Path) -> Iterator[Bytes]:
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield _alpha(frame)


def _alpha(frame: VideoFrame) -> Bytes:
    """Return the alpha plane of a planar frame with one, in eight bits."""
    plane = frame.planes[3]
    bits = frame.format.components[3].bits
    wide = np.frombuffer(bytes(plane), np.dtype(np.uint16 if bits > 8 else np.uint8))
    rows = wide.reshape(plane.height, -1)[:, : plane.width].astype(np.float32)
    shares: Bytes = (rows * np.float32(255 / (2**bits - 1)) + np.float32(0.5)).astype(np.uint8)
    return shares
