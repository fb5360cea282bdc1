"""Backgrounds: a source of frames for each kind."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Protocol

import numpy as np
from av.video.frame import VideoFrame
from PIL import Image, ImageOps

from nemovideo.errors import RenderFailedError
from nemovideo.local.matte.cutter import Cut
from nemovideo.local.matte.engine import Mask
from nemovideo.local.matte.tracking import resampled_to_box, resized, whole
from nemovideo.local.media.pictures import UNREADABLE, open_image
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.render.canvas import Canvas
from nemovideo.local.render.compositing import Cropper
from nemovideo.local.render.decoding import at_rate, looped_frames
from nemovideo.local.render.drawing.scenes import draw_scene
from nemovideo.local.render.filters import Fitter
from nemovideo.local.render.notices import Warn, ignore_warning
from nemovideo.local.timeline import Background

_BLUR_SHARE = 1 / 30
_BLUR_SIDE = 64
_MIN_WEIGHT = 1e-4


class BackgroundSource(Protocol):
    """The frames of a background."""

    def frame(self, shown: VideoFrame, cut: Cut) -> VideoFrame:
        """Return the next background frame on the canvas.

        Args:
            shown: The clip's frame.
            cut: Its mask.
        """
        ...


class MakeBackground(Protocol):
    """Makes the source of a background, such as `make_background`."""

    def __call__(
        self,
        background: Background,
        canvas: Canvas,
        media: Mapping[str, MediaItem],
        warn: Warn,
        *,
        offset_s: Fraction,
    ) -> BackgroundSource:
        """Return the source."""
        ...


def make_background(
    background: Background,
    canvas: Canvas,
    media: Mapping[str, MediaItem],
    warn: Warn = ignore_warning,
    *,
    offset_s: Fraction = Fraction(0),
) -> BackgroundSource:
    """Return the source for a background; "transparent" and "matte" are black.

    A video starts at `offset_s` seconds.

    Raises:
        RenderFailedError: The kind, color or scene is unknown, or the file is missing or of
            a different kind.
    """
    size = canvas.shown_size
    match background.kind:
        case "transparent" | "matte":
            return _Still(canvas, Image.new("RGB", size))
        case "color":
            return _Still(canvas, color_image(background.color or "#000000", size))
        case "blur":
            return _Blur(canvas)
        case "scene":
            try:
                scene = draw_scene(background.scene or "", *size)
            except KeyError:
                raise RenderFailedError(f"unknown scene {background.scene!r}") from None
            return _Still(canvas, scene)
        case "image" | "video":
            item = media_item(media, background.media)
            if item.kind == "image":
                return _Still(canvas, cover_image(load_image(item), size))
            if item.kind == "video":
                return _Video(canvas, item, warn, offset_s)
            raise RenderFailedError(f"{item.name} is {item.noun}: it cannot be a background")
        case kind:
            raise RenderFailedError(f"unknown kind of background: {kind!r}")


def media_item(media: Mapping[str, MediaItem], media_id: str | None) -> MediaItem:
    """Return the uploaded file with this id.

    Raises:
        RenderFailedError: The id is unknown.
    """
    if media_id is None or media_id not in media:
        raise RenderFailedError(f"the draft refers to media {media_id!r}, which was not uploaded")
    return media[media_id]


def load_image(item: MediaItem) -> Image.Image:
    """Return an uploaded picture, upright.

    Raises:
        RenderFailedError: The picture is unreadable.
    """
    try:
        return open_image(item.path)
    except UNREADABLE as error:
        raise RenderFailedError(f"{item.name} cannot be read: {error}") from error


def color_image(color: str, size: tuple[int, int]) -> Image.Image:
    """Return a picture of one CSS color.

    Raises:
        RenderFailedError: The color is unknown.
    """
    try:
        return Image.new("RGB", size, color)
    except ValueError:
        raise RenderFailedError(f"unknown color {color!r}") from None


def cover_image(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Scale and crop a picture to fill the size; transparency becomes black."""
    return ImageOps.fit(opaque(image), size, Image.Resampling.LANCZOS)


def opaque(image: Image.Image) -> Image.Image:
    """Convert a picture to RGB; transparency becomes black."""
    if image.mode == "RGBA":
        black = Image.new("RGBA", image.size, "black")
        return Image.alpha_composite(black, image).convert("RGB")
    return image


class _Still:
    """A still picture: a color, an image or a scene."""

    def __init__(self, canvas: Canvas, image: Image.Image) -> None:
        self._frame = canvas.frame(canvas.squeezed(image))

    def frame(self, shown: VideoFrame, cut: Cut) -> VideoFrame:  # noqa: ARG002 - the protocol
        return self._frame


class SharedBackgrounds:
    """`make_background` for frames that are rendered independently: still pictures are shared."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stills: dict[tuple[Background, Canvas], _Still] = {}

    def __call__(
        self,
        background: Background,
        canvas: Canvas,
        media: Mapping[str, MediaItem],
        warn: Warn,
        *,
        offset_s: Fraction,
    ) -> BackgroundSource:
        """Return the source; wait if another thread is making one."""
        with self._lock:
            kept = self._stills.get((background, canvas))
            if kept is not None:
                return kept
            source = make_background(background, canvas, media, warn, offset_s=offset_s)
            if isinstance(source, _Still):
                self._stills[background, canvas] = source
            return source


class _Video:
    """An uploaded video, filling the canvas, in a loop."""

    def __init__(self, canvas: Canvas, item: MediaItem, warn: Warn, offset_s: Fraction) -> None:
        self._fitter = Fitter(canvas, cover=True)
        step_s = 1 / canvas.fps
        frames = at_rate(looped_frames(item, warn=warn), start_s=offset_s, step_s=step_s)
        self._frames: Iterator[VideoFrame] = frames
        self._aspect = Fraction(item.aspect).limit_denominator(1000)
        self._name = item.name
        self._source: VideoFrame | None = None
        self._fitted: VideoFrame | None = None

    def frame(self, shown: VideoFrame, cut: Cut) -> VideoFrame:  # noqa: ARG002 - the protocol
        source = next(self._frames, None)
        if source is None:
            raise RenderFailedError(f"{self._name} has no readable picture")
        if self._fitted is None or source is not self._source:
            self._source, self._fitted = source, self._fitter(source, self._aspect)
        return self._fitted


class _Blur:
    """The clip's own background, blurred at low resolution.

    The person is excluded from the blur, to avoid a halo.
    """

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._cropper = Cropper()
        self._size: tuple[int, int] = (0, 0)

    def _begin(self, shown: VideoFrame) -> None:
        """Prepare for frames of this size, which can differ from the canvas's."""
        longest = max(shown.width, shown.height)
        sides = [max(8, round(side * _BLUR_SIDE / longest)) for side in (shown.width, shown.height)]
        self._size = (sides[0], sides[1])
        self._across = _blur_matrix(self._size[0])
        self._down = _blur_matrix(self._size[1])
        # The part of the picture with the canvas's aspect ratio.
        ratio = self._canvas.width / self._canvas.height * sides[1] / sides[0]
        width, height = sides[0] * min(1.0, ratio), sides[1] * min(1.0, 1 / ratio)
        left, top = (sides[0] - width) / 2, (sides[1] - height) / 2
        self._part = (left, top, left + width, top + height)

    def frame(self, shown: VideoFrame, cut: Cut) -> VideoFrame:
        if not self._size[0]:
            self._begin(shown)
        everything = whole((shown.width, shown.height))
        away = 1 - resized(resampled_to_box(cut.mask, cut.box, everything), self._size)
        weight = np.maximum(self._blurred(away), _MIN_WEIGHT)
        small = self._cropper(shown, everything, (_BLUR_SIDE, _BLUR_SIDE), "rgb24")
        image = Image.fromarray(small).resize(self._size)
        bands = [
            self._blurred(np.asarray(band, dtype=np.float32) * away) / weight
            for band in image.split()
        ]
        blurred = Image.fromarray(np.stack(bands, axis=-1).clip(0, 255).astype(np.uint8))
        if (shown.width, shown.height) != (self._canvas.width, self._canvas.height):
            blurred = blurred.resize(self._size, Image.Resampling.BILINEAR, box=self._part)
        frame = self._canvas.frame(blurred).reformat(
            self._canvas.width, self._canvas.height, interpolation="BICUBIC"
        )
        return self._canvas.tagged(frame)

    def _blurred(self, values: Mask) -> Mask:
        columns: Mask = self._down @ values
        blurred: Mask = columns @ self._across.T
        return blurred


def _blur_matrix(size: int) -> Mask:
    """Return the matrix that blurs a row of values with a Gaussian."""
    positions = np.arange(size, dtype=np.float32)
    distance = positions[:, np.newaxis] - positions[np.newaxis, :]
    weights: Mask = np.exp(-0.5 * (distance / (_BLUR_SIDE * _BLUR_SHARE)) ** 2)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights
