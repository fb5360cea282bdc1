"""The frames of a file with the alpha that an export would give them."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import islice

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame
from PIL import Image

from nemovideo.local.matte import LoadedEngine
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.render.canvas import Canvas
from nemovideo.local.render.colors import matrix_for
from nemovideo.local.render.compositing import AlphaPlane
from nemovideo.local.render.cutting import views_of
from nemovideo.local.render.notices import Warn
from nemovideo.local.render.sources import open_source
from nemovideo.local.timeline import Background, Clip, Timeline

Bytes = npt.NDArray[np.uint8]

_ALPHA_PLANE = 3


def mattes(
    item: MediaItem, engine: LoadedEngine, *, behind: bool, warn: Warn
) -> Iterator[tuple[Fraction, Bytes, Bytes]]:
    """Yield time in seconds, RGB and alpha of every frame of a video, in time order.

    A file that is transparent in places keeps its own alpha.

    Args:
        item: The video.
        engine: What tells people from the background.
        behind: Whether people behind those in front are kept.
        warn: Is told what is wrong with the file.
    """
    duration_ms = item.duration_ms or 0
    clip = Clip(
        "video", duration_ms, item.name, media=item.id, background=Background("transparent")
    )
    timeline = Timeline(
        clips=(clip,), width=item.width or 2, height=item.height or 2, fps=item.fps or 30
    )
    media = {item.id: item}
    canvas = Canvas.of(timeline, media, alpha=True, square_pixels=True)
    source = open_source(clip, media, warn)
    count = max(1, round(duration_ms * canvas.fps / 1000))
    frames = islice(source.frames(canvas), count)
    made = _own_alpha(frames) if source.has_alpha else _cut(frames, canvas, engine, behind=behind)
    for number, (frame, alpha) in enumerate(made):
        yield number / canvas.fps, _rgb(canvas, frame), alpha


def picture_matte(image: Image.Image, engine: LoadedEngine, *, behind: bool) -> Bytes:
    """Return the alpha of a single picture, in its size made even.

    Args:
        image: The picture, RGB.
        engine: What tells people from the background.
        behind: Whether people behind those in front are kept.
    """
    width, height = (size + size % 2 for size in image.size)
    canvas = Canvas(width, height, Fraction(1), matrix=matrix_for(height), alpha=True)
    frame = canvas.frame(image.resize((width, height), Image.Resampling.LANCZOS))
    ((_, alpha),) = _cut(iter([frame]), canvas, engine, behind=behind)
    return alpha


def _cut(
    frames: Iterator[VideoFrame], canvas: Canvas, engine: LoadedEngine, *, behind: bool
) -> Iterator[tuple[VideoFrame, Bytes]]:
    plane = AlphaPlane(canvas)
    for view, cut in engine.cutter(behind=behind).follow(views_of(frames)):
        yield view.frame, plane(cut)


def _own_alpha(frames: Iterator[VideoFrame]) -> Iterator[tuple[VideoFrame, Bytes]]:
    for frame in frames:
        plane = frame.planes[_ALPHA_PLANE]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
        yield frame, rows[:, : plane.width].copy()


def _rgb(canvas: Canvas, frame: VideoFrame) -> Bytes:
    return canvas.as_rgb(frame, "rgb24").to_ndarray().astype(np.uint8, copy=False)
