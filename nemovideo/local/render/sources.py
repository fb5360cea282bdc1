"""Sources of clips: the frames of a video, a photo or a title card."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Protocol

from av.video.frame import VideoFrame
from PIL import Image, ImageFilter, ImageOps

from nemovideo.errors import RenderFailedError
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.render.backgrounds import (
    color_image,
    cover_image,
    load_image,
    media_item,
    opaque,
)
from nemovideo.local.render.canvas import Canvas
from nemovideo.local.render.decoding import Decode, at_rate, decode_frames
from nemovideo.local.render.drawing.scenes import draw_scene
from nemovideo.local.render.drawing.text import text_image
from nemovideo.local.render.filters import Fitter, cropped
from nemovideo.local.render.notices import Warn
from nemovideo.local.timeline import Background, Clip

_CARD_COLOR = "#1b2430"
_CARD_TEXT_SHARE = 0.12
_TURNS = {
    90: Image.Transpose.ROTATE_270,  # Pillow turns counterclockwise
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_90,
}


class Source(Protocol):
    """The frames of a clip, before background and adjustments."""

    @property
    def shape(self) -> Fraction:
        """The display aspect ratio, width / height."""
        ...

    @property
    def has_alpha(self) -> bool:
        """Whether the frames have an alpha plane, which is then the clip's mask."""
        ...

    def frames(self, canvas: Canvas) -> Iterator[VideoFrame]:
        """Yield the frames on a canvas; the last one is held endlessly."""
        ...


def open_source(
    clip: Clip, media: Mapping[str, MediaItem], warn: Warn, decode: Decode = decode_frames
) -> Source:
    """Return the source of a clip; `decode` decodes the frames of a video.

    Raises:
        RenderFailedError: The clip's kind is unknown, or its file missing or unreadable.
    """
    match clip.kind:
        case "video":
            return _Video(clip, media_item(media, clip.media), warn, decode)
        case "image":
            return _Photo(clip, media_item(media, clip.media))
        case "card":
            return _Card(clip, media)
        case kind:
            raise RenderFailedError(f"unknown kind of clip: {kind!r}")


def map_distinct(
    frames: Iterator[VideoFrame], work: Callable[[VideoFrame], VideoFrame]
) -> Iterator[VideoFrame]:
    """Yield the result for each frame; a repeated frame is processed once."""
    source: VideoFrame | None = None
    result: VideoFrame | None = None
    for frame in frames:
        if result is None or frame is not source:
            source, result = frame, work(frame)
        yield result


class _Video:
    """An uploaded video, from the clip's start, at its speed."""

    def __init__(self, clip: Clip, item: MediaItem, warn: Warn, decode: Decode) -> None:
        if item.kind != "video":
            raise RenderFailedError(f"{item.name} is {item.noun}, not a video")
        if clip.speed <= 0:
            raise RenderFailedError(f"the speed of {clip.name} is {clip.speed:g}")
        self._clip, self._item, self._warn, self._decode = clip, item, warn, decode
        self._aspect = Fraction(item.aspect).limit_denominator(1000)
        self.has_alpha = item.has_alpha and clip.background is not None
        self.shape = _framed(clip, item.width or 1, item.height or 1, self._aspect)

    def frames(self, canvas: Canvas) -> Iterator[VideoFrame]:
        clip, item = self._clip, self._item
        start_s = Fraction(clip.source_start_ms, 1000)
        step_s = Fraction(clip.speed).limit_denominator(1000) / canvas.fps
        fitter = Fitter(canvas, clip, keep_alpha=self.has_alpha)
        decoded = self._decode(item, start_s, warn=self._warn)
        sources = at_rate(decoded, start_s=start_s, step_s=step_s)
        frames = map_distinct(sources, lambda frame: fitter(frame, self._aspect))
        first = next(frames, None)
        if first is None:
            raise RenderFailedError(f"{item.name} has no readable picture")
        yield first
        yield from frames


class _Photo:
    """An uploaded picture."""

    def __init__(self, clip: Clip, item: MediaItem) -> None:
        self.has_alpha = item.has_alpha and clip.background is not None
        image = load_image(item)
        self._image = framed_photo(clip, image if self.has_alpha else opaque(image))
        self.shape = Fraction(self._image.width, self._image.height)

    def frames(self, canvas: Canvas) -> Iterator[VideoFrame]:
        return _still(canvas.frame(_letterboxed(self._image, canvas)))


class _Card:
    """A drawn title card."""

    shape = Fraction(1)
    has_alpha = False

    def __init__(self, clip: Clip, media: Mapping[str, MediaItem]) -> None:
        self._clip, self._media = clip, media

    def frames(self, canvas: Canvas) -> Iterator[VideoFrame]:
        return _still(canvas.frame(_card(self._clip, canvas, self._media)))


def _framed(clip: Clip, width: int, height: int, aspect: Fraction) -> Fraction:
    """Return the aspect ratio of a picture after the clip's rotation and crop."""
    if clip.rotation_deg % 180:
        width, height, aspect = height, width, 1 / aspect
    if clip.crop is not None:
        _, _, width, height = cropped(clip.crop, width, height)
    return width * aspect / height


def framed_photo(clip: Clip, image: Image.Image) -> Image.Image:
    """Return a picture after the clip's rotation, flip and crop."""
    if clip.rotation_deg % 360:
        image = image.transpose(_TURNS[clip.rotation_deg % 360])
    for mirror in clip.flip:
        image = ImageOps.mirror(image) if mirror == "x" else ImageOps.flip(image)
    if clip.crop is not None:
        left, top, width, height = cropped(clip.crop, *image.size)
        image = image.crop((left, top, left + width, top + height))
    return image


def _still(frame: VideoFrame) -> Iterator[VideoFrame]:
    while True:
        yield frame


def _letterboxed(image: Image.Image, canvas: Canvas) -> Image.Image:
    """Fit a picture into the canvas, over a blurred copy of itself, or unfilled if it is RGBA."""
    size = (canvas.width, canvas.height)
    shown = round(image.width / canvas.aspect), image.height
    fitted = ImageOps.contain(image.resize(shown) if canvas.aspect != 1 else image, size)
    if all(abs(a - b) <= 2 for a, b in zip(fitted.size, size, strict=True)):
        return image.resize(size, Image.Resampling.LANCZOS)
    offset = (size[0] - fitted.width) // 2, (size[1] - fitted.height) // 2
    if image.mode == "RGBA":
        unfilled = Image.new("RGBA", size)
        unfilled.paste(fitted, offset)
        return unfilled
    small = (max(1, size[0] // 8), max(1, size[1] // 8))
    around = cover_image(image, small).filter(ImageFilter.GaussianBlur(max(small) / 24))
    whole = around.resize(size, Image.Resampling.BICUBIC).point(lambda value: value * 0.75)
    whole.paste(fitted, offset)
    return whole


def _card(clip: Clip, canvas: Canvas, media: Mapping[str, MediaItem]) -> Image.Image:
    """Draw a card: its text on its color, or on a still background."""
    size = canvas.shown_size
    background = clip.background or Background("color")
    if background.kind == "scene" and background.scene:
        card = draw_scene(background.scene, *size)
    elif background.kind == "image":
        card = cover_image(load_image(media_item(media, background.media)), size)
    else:
        card = color_image(clip.color or background.color or _CARD_COLOR, size)
    words = clip.text or ""
    if words.strip():
        text = text_image(words, size, height_share=_CARD_TEXT_SHARE)
        offset = ((size[0] - text.width) // 2, (size[1] - text.height) // 2)
        card.paste(text, offset, text)
    return canvas.squeezed(card)
