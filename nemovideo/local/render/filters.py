"""FFmpeg filter graphs as functions of frames.

Each class owns its graph: PyAV's filter contexts do not keep it alive.
"""

from __future__ import annotations

import threading
from fractions import Fraction
from typing import TYPE_CHECKING

import av.filter
from av.video.frame import VideoFrame
from PIL import Image

from nemovideo.local.media.transparency import has_alpha_channel
from nemovideo.local.render.canvas import Canvas, fit_size
from nemovideo.local.render.colors import FULL_RANGE, LIMITED_RANGE, hdr_curve, is_wide_gamut
from nemovideo.local.render.tone_mapping import TABLE_FORMAT, color_table
from nemovideo.local.timeline import Clip, Crop

if TYPE_CHECKING:
    from av.filter.context import FilterContext

_TIME_BASE = Fraction(1, 25)  # arbitrary: only the order of frames matters
_MATRICES = {1: "bt709", 5: "bt470bg", 6: "smpte170m", 9: "bt2020nc"}
_FILL_LIGHT = 0.75
_pts_lock = threading.Lock()
"""Held from setting a frame's timestamp until it is pushed: other threads may push it, too."""
_TURNS = {90: ("cclock",), 180: ("clock", "clock"), 270: ("clock",)}


class FrameGraph:
    """A graph with one output frame for each set of input frames."""

    def __init__(self) -> None:
        self._graph = av.filter.Graph()
        self._graph.threads = 1  # leaves the other cores to the encoder
        self._sources: list[FilterContext] = []
        self._sink: FilterContext | None = None
        self._count = 0

    def source(self, like: VideoFrame) -> FilterContext:
        """Add an input for frames of this size, format and color space."""
        colors = {"range": "full" if like.color_range == FULL_RANGE else "limited"}
        if like.colorspace in _MATRICES and like.format.name != "gray":
            colors["colorspace"] = _MATRICES[like.colorspace]
        source = self._graph.add(
            "buffer",
            video_size=f"{like.width}x{like.height}",
            pix_fmt=like.format.name,
            time_base=str(_TIME_BASE),
            pixel_aspect="1/1",
            **colors,
        )
        self._sources.append(source)
        return source

    def add(self, name: str, args: str, *inputs: FilterContext) -> FilterContext:
        """Add a filter, linked to its inputs."""
        node = self._graph.add(name, args)
        for number, context in enumerate(inputs):
            context.link_to(node, 0, number)
        return node

    def finish(self, last: FilterContext) -> None:
        """Configure the graph, with `last` as its output."""
        self._sink = self._graph.add("buffersink")
        last.link_to(self._sink)
        self._graph.configure()

    def run(self, *frames: VideoFrame) -> VideoFrame:
        """Return the output for one frame of each input, in the order of `source` calls."""
        assert self._sink is not None
        for source, frame in zip(self._sources, frames, strict=True):
            with _pts_lock:
                frame.pts = self._count
                frame.time_base = _TIME_BASE
                source.push(frame)
        self._count += 1
        output = self._sink.pull()
        assert isinstance(output, VideoFrame)
        return output


class Fitter:
    """Scale and convert upright frames to the canvas.

    Args:
        canvas: The target.
        clip: The clip whose rotation, flip and crop are applied first.
        cover: Whether to fill the canvas and crop the rest; else there are black bars.
        keep_alpha: Whether to keep the alpha plane; else transparency is black.
    """

    def __init__(
        self,
        canvas: Canvas,
        clip: Clip | None = None,
        *,
        cover: bool = False,
        keep_alpha: bool = False,
    ) -> None:
        self._canvas = canvas
        self._keep_alpha = keep_alpha
        self._pixels = "yuva420p" if keep_alpha else "yuv420p"
        self._cover = cover
        self._rotation_deg = clip.rotation_deg if clip else 0
        self._flip = clip.flip if clip else ""
        self._crop = clip.crop if clip else None
        self._table: VideoFrame | None = None
        self._graph: FrameGraph | None = None
        self._shape: tuple[object, ...] = ()

    def __call__(self, frame: VideoFrame, aspect: Fraction) -> VideoFrame:
        """Return the frame on the canvas; `aspect` is its pixel aspect ratio."""
        shape = (frame.width, frame.height, frame.format.name, aspect)
        colors = (frame.color_range, frame.colorspace, frame.color_primaries, frame.color_trc)
        if self._graph is None or (shape, colors) != self._shape:
            self._shape = (shape, colors)
            wide_gamut = is_wide_gamut(frame) and not self._keep_alpha
            self._table = color_table(hdr_curve(frame)) if wide_gamut else None
            self._graph = self._build(frame, aspect)
        frames = (frame,) if self._table is None else (frame, self._table)
        return self._canvas.tagged(self._graph.run(*frames))

    def _build(self, frame: VideoFrame, aspect: Fraction) -> FrameGraph:
        canvas, graph = self._canvas, FrameGraph()
        node = graph.source(frame)
        if has_alpha_channel(frame) and not self._keep_alpha:
            node = graph.add("premultiply", "inplace=1", node)  # over black, like photos
        width, height, shown = frame.width, frame.height, aspect
        for direction in _TURNS.get(-self._rotation_deg % 360, ()):
            node = graph.add("transpose", direction, node)
        if self._rotation_deg % 180:
            width, height, shown = height, width, 1 / shown
        for mirror in self._flip:
            node = graph.add({"x": "hflip", "y": "vflip"}[mirror], "", node)
        if self._crop is not None:
            left, top, width, height = cropped(self._crop, width, height)
            node = graph.add("crop", f"{width}:{height}:{left}:{top}", node)
        fitted = fit_size(width * shown / canvas.aspect, height, canvas, cover=self._cover)
        scaled = f"{fitted[0]}:{fitted[1]}"
        if self._table is not None:
            node = graph.add("scale", f"{scaled}:flags=bicubic", node)
            node = graph.add("format", TABLE_FORMAT, node)
            node = graph.add("haldclut", "clut=first", node, graph.source(self._table))
        if fitted != (width, height) or not self._same_colors(frame):
            colors = f"out_color_matrix={canvas.matrix_name}:out_range=tv"
            node = graph.add("scale", f"{scaled}:flags=bicubic+accurate_rnd:{colors}", node)
        node = graph.add("format", self._pixels, node)
        size = f"{canvas.width}:{canvas.height}"
        fill = "black@0" if self._keep_alpha else "black"
        if fitted != (canvas.width, canvas.height):
            if self._cover:
                node = graph.add("crop", f"{size}:(iw-ow)/2:(ih-oh)/2", node)
            else:
                node = graph.add("pad", f"{size}:(ow-iw)/2:(oh-ih)/2:{fill}", node)
        graph.finish(node)
        return graph

    def _same_colors(self, frame: VideoFrame) -> bool:
        return (
            frame.format.name == self._pixels
            and frame.color_range in (0, LIMITED_RANGE)
            and frame.colorspace == self._canvas.matrix
        )


def cropped(crop: Crop, width: int, height: int) -> tuple[int, int, int, int]:
    """Return left, top, width and height of a crop in pixels, all even."""
    left, top = round(crop.left * width / 2) * 2, round(crop.top * height / 2) * 2
    crop_width = round((crop.right - crop.left) * width / 2) * 2
    crop_height = round((crop.bottom - crop.top) * height / 2) * 2
    return left, top, max(2, min(crop_width, width - left)), max(2, min(crop_height, height - top))


class Shift:
    """Place frames of any size on the canvas, at a variable position.

    The rest is black, or transparent if the canvas has alpha; with `fill`, it is a blurred and
    darkened copy of the frame.
    """

    def __init__(self, canvas: Canvas, *, fill: bool = False) -> None:
        self._canvas = canvas
        self._fill = fill
        mode = "RGBA" if canvas.alpha else "RGB"
        self._below = canvas.frame(Image.new(mode, (canvas.width, canvas.height)))
        self._graph: FrameGraph | None = None
        self._move: Mover | None = None

    def __call__(
        self, frame: VideoFrame, offset: tuple[int, int], below: VideoFrame | None = None
    ) -> VideoFrame:
        """Return a frame of the canvas's size; `below` replaces the empty canvas."""
        canvas = below or self._below
        if self._graph is None or self._move is None:
            self._graph = FrameGraph()
            base, above = self._graph.source(canvas), self._graph.source(frame)
            if self._fill:
                base, above = self._filled(self._graph, base, above)
            args = f"{offset[0]}:{offset[1]}:format=yuv420"
            over = self._graph.add("overlay", args, base, above)
            self._move = Mover(over, offset)
            self._graph.finish(over)
        self._move(offset)
        return self._canvas.tagged(self._graph.run(canvas, frame))

    def _filled(
        self, graph: FrameGraph, below: FilterContext, above: FilterContext
    ) -> tuple[FilterContext, FilterContext]:
        """Return the canvas, filled with a blurred copy of the frame, and the frame."""
        width, height = self._canvas.width, self._canvas.height
        small = f"{max(8, width // 16)}:{max(8, height // 16)}"
        both = graph.add("split", "2", above)
        node = graph.add("scale", f"{small}:force_original_aspect_ratio=increase", both)
        node = graph.add("crop", small, node)
        node = graph.add("gblur", "sigma=3", node)
        node = graph.add("scale", f"{width}:{height}:flags=bicubic", node)
        node = graph.add("lutyuv", f"y=16+(val-16)*{_FILL_LIGHT}", node)
        sharp = graph.add("null", "")
        both.link_to(sharp, 1, 0)
        return graph.add("overlay", "0:0:format=yuv420", below, node), sharp


class Mover:
    """The position of an overlay filter."""

    def __init__(self, overlay: FilterContext, position: tuple[int, int]) -> None:
        self._overlay = overlay
        self._position = position

    def __call__(self, position: tuple[int, int]) -> None:
        """Set the position for the next frame."""
        for name, new, old in zip("xy", position, self._position, strict=True):
            if new != old:
                self._overlay.process_command(name, str(new))
        self._position = position
