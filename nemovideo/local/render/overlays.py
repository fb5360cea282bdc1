"""Sources of overlays: still pictures, pictures that fade, and videos in a loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Protocol

import attrs
from av.video.frame import VideoFrame
from PIL import Image

from nemovideo.errors import RenderFailedError
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.render.canvas import Canvas
from nemovideo.local.render.decoding import at_rate, looped_frames
from nemovideo.local.render.filters import Fitter
from nemovideo.local.render.notices import Warn


class OverlaySource(Protocol):
    """An overlay with alpha."""

    def patch(self, index: int) -> VideoFrame:
        """Return its picture at frame `index` from its start; `index` must not decrease.

        An unchanged picture is returned as the same object.
        """
        ...


class StillOverlay:
    """A still picture."""

    def __init__(self, canvas: Canvas, image: Image.Image) -> None:
        self._frame = canvas.frame(image)

    def patch(self, index: int) -> VideoFrame:  # noqa: ARG002 - the protocol's
        """Return the picture."""
        return self._frame


class FadingOverlay:
    """A still RGBA picture whose opacity, 0..1, depends on the number of frames since its start."""

    def __init__(self, canvas: Canvas, image: Image.Image, opacity: Callable[[int], float]) -> None:
        self._canvas, self._image, self._opacity = canvas, image, opacity
        self._whole = canvas.frame(image)

    def patch(self, index: int) -> VideoFrame:
        """Return the picture with its opacity at that time."""
        opacity = self._opacity(index)
        if opacity >= 1:
            return self._whole
        image = self._image.copy()
        image.putalpha(image.getchannel("A").point(lambda alpha: round(alpha * opacity)))
        return self._canvas.frame(image)


class VideoOverlay:
    """A video or an animation in a loop, without sound.

    Args:
        canvas: The output canvas.
        item: The file; its alpha is kept.
        size: Its width and height on the canvas, both even.
        warn: Called with each warning.
    """

    def __init__(self, canvas: Canvas, item: MediaItem, size: tuple[int, int], warn: Warn) -> None:
        self._item, self._warn = item, warn
        self._fps = canvas.fps
        self._aspect = Fraction(item.aspect).limit_denominator(1000)
        self._fitter = Fitter(attrs.evolve(canvas, width=size[0], height=size[1]), keep_alpha=True)
        self._frames: Iterator[VideoFrame] | None = None
        self._next = 0
        self._source: VideoFrame | None = None
        self._fitted: VideoFrame | None = None

    def patch(self, index: int) -> VideoFrame:
        """Return the video's frame at that time."""
        if self._frames is None:
            self._frames = at_rate(
                looped_frames(self._item, warn=self._warn),
                start_s=index / self._fps,
                step_s=1 / self._fps,
            )
            self._next = index
        source = self._source
        while self._next <= index:
            source = next(self._frames, None)
            self._next += 1
        if source is None:
            raise RenderFailedError(f"{self._item.name} has no readable picture")
        if self._fitted is None or source is not self._source:
            self._source, self._fitted = source, self._fitter(source, self._aspect)
        return self._fitted
