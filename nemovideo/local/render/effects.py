"""Effects: FFmpeg filters that process whole frames without resizing them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from av.video.frame import VideoFrame

from nemovideo.local.render.canvas import Canvas
from nemovideo.local.render.filters import FrameGraph

if TYPE_CHECKING:
    from av.filter.context import FilterContext

    _Draw: TypeAlias = Callable[[FrameGraph, Sequence[FilterContext]], FilterContext]


class Effect:
    """A function of one or more frames, whose result is tagged with the canvas's colors.

    Args:
        canvas: The canvas of the result.
        draw: Adds the filters to a graph with these inputs, and returns the last one.
    """

    def __init__(self, canvas: Canvas, draw: _Draw) -> None:
        self._canvas = canvas
        self._draw = draw
        self._graph: FrameGraph | None = None

    def __call__(self, *frames: VideoFrame) -> VideoFrame:
        """Return a new frame; all calls need frames of the same size and format."""
        if self._graph is None:
            self._graph = FrameGraph()
            inputs = [self._graph.source(frame) for frame in frames]
            self._graph.finish(self._draw(self._graph, inputs))
        return self._canvas.tagged(self._graph.run(*frames))


def fade(canvas: Canvas, *, out: bool, frames: int) -> Effect:
    """Fade consecutive frames from or to black, or transparency if they have alpha."""
    kind = "out" if out else "in"
    args = f"type={kind}:start_frame=0:nb_frames={frames}:alpha={int(canvas.alpha)}"
    return Effect(canvas, lambda graph, inputs: graph.add("fade", args, *inputs))


def color(canvas: Canvas) -> Effect:
    """Return the color of frames with alpha."""
    return Effect(canvas, lambda graph, inputs: graph.add("format", "yuv420p", *inputs))


def mask(canvas: Canvas) -> Effect:
    """Return the alpha of frames as a picture, white where opaque."""
    return Effect(canvas, lambda graph, inputs: _mask(graph, *inputs))


def stacked(canvas: Canvas) -> Effect:
    """Return frames with alpha as opaque frames of twice the height: the color above the mask."""

    def draw(graph: FrameGraph, inputs: Sequence[FilterContext]) -> FilterContext:
        both = graph.add("split", "2", *inputs)
        above = graph.add("format", "yuv420p", both)
        below = graph.add("null", "")
        both.link_to(below, 1, 0)
        return graph.add("vstack", "", above, _mask(graph, below))

    return Effect(canvas, draw)


def stamp(canvas: Canvas, x: int, y: int, opacity: float = 1.0) -> Effect:
    """Overlay a picture with alpha, the second argument, on a frame."""

    def draw(graph: FrameGraph, inputs: Sequence[FilterContext]) -> FilterContext:
        below, above = inputs
        if opacity < 1:
            above = graph.add("lutyuv", f"a=val*{opacity:.4f}", above)
        return graph.add("overlay", f"{x}:{y}:format=yuv420", below, above)

    return Effect(canvas, draw)


def adjustment(canvas: Canvas, *, brightness: float, contrast: float, saturation: float) -> Effect:
    """Change the brightness (an offset, -1..1), contrast and saturation (factors) of frames."""
    luma = f"clip((val-126)*{contrast:.4f}+126+{brightness * 219:.3f}\\,16\\,235)"
    chroma = f"clip((val-128)*{saturation * contrast:.4f}+128\\,16\\,240)"
    args = f"y={luma}:u={chroma}:v={chroma}"
    return Effect(canvas, lambda graph, inputs: graph.add("lutyuv", args, *inputs))


def shallow_copy(canvas: Canvas) -> Effect:
    """Copy frames without their pixels.

    The encoder can then set the timestamps of a repeated frame while it is still in use.
    """
    return Effect(canvas, lambda graph, inputs: graph.add("null", "", *inputs))


def ten_bit(canvas: Canvas) -> Effect:
    """Convert frames to 10-bit 4:4:4 with full-range alpha.

    FFmpeg only shifts 8-bit alpha, so that 255 of 255 becomes 1020 of 1023.
    """

    def draw(graph: FrameGraph, inputs: Sequence[FilterContext]) -> FilterContext:
        return graph.add("lutyuv", "a=val*1023/1020", graph.add("format", "yuva444p10le", *inputs))

    return Effect(canvas, draw)


def _mask(graph: FrameGraph, frame: FilterContext) -> FilterContext:
    alpha = graph.add("alphaextract", "", frame)
    limited = graph.add("scale", "in_range=full:out_range=limited", alpha)
    return graph.add("format", "yuv420p", limited)
