"""Clips with transparency: their own alpha is the mask, and no engine is used."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from av.video.frame import VideoFrame

from nemovideo.local.matte import Cut
from nemovideo.local.matte.engine import Mask
from nemovideo.local.matte.tracking import whole
from nemovideo.local.render.backgrounds import BackgroundSource
from nemovideo.local.render.canvas import Canvas
from nemovideo.local.render.effects import mask
from nemovideo.local.render.filters import Shift
from nemovideo.local.render.layout import Layout, Offset, positioned
from nemovideo.local.timeline import Clip

_ALPHA_PLANE = 3


def composite(
    frames: Iterator[VideoFrame],
    clip: Clip,
    canvas: Canvas,
    open_background: Callable[[], BackgroundSource],
    layout: Layout | None = None,
) -> Iterator[VideoFrame]:
    """Composite a clip's frames over its background, or keep their alpha.

    Args:
        frames: Frames with an alpha plane, of the size of the canvas or of the layout's stage.
        clip: Their clip, with a background.
        canvas: The output canvas.
        open_background: Opens the source of the background's frames.
        layout: The position of the frames on the canvas; None if they fill it.
    """
    background = clip.background
    assert background is not None
    stage = canvas if layout is None else layout.stage(canvas)
    kind = "alpha" if background.kind == "transparent" and canvas.alpha else background.kind
    shift = Shift(canvas)
    if kind in ("alpha", "matte"):
        extract = mask(stage) if kind == "matte" else None

        def placed(frame: VideoFrame, offset: Offset) -> VideoFrame:
            shown = frame if extract is None else extract(frame)
            return shown if layout is None else shift(shown, offset)

        return positioned(frames, layout, placed)
    backgrounds = open_background()
    pairs = ((frame, backgrounds.frame(frame, _cut(frame, kind))) for frame in frames)
    return positioned(pairs, layout, lambda pair, offset: shift(pair[0], offset, pair[1]))


def _cut(frame: VideoFrame, kind: str) -> Cut:
    """Return the frame's alpha as a cut; only the blur needs the real one."""
    box = whole((frame.width, frame.height))
    if kind != "blur":
        return Cut(box, np.ones((2, 2), np.float32))
    plane = frame.planes[_ALPHA_PLANE]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    alpha: Mask = rows[:, : plane.width].astype(np.float32) * np.float32(1 / 255)
    return Cut(box, alpha)
