"""Full-size work around a cut: parts of a frame for the engine, and the person over a background.

It is done by FFmpeg on 8-bit frames, and only inside the cut's box. The box
changes seldom; a graph is built anew when it does.
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

_GRAPHS_KEPT = 12
_NEAR_PX = 7
_COLOR_SIZE = (128, 128)
_NEUTRAL = 128


class Lens:
    """Parts of frames, each in a size of its own."""

    def __init__(self) -> None:
        self._graphs: dict[tuple[object, ...], FrameGraph] = {}

    def __call__(self, frame: VideoFrame, box: Box, size: Size, pixels: str) -> Picture:
        """Return what is in the box.

        Its shape is height × width × 3 as "rgb24", 3 × height × width as "yuv444p",
        height × width as "gray".
        """
        key = (box, size, pixels, frame.width, frame.height, frame.format.name, frame.colorspace)
        graph = self._graphs.pop(key, None) or self._build(frame, box, size, pixels)
        self._graphs[key] = graph
        if len(self._graphs) > _GRAPHS_KEPT:
            del self._graphs[next(iter(self._graphs))]
        return graph.run(frame).to_ndarray().astype(np.uint8, copy=False)

    def _build(self, frame: VideoFrame, box: Box, size: Size, pixels: str) -> FrameGraph:
        graph = FrameGraph()
        part = graph.add("crop", _crop(box), graph.source(frame))
        small = graph.add("scale", f"{size[0]}:{size[1]}:flags=area", part)
        graph.finish(graph.add("format", pixels, small))
        return graph


class _BoxGraph:
    """A graph whose work lies in a box; it is built anew when the box or a size changes.

    What it draws last may be moved: then its last filter is an overlay.
    """

    def __init__(self, canvas: Canvas, draw: _Draw) -> None:
        self._canvas = canvas
        self._draw = draw
        self._graph: FrameGraph | None = None
        self._form: tuple[object, ...] = ()
        self._move: Mover | None = None

    def __call__(
        self, box: Box, *frames: VideoFrame, offset: tuple[int, int] = (0, 0)
    ) -> VideoFrame:
        form = (box, *((frame.width, frame.height) for frame in frames))
        if self._graph is None or form != self._form:
            graph = FrameGraph()
            last = self._draw(graph, box, [graph.source(frame) for frame in frames])
            graph.finish(last)
            self._graph, self._form, self._move = graph, form, Mover(last, (box[0], box[1]))
        if self._move is not None:
            self._move((box[0] + offset[0], box[1] + offset[1]))
        return self._canvas.tagged(self._graph.run(*frames))


class EdgeColors:
    """What the colors in a box lack for edges without the old background."""

    def __init__(self, canvas: Canvas) -> None:
        self._lens = Lens()
        self._stretched = _BoxGraph(canvas, _stretched)
        self._made: tuple[Box, VideoFrame] | None = None

    def __call__(self, frame: VideoFrame, cut: Cut) -> VideoFrame:
        """Return a frame of the box's size that is to be merged with what is there.

        Its values are differences, and 128 where there is none. For a cut that is
        settled it is that of the cut before.
        """
        if self._made is None or not cut.settled or self._made[0] != cut.box:
            self._made = cut.box, self._stretched(cut.box, self._make(frame, cut))
        return self._made[1]

    def _make(self, frame: VideoFrame, cut: Cut) -> VideoFrame:
        colors = self._lens(frame, cut.box, _COLOR_SIZE, "yuv444p").astype(np.float32)
        lacking = missing_color(colors, resized(cut.mask, _COLOR_SIZE))
        lacking += np.float32(_NEUTRAL + 0.5)
        made = VideoFrame.from_ndarray(lacking.clip(0, 255).astype(np.uint8), format="yuv444p")
        made.colorspace, made.color_range = frame.colorspace, frame.color_range
        return made


class Compositor:
    """Lay the person over a background.

    Args:
        canvas: What the frames have in common.
        clean_edges: Whether the old background's color is taken out of the edges; not for a
            frame that is no picture of the person.
    """

    def __init__(self, canvas: Canvas, *, clean_edges: bool = True) -> None:
        self._colors = EdgeColors(canvas) if clean_edges else None
        self._graph = _BoxGraph(canvas, _laid_over)

    def __call__(
        self, frame: VideoFrame, cut: Cut, behind: VideoFrame, offset: tuple[int, int] = (0, 0)
    ) -> VideoFrame:
        """Return a new frame of the background's size; `offset` is the frame's place on it."""
        lacking = () if self._colors is None else (self._colors(frame, cut),)
        mask = _gray(_bytes(cut.mask))
        return self._graph(cut.box, frame, *lacking, mask, behind, offset=offset)


class Cutout:
    """Make everything that the mask does not keep transparent, and its color black.

    The color stays a little beyond the mask's edge, so that the codec does not
    bleed black into the person; beyond that nothing of the old background is
    left in the file.
    """

    def __init__(self, canvas: Canvas, black: VideoFrame) -> None:
        self._black = black
        self._colors = EdgeColors(canvas)
        self._graph = _BoxGraph(canvas, partial(_alone, size=(canvas.width, canvas.height)))

    def __call__(self, frame: VideoFrame, cut: Cut) -> VideoFrame:
        """Return a new frame with an alpha plane."""
        mask = _bytes(cut.mask)
        grown = Image.fromarray(mask).filter(ImageFilter.MaxFilter(_NEAR_PX))
        near = np.asarray(grown.point(lambda value: 255 if value else 0))
        lacking = self._colors(frame, cut)
        return self._graph(cut.box, frame, lacking, _gray(near), self._black, _gray(mask))


class AlphaPlane:
    """Make a cut's mask as large as the frame: the alpha that `Cutout` gives it."""

    def __init__(self, canvas: Canvas) -> None:
        self._graph = _BoxGraph(canvas, partial(_plane, size=(canvas.width, canvas.height)))

    def __call__(self, cut: Cut) -> Bytes:
        """Return the alpha, height × width, 0..255."""
        made = self._graph(cut.box, _gray(_bytes(cut.mask)))
        return made.to_ndarray().astype(np.uint8, copy=False)


def _laid_over(graph: FrameGraph, box: Box, inputs: Sequence[FilterContext]) -> FilterContext:
    """Draw a frame, perhaps with its edge colors, by a mask, over another."""
    *kept, mask, below = inputs
    scaled = graph.add("scale", _scale(box), mask)
    cut = graph.add("alphamerge", "", _inside(graph, box, *kept), scaled)
    return graph.add("overlay", f"{box[0]}:{box[1]}:format=yuv420", below, cut)


def _alone(
    graph: FrameGraph, box: Box, inputs: Sequence[FilterContext], *, size: Size
) -> FilterContext:
    """Draw a frame as far as it is near the person, over black, with the mask as its alpha."""
    *shown, mask = inputs
    opaque = graph.add("format", "yuv420p", _laid_over(graph, box, shown))
    return graph.add("alphamerge", "", opaque, _plane(graph, box, [mask], size=size))


def _plane(
    graph: FrameGraph, box: Box, inputs: Sequence[FilterContext], *, size: Size
) -> FilterContext:
    """Draw a mask as large as the frame, with nothing outside its box."""
    scaled = graph.add("scale", _scale(box), *inputs)
    return graph.add("pad", f"{size[0]}:{size[1]}:{box[0]}:{box[1]}", scaled)


def _inside(
    graph: FrameGraph, box: Box, frame: FilterContext, lacking: FilterContext | None = None
) -> FilterContext:
    """Return what a frame has in the box, with its edge colors where they are given."""
    part = graph.add("crop", _crop(box), frame)
    return part if lacking is None else graph.add("blend", "all_mode=grainmerge", part, lacking)


def _stretched(graph: FrameGraph, box: Box, inputs: Sequence[FilterContext]) -> FilterContext:
    """Draw a small frame as large as the box."""
    (small,) = inputs
    return graph.add("format", "yuv420p", graph.add("scale", _scale(box), small))


def _crop(box: Box) -> str:
    return f"{box[2] - box[0]}:{box[3] - box[1]}:{box[0]}:{box[1]}:exact=1"


def _scale(box: Box) -> str:
    return f"{box[2] - box[0]}:{box[3] - box[1]}:flags=bilinear"


def _bytes(mask: Mask) -> Bytes:
    return (mask * 255 + 0.5).astype(np.uint8)


def _gray(values: Bytes) -> VideoFrame:
    frame = VideoFrame.from_ndarray(values, format="gray")
    frame.color_range = FULL_RANGE
    return frame
