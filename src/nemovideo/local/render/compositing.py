"""Full-size work around a cut: parts of a frame for the engine, and the person over a background.

It is done by FFmpeg on 8-bit frames, and only inside the cut's box. The box
changes seldom; a graph is built anew when it does.
"""

from __future__ import annotations

import numpy as np
from av.video.frame import VideoFrame
from PIL import Image, ImageFilter

from nemovideo.local.matte.cutter import Cut
from nemovideo.local.matte.engine import Mask, Picture
from nemovideo.local.matte.tracking import Box
from nemovideo.local.render.canvas import FULL_RANGE, Canvas
from nemovideo.local.render.filters import FrameGraph

_GRAPHS_KEPT = 4
_NEAR_PX = 7


class Lens:
    """Parts of frames, squeezed to a square."""

    def __init__(self) -> None:
        self._graphs: dict[tuple[object, ...], FrameGraph] = {}

    def __call__(self, frame: VideoFrame, box: Box, side: int, pixels: str) -> Picture:
        """Return what is in the box: side × side × 3 as "rgb24", side × side as "gray"."""
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


class Compositor:
    """Lay the person over a background."""

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._graph: FrameGraph | None = None
        self._box: Box | None = None

    def __call__(self, frame: VideoFrame, cut: Cut, behind: VideoFrame) -> VideoFrame:
        """Return a new frame; frame and background have the canvas's size."""
        mask = _gray(cut.mask)
        if self._graph is None or cut.box != self._box:
            self._graph, self._box = self._build(frame, mask, behind, cut.box), cut.box
        return self._canvas.tagged(self._graph.run(frame, mask, behind))

    def _build(
        self, frame: VideoFrame, mask: VideoFrame, behind: VideoFrame, box: Box
    ) -> FrameGraph:
        graph = FrameGraph()
        kept, matte, below = graph.source(frame), graph.source(mask), graph.source(behind)
        kept = graph.add("crop", _crop(box), kept)
        matte = graph.add("scale", _scale(box), matte)
        cut = graph.add("alphamerge", "", kept, matte)
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
        self._graph: FrameGraph | None = None
        self._box: Box | None = None

    def __call__(self, frame: VideoFrame, cut: Cut) -> VideoFrame:
        """Return a new frame with an alpha plane."""
        mask = _gray(cut.mask)
        grown = Image.fromarray(_bytes(cut.mask)).filter(ImageFilter.MaxFilter(_NEAR_PX))
        near = _gray_frame(grown.point(lambda value: 255 if value else 0))
        if self._graph is None or cut.box != self._box:
            self._graph, self._box = self._build(frame, mask, near, cut.box), cut.box
        return self._canvas.tagged(self._graph.run(frame, mask, near, self._black))

    def _build(self, frame: VideoFrame, mask: VideoFrame, near: VideoFrame, box: Box) -> FrameGraph:
        graph = FrameGraph()
        kept, matte, grown = graph.source(frame), graph.source(mask), graph.source(near)
        black = graph.source(self._black)
        kept = graph.add("crop", _crop(box), kept)
        cut = graph.add("alphamerge", "", kept, graph.add("scale", _scale(box), grown))
        clean = graph.add("overlay", f"{box[0]}:{box[1]}:format=yuv420", black, cut)
        opaque = graph.add("format", "yuv420p", clean)
        matte = graph.add("scale", _scale(box), matte)
        size = f"{self._canvas.width}:{self._canvas.height}:{box[0]}:{box[1]}"
        graph.finish(graph.add("alphamerge", "", opaque, graph.add("pad", size, matte)))
        return graph


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
