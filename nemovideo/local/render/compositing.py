"""Compositing at full resolution: regions for the engine, and the person over a background.

FFmpeg does it on 8-bit frames, and only within the cut's box. The graphs are rebuilt when the box
changes, which is rare.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame
from PIL import Image, ImageFilter

from nemovideo.local.matte.cutter import Cut
from nemovideo.local.matte.engine import Mask, Picture
from nemovideo.local.matte.spill import missing_color
from nemovideo.local.matte.tracking import Box, Size, resized
from nemovideo.local.render.canvas import Canvas
from nemovideo.local.render.colors import FULL_RANGE
from nemovideo.local.render.filters import FrameGraph, Mover

if TYPE_CHECKING:
    from av.filter.context import FilterContext

    _Draw: TypeAlias = Callable[[FrameGraph, Box, Sequence[FilterContext]], FilterContext]

Bytes: TypeAlias = npt.NDArray[np.uint8]

_MAX_GRAPHS = 12
_NEAR_PX = 7
_COLOR_SIZE = (128, 128)
_NEUTRAL = 128


class Cropper:
    """Crop regions of frames and scale them; graphs are cached."""

    def __init__(self) -> None:
        self._graphs: dict[tuple[object, ...], FrameGraph] = {}

    def __call__(self, frame: VideoFrame, box: Box, size: Size, pixels: str) -> Picture:
        """Return the box of a frame, scaled to `size`.

        The shape is height × width × 3 for "rgb24", 3 × height × width for "yuv444p", and
        height × width for "gray".
        """
        key = (box, size, pixels, frame.width, frame.height, frame.format.name, frame.colorspace)
        graph = self._graphs.pop(key, None) or self._build(frame, box, size, pixels)
        self._graphs[key] = graph
        if len(self._graphs) > _MAX_GRAPHS:
            del self._graphs[next(iter(self._graphs))]
        return graph.run(frame).to_ndarray().astype(np.uint8, copy=False)

    def _build(self, frame: VideoFrame, box: Box, size: Size, pixels: str) -> FrameGraph:
        graph = FrameGraph()
        part = graph.add("crop", _crop(box), graph.source(frame))
        small = graph.add("scale", f"{size[0]}:{size[1]}:flags=area", part)
        graph.finish(graph.add("format", pixels, small))
        return graph


class _BoxGraph:
    """A graph for a box; it is rebuilt when the box or a size changes.

    To use `offset`, its last filter must be an overlay.
    """

    def __init__(self, canvas: Canvas, draw: _Draw) -> None:
        self._canvas = canvas
        self._draw = draw
        self._graph: FrameGraph | None = None
        self._key: tuple[object, ...] = ()
        self._move: Mover | None = None

    def __call__(
        self, box: Box, *frames: VideoFrame, offset: tuple[int, int] = (0, 0)
    ) -> VideoFrame:
        key = (box, *((frame.width, frame.height) for frame in frames))
        if self._graph is None or key != self._key:
            graph = FrameGraph()
            last = self._draw(graph, box, [graph.source(frame) for frame in frames])
            graph.finish(last)
            self._graph, self._key, self._move = graph, key, Mover(last, (box[0], box[1]))
        if self._move is not None:
            self._move((box[0] + offset[0], box[1] + offset[1]))
        return self._canvas.tagged(self._graph.run(*frames))


class EdgeColors:
    """Color corrections that remove the old background from the edges."""

    def __init__(self, canvas: Canvas) -> None:
        self._cropper = Cropper()
        self._stretched = _BoxGraph(canvas, _stretched)
        self._corrections: tuple[Box, VideoFrame] | None = None

    def __call__(self, frame: VideoFrame, cut: Cut) -> VideoFrame:
        """Return the corrections to add to the box: differences, offset by 128.

        A settled cut reuses those of the previous one.
        """
        if self._corrections is None or not cut.settled or self._corrections[0] != cut.box:
            self._corrections = cut.box, self._stretched(cut.box, self._make(frame, cut))
        return self._corrections[1]

    def _make(self, frame: VideoFrame, cut: Cut) -> VideoFrame:
        colors = self._cropper(frame, cut.box, _COLOR_SIZE, "yuv444p").astype(np.float32)
        change = missing_color(colors, resized(cut.mask, _COLOR_SIZE))
        change += np.float32(_NEUTRAL + 0.5)
        corrections = VideoFrame.from_ndarray(
            change.clip(0, 255).astype(np.uint8), format="yuv444p"
        )
        corrections.colorspace, corrections.color_range = frame.colorspace, frame.color_range
        return corrections


class Compositor:
    """Composite the person over a background.

    Args:
        canvas: The canvas of the frames.
        clean_edges: Whether to remove the old background's color from the edges; not for masks.
    """

    def __init__(self, canvas: Canvas, *, clean_edges: bool = True) -> None:
        self._colors = EdgeColors(canvas) if clean_edges else None
        self._graph = _BoxGraph(canvas, _overlaid)

    def __call__(
        self, frame: VideoFrame, cut: Cut, background: VideoFrame, offset: tuple[int, int] = (0, 0)
    ) -> VideoFrame:
        """Return a new frame of the background's size; `offset` is the frame's position on it."""
        colors = () if self._colors is None else (self._colors(frame, cut),)
        mask = _gray(_bytes(cut.mask))
        return self._graph(cut.box, frame, *colors, mask, background, offset=offset)


class Cutout:
    """Make the background transparent, and its color black.

    The color is kept slightly beyond the mask's edge, so that the codec does not bleed black into
    the person; the rest of the old background is removed.
    """

    def __init__(self, canvas: Canvas, black: VideoFrame) -> None:
        self._black = black
        self._colors = EdgeColors(canvas)
        self._graph = _BoxGraph(canvas, partial(_over_black, size=(canvas.width, canvas.height)))

    def __call__(self, frame: VideoFrame, cut: Cut) -> VideoFrame:
        """Return a new frame with an alpha plane."""
        mask = _bytes(cut.mask)
        near, colors = _gray(_near(mask)), self._colors(frame, cut)
        return self._graph(cut.box, frame, colors, near, self._black, _gray(mask))


class CleanFrame:
    """Remove the old background's color from the edges; the rest of the frame is unchanged."""

    def __init__(self, canvas: Canvas) -> None:
        self._colors = EdgeColors(canvas)
        self._graph = _BoxGraph(canvas, _overlaid)

    def __call__(self, frame: VideoFrame, cut: Cut) -> VideoFrame:
        """Return a new frame, opaque."""
        near = _gray(_near(_bytes(cut.mask)))
        return self._graph(cut.box, frame, self._colors(frame, cut), near, frame)


class AlphaPlane:
    """Scale a cut's mask to the frame: the alpha of `Cutout`."""

    def __init__(self, canvas: Canvas) -> None:
        self._graph = _BoxGraph(canvas, partial(_plane, size=(canvas.width, canvas.height)))

    def __call__(self, cut: Cut) -> Bytes:
        """Return the alpha, height × width, 0..255."""
        alpha = self._graph(cut.box, _gray(_bytes(cut.mask)))
        return alpha.to_ndarray().astype(np.uint8, copy=False)


def _overlaid(graph: FrameGraph, box: Box, inputs: Sequence[FilterContext]) -> FilterContext:
    """Overlay a frame, optionally with its edge colors, on another through a mask."""
    *kept, mask, below = inputs
    scaled = graph.add("scale", _scale(box), mask)
    cut = graph.add("alphamerge", "", _inside(graph, box, *kept), scaled)
    return graph.add("overlay", f"{box[0]}:{box[1]}:format=yuv420", below, cut)


def _over_black(
    graph: FrameGraph, box: Box, inputs: Sequence[FilterContext], *, size: Size
) -> FilterContext:
    """Draw the person, and slightly more, over black, with the mask as alpha."""
    *shown, mask = inputs
    opaque = graph.add("format", "yuv420p", _overlaid(graph, box, shown))
    return graph.add("alphamerge", "", opaque, _plane(graph, box, [mask], size=size))


def _plane(
    graph: FrameGraph, box: Box, inputs: Sequence[FilterContext], *, size: Size
) -> FilterContext:
    """Pad a mask to the frame's size."""
    scaled = graph.add("scale", _scale(box), *inputs)
    return graph.add("pad", f"{size[0]}:{size[1]}:{box[0]}:{box[1]}", scaled)


def _inside(
    graph: FrameGraph, box: Box, frame: FilterContext, colors: FilterContext | None = None
) -> FilterContext:
    """Crop a frame to the box, and add its edge colors."""
    part = graph.add("crop", _crop(box), frame)
    return part if colors is None else graph.add("blend", "all_mode=grainmerge", part, colors)


def _stretched(graph: FrameGraph, box: Box, inputs: Sequence[FilterContext]) -> FilterContext:
    """Scale a small frame to the box."""
    (small,) = inputs
    return graph.add("format", "yuv420p", graph.add("scale", _scale(box), small))


def _crop(box: Box) -> str:
    return f"{box[2] - box[0]}:{box[3] - box[1]}:{box[0]}:{box[1]}:exact=1"


def _scale(box: Box) -> str:
    return f"{box[2] - box[0]}:{box[3] - box[1]}:flags=bilinear"


def _bytes(mask: Mask) -> Bytes:
    return (mask * 255 + 0.5).astype(np.uint8)


def _near(mask: Bytes) -> Bytes:
    """Return 255 on the person and slightly beyond the mask's edge, 0 elsewhere."""
    grown = Image.fromarray(mask).filter(ImageFilter.MaxFilter(_NEAR_PX))
    return np.asarray(grown.point(lambda value: 255 if value else 0))


def _gray(values: Bytes) -> VideoFrame:
    frame = VideoFrame.from_ndarray(values, format="gray")
    frame.color_range = FULL_RANGE
    return frame
