"""Crop and rotate decoded frames by the metadata of their file."""

from __future__ import annotations

from av.video.frame import VideoFrame

from nemovideo.local.media.cropping import Margins
from nemovideo.local.media.orientation import filters_for
from nemovideo.local.render.colors import with_default_matrix
from nemovideo.local.render.filters import FrameGraph


class Upright:
    """Crop and rotate frames, and tag them with a color matrix.

    Args:
        margins: The margins to crop from frames of this size; frames of other sizes, in files
            whose size changes, are not cropped.
        size: The width and height in the file's header.
    """

    def __init__(self, margins: Margins, size: tuple[int, int]) -> None:
        self._margins = margins
        self._size = size
        self._shape: tuple[object, ...] = ()
        self._graph: FrameGraph | None = None

    def __call__(self, frame: VideoFrame) -> VideoFrame:
        """Return the frame, or a new one if it must be cropped or rotated."""
        with_default_matrix(frame)
        crop = bool(self._margins) and (frame.width, frame.height) == self._size
        turns = filters_for(frame)
        if not crop and not turns:
            return frame
        shape = (frame.width, frame.height, frame.format.name, frame.colorspace, turns)
        if self._graph is None or shape != self._shape:
            self._shape = shape
            self._graph = self._build(frame, turns, crop=crop)
        upright = self._graph.run(frame)
        upright.colorspace, upright.color_range = frame.colorspace, frame.color_range
        upright.color_primaries, upright.color_trc = frame.color_primaries, frame.color_trc
        return upright

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
