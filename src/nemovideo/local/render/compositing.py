"""Full-size work around a cut: parts of a frame for the engine, and the person over a background.

It is done by FFmpeg on 8-bit frames, and only inside the cut's box. The box
changes seldom; a graph is built anew when it does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from av.video.frame import VideoFrame
from PIL import Image, ImageFilter

from nemovideo.local.matte.cutter import Cut
from nemovideo.local.matte.engine import Mask, Picture
from nemovideo.local.matte.spill import missing_color
from nemovideo.local.matte.tracking import Box, resized
from nemovideo.local.render.canvas import FULL_RANGE, Canvas
from nemovideo.local.render.filters import FrameGraph

if TYPE_CHECKING:
    from av.filter.context import FilterContext

_GRAPHS_KEPT = 4
_NEAR_PX = 7
_COLOR_SIDE = 128
_NEUTRAL = 128


class Lens:
    """Parts of frames, squeezed to a square."""

    def __init__(self) -> None:
        self._graphs: dict[tuple[object, ...], FrameGraph] = {}

    def __call__(self, frame: VideoFrame, box: Box, side: int, pixels: str) -> Picture:
        """Return what is in the box.

        Its shape is side × side × 3 as "rgb24", 3 × side × side as "yuv444p", side × side
        as "gray".
        """
        key = (box, side, pixels, frame.width, frame.height, frame.format.name, frame.colorspace)
        graph = self._graphs.pop(key, None) or self._build(frame, box, side, pixels)
        self._graphs[key] = graph
        if len(self._graphs) > _GRAPHS_KEPT:
            del self._graphs[next(iter(self._graphs))]
        return graph.run(frame).to_ndarray().astype(np.uint8, copy=False)

    def _build(self, frame: VideoFrame, box: Box, side: int, pixels: str) -> FrameGraph:
        graph = FrameGraph()
        part = graph.add("crop", _crop(box), graph.source(frame))
        small = graph.add("scale", f"{side}:{side}:flags=area", part)
        graph.finish(graph.add("format", pixels, small))
        return graph


class EdgeColors:
    """What the colours in a box lack for edges without the old background."""

    def __init__(self) -> None:
        self._lens = Lens()
        self._made: tuple[Box, VideoFrame] | None = None

    def __call__(self, frame: VideoFrame, cut: Cut) -> VideoFrame:
        """Return a small frame that is to be scaled to the box and merged with what is there.

        Its values are differences, and 128 where there is none. For a cut that is
        settled it is that of the cut before.
        """
        if self._made is None or not cut.settled or self._made[0] != cut.box:
            self._made = cut.box, self._make(frame, cut)
        return self._made[1]

    def _make(self, frame: VideoFrame, cut: Cut) -> VideoFrame:
        colors = self._lens(frame, cut.box, _COLOR_SIDE, "yuv444p").astype(np.float32)
        lacking = missing_color(colors, resized(cut.mask, (_COLOR_SIDE, _COLOR_SIDE)))
        lacking += np.float32(_NEUTRAL + 0.5)
        made = VideoFrame.from_ndarray(lacking.clip(0, 255).astype(np.uint8), format="yuv444p")
        made.colorspace, made.color_range = frame.colorspace, frame.color_range
        return made


class Compositor:
    """Lay the person over a background."""

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._colors = EdgeColors()
        self._graph: FrameGraph | None = None
        self._box: Box | None = None

    def __call__(self, frame: VideoFrame, cut: Cut, behind: VideoFrame) -> VideoFrame:
        """Return a new frame; frame and background have the canvas's size."""
        frames = frame, self._colors(frame, cut), _gray(cut.mask), behind
        if self._graph is None or cut.box != self._box:
            self._graph, self._box = self._build(*frames, cut.box), cut.box
        return self._canvas.tagged(self._graph.run(*frames))

    def _build(
        self,
        frame: VideoFrame,
        lacking: VideoFrame,
        mask: VideoFrame,
        behind: VideoFrame,
        box: Box,
    ) -> FrameGraph:
        graph = FrameGraph()
        kept = _with_clean_edges(graph, frame, lacking, box)
        matte, below = graph.source(mask), graph.source(behind)
        cut = graph.add("alphamerge", "", kept, graph.add("scale", _scale(box), matte))
        place = f"{box[0]}:{box[1]}:format=yuv420"
        graph.finish(graph.add("overlay", place, below, cut))
        return graph


class Cutout:
    """Make everything that the mask does not keep transparent, and its colour black.

    The colour stays a little beyond the mask's edge, so that the codec does not
    bleed black into the person; beyond that nothing of the old background is
    left in the file.
    """

    def __init__(self, canvas: Canvas, black: VideoFrame) -> None:
        self._canvas = canvas
        self._black = black
        self._colors = EdgeColors()
        self._graph: FrameGraph | None = None
        self._box: Box | None = None

    def __call__(self, frame: VideoFrame, cut: Cut) -> VideoFrame:
        """Return a new frame with an alpha plane."""
        grown = Image.fromarray(_bytes(cut.mask)).filter(ImageFilter.MaxFilter(_NEAR_PX))
        near = _gray_frame(grown.point(lambda value: 255 if value else 0))
        frames = frame, self._colors(frame, cut), _gray(cut.mask), near, self._black
        if self._graph is None or cut.box != self._box:
            self._graph, self._box = self._build(*frames, cut.box), cut.box
        return self._canvas.tagged(self._graph.run(*frames))

    def _build(
        self,
        frame: VideoFrame,
        lacking: VideoFrame,
        mask: VideoFrame,
        near: VideoFrame,
        black: VideoFrame,
        box: Box,
    ) -> FrameGraph:
        graph = FrameGraph()
        kept = _with_clean_edges(graph, frame, lacking, box)
        matte, grown, below = graph.source(mask), graph.source(near), graph.source(black)
        cut = graph.add("alphamerge", "", kept, graph.add("scale", _scale(box), grown))
        clean = graph.add("overlay", f"{box[0]}:{box[1]}:format=yuv420", below, cut)
        opaque = graph.add("format", "yuv420p", clean)
        matte = graph.add("scale", _scale(box), matte)
        size = f"{self._canvas.width}:{self._canvas.height}:{box[0]}:{box[1]}"
        graph.finish(graph.add("alphamerge", "", opaque, graph.add("pad", size, matte)))
        return graph


def _with_clean_edges(
    graph: FrameGraph, frame: VideoFrame, lacking: VideoFrame, box: Box
) -> FilterContext:
    """Add the inputs for a frame and its edge colours; return what is in the box, with both."""
    part = graph.add("crop", _crop(box), graph.source(frame))
    wide = graph.add("scale", _scale(box), graph.source(lacking))
    wide = graph.add("format", "yuv420p", wide)
    return graph.add("blend", "all_mode=grainmerge", part, wide)


def _crop(box: Box) -> str:
    return f"{box[2] - box[0]}:{box[3] - box[1]}:{box[0]}:{box[1]}:exact=1"


def _scale(box: Box) -> str:
    return f"{box[2] - box[0]}:{box[3] - box[1]}:flags=bilinear"


def _gray(mask: Mask) -> VideoFrame:
    return _gray_frame(Image.fromarray(_bytes(mask)))


def _bytes(mask: Mask) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return (mask * 255 + 0.5).astype(np.uint8)


def _gray_frame(image: Image.Image) -> VideoFrame:
    frame = VideoFrame.from_ndarray(np.asarray(image), format="gray")
    frame.color_range = FULL_RANGE
    return frame
