"""The masks of this package, read from a rendered file.

The clip is rendered by `nemovideo.local.render.render`, as in an export, with a transparent
background to ProRes 4444, whose alpha is lossless.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import av
import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame

from nemovideo.local.media.probe import probe
from nemovideo.local.render import render
from nemovideo.local.timeline import Background, Clip, Timeline

Bytes = npt.NDArray[np.uint8]


def cut(
    video: Path, output: Path, *, frames: int, background: Background, engine: str = "fine"
) -> None:
    """Render the first frames of a video with a new background, at its size and rate."""
    item = probe(video, video.name, id="clip")
    width, height, fps = item.width, item.height, item.fps
    assert width is not None
    assert height is not None
    assert fps is not None
    duration_ms = round(frames * 1000 / fps)
    shot = Clip("video", duration_ms, video.name, media="clip", background=background)
    timeline = Timeline(clips=(shot,), width=width, height=height, fps=fps)
    render(timeline, {"clip": item}, output, format=output.suffix[1:], engine=engine)


@attrs.frozen
class Cutout:
    """A rendered file with a transparent background."""

    path: Path

    def masks(self) -> Iterator[Bytes]:
        """Yield the alpha of each frame, uint8, height × width, 0..255."""
        for _, mask in self._read(color=False):
            yield mask

    def frames(self) -> Iterator[tuple[Bytes, Bytes]]:
        """Yield the colors, height × width × 3, and the alpha of each frame."""
        return self._read(color=True)

    def _read(self, *, color: bool) -> Iterator[tuple[Bytes, Bytes]]:
        with av.open(str(self.path)) as container:
            for frame in container.decode(video=0):
                alpha = _alpha(frame)
                shown = frame.to_ndarray(format="rgb24") if color else alpha
                yield shown.astype(np.uint8, copy=False), alpha


@contextmanager
def cutout(video: Path, frames: int, engine: str) -> Iterator[Cutout]:
    """Render a video with a transparent background to a temporary file."""
    with tempfile.TemporaryDirectory(prefix="matte-benchmark-") as folder:
        output = Path(folder) / "cut.mov"
        background = Background("transparent")
        cut(video, output, frames=frames, background=background, engine=engine)
        yield Cutout(output)


def _alpha(frame: VideoFrame) -> Bytes:
    """Return the alpha plane of a planar frame in eight bits."""
    plane = frame.planes[3]
    bits = frame.format.components[3].bits
    samples = np.frombuffer(bytes(plane), np.dtype(np.uint16 if bits > 8 else np.uint8))
    rows = samples.reshape(plane.height, -1)[:, : plane.width].astype(np.float32)
    alpha: Bytes = (rows * np.float32(255 / (2**bits - 1)) + np.float32(0.5)).astype(np.uint8)
    return alpha
