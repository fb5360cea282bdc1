"""Decoded frames as they are meant to be seen: cropped, turned, and with a color matrix."""

from __future__ import annotations

from av.video.frame import VideoFrame

from nemovideo.local.media.cropping import Margins
from nemovideo.local.media.orientation import filters_for
from nemovideo.local.render.colors import marked
from nemovideo.local.render.filters import FrameGraph


class Upright:
    """Crop and turn frames.

    Args:
        margins: What is left out of frames of the `size` that the file tells; where the size
            changes on the way, others are shown whole.
        size: The width and height for which the margins hold.
    """

    def __init__(self, margins: Margins, size: tuple[int, int]) -> None:
        self._margins = margins
        self._size = size
        self._shape: tuple[object, ...] = ()
        self._graph: FrameGraph | None = None

    def __call__(self, frame: VideoFrame) -> VideoFrame:
        """Return the frame itself where there is nothing to do, else another one."""
        marked(frame)
        crop = bool(self._margins) and (frame.width, frame.height) == self._size
        turns = filters_for(frame)
        if not crop and not turns:
            return frame
        shape = (frame.width, frame.height, frame.format.name, frame.colorspace, turns)
        if self._graph is None or shape != self._shape:
            self._shape = shape
            self._graph = self._build(frame, turns, crop=crop)
        made = self._graph.run(frame)
        made.colorspace, made.color_range = frame.colorspace, frame.color_range
        made.color_primaries, made.color_trc = frame.color_primaries, frame.color_trc
        return made

    def _build(self, frame: VideoFrame, turns: tuple[str, ...], *, crop: bool) -> FrameGraph:
        graph = FrameGraph()
        node = graph.source(frame)
        if crop:
            cut = self._margins
            size = f"{frame.width - cut.left - cut.right}:{frame.height - cut.top - cut.bottom}"
            node = graph.add("crop", f"{size}:{cut.left}:{cut.top}", node)
        for name in turns:
            node = graph.add(name, "", node)
        graph.finish(node)
        return graph
