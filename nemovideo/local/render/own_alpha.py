"""Clips with transparency: their own alpha is the mask, and no engine is used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction

import numpy as np
from av.video.frame import VideoFrame

from nemovideo.local.matte import Cut
from nemovideo.local.matte.engine import Mask
from nemovideo.local.matte.tracking import whole
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.render.backgrounds import make_background
from nemovideo.local.render.canvas import Canvas
from nemovideo.local.render.effects import mask
from nemovideo.local.render.filters import FrameGraph, Mover, Shift
from nemovideo.local.render.layout import Layout
from nemovideo.local.render.notices import Warn, ignore_warning
from nemovideo.local.timeline import Clip

_ALPHA_PLANE = 3


def composite(
    frames: Iterator[VideoFrame],
    clip: Clip,
    canvas: Canvas,
    media: Mapping[str, MediaItem],
    layout: Layout | None = None,
    warn: Warn = ignore_warning,
    *,
    offset_s: Fraction = Fraction(0),
) -> Iterator[VideoFrame]:
    """Composite a clip's frames over its background, or keep their alpha.

    Args:
        frames: Frames with an alpha plane, of the size of the canvas or of the layout's stage.
        clip: Their clip, with a background.
        canvas: The output canvas.
        media: The uploaded files.
        layout: The position of the frames on the canvas; None if they fill it.
        warn: Called with each warning.
        offset_s: The offset of the first frame in the clip, in seconds.
    """
    background = clip.background
    assert background is not None
    stage = canvas if layout is None else layout.stage(canvas)
    kind = "alpha" if background.kind == "transparent" and canvas.alpha else background.kind
    behind = (
        None
        if kind in ("alpha", "matte")
        else make_background(background, canvas, media, warn, offset_s=offset_s)
    )
    shift = None if layout is None else Shift(canvas)
    extract, overlay = mask(stage), _Overlay(canvas)
    last: tuple[object, ...] = ()
    made: VideoFrame | None = None
    for number, frame in enumerate(frames):
        offset = (0, 0) if layout is None else layout.at(number)
        below = None if behind is None else behind.frame(frame, _cut(frame, kind))
        if made is None or last != (frame, below, offset):
            last = (frame, below, offset)
            if below is not None:
                made = overlay(frame, below, offset)
            else:
                shown = extract(frame) if kind == "matte" else frame
                made = shown if shift is None else shift(shown, offset)
        yield made


def _cut(frame: VideoFrame, kind: str) -> Cut:
    """Return the frame's alpha as a cut; only the blur needs the real one."""
    box = whole((frame.width, frame.height))
    if kind != "blur":
        return Cut(box, np.ones((2, 2), np.float32))
    plane = frame.planes[_ALPHA_PLANE]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    alpha: Mask = rows[:, : plane.width].astype(np.float32) * np.float32(1 / 255)
    return Cut(box, alpha)


class _Overlay:
    """Overlay frames with alpha on others, at a variable position."""

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._graph: FrameGraph | None = None
        self._move: Mover | None = None

    def __call__(self, frame: VideoFrame, below: VideoFrame, offset: tuple[int, int]) -> VideoFrame:
        if self._graph is None or self._move is None:
            self._graph = FrameGraph()
            inputs = self._graph.source(below), self._graph.source(frame)
            over = self._graph.add("overlay", f"{offset[0]}:{offset[1]}:format=yuv420", *inputs)
            self._move = Mover(over, offset)
            self._graph.finish(over)
        self._move(offset)
        return self._canvas.tagged(self._graph.run(below, frame))
