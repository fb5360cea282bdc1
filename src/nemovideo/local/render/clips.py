"""The picture of one clip of the timeline: source, cut-out, background, adjustments."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction

import numpy as np
from av.video.frame import VideoFrame
from PIL import Image, ImageFilter, ImageOps

from nemovideo.errors import RenderFailedError
from nemovideo.local.matte.cutter import Cutter
from nemovideo.local.matte.engine import Mask, Matte, Picture
from nemovideo.local.media import MediaItem, main_video, open_media
from nemovideo.local.render.backgrounds import (
    Behind,
    color_image,
    cover_image,
    load_image,
    make_background,
    media_item,
    opaque,
)
from nemovideo.local.render.canvas import FULL_RANGE, Canvas
from nemovideo.local.render.decoding import at_rate, decode_frames
from nemovideo.local.render.filters import Adjustment, Compositor, Cutout, Fitter
from nemovideo.local.scenes import draw_scene
from nemovideo.local.text import text_image
from nemovideo.local.timeline import Background, Clip

_MATTE_SIDE = 512
_NEAR_PX = 7
_CARD_COLOR = "#1b2430"
_CARD_TEXT_SHARE = 0.12

EngineSource = Callable[[], Matte]


def clip_frames(
    clip: Clip, canvas: Canvas, media: Mapping[str, MediaItem], engine: EngineSource
) -> Iterator[VideoFrame]:
    """Yield the clip's finished frames on the canvas, without end: the last one stands.

    A frame may be yielded again as it is, so the receiver must not change it.

    Raises:
        RenderFailedError: The clip names something that is not there or cannot be read.
    """
    match clip.kind:
        case "video":
            frames = _video_frames(clip, canvas, media_item(media, clip.media))
        case "image":
            frames = _still(canvas.frame(_letterboxed(media_item(media, clip.media), canvas)))
        case "card":
            frames = _still(canvas.frame(_card(clip, canvas, media)))
        case kind:
            raise RenderFailedError(f"there is no clip of kind {kind!r}")
    if clip.background is not None and clip.kind != "card":
        frames = _cut_out(frames, clip.background, canvas, media, engine())
    if (clip.brightness, clip.contrast, clip.saturation) != (0, 1, 1):
        adjust = Adjustment(
            canvas,
            brightness=clip.brightness,
            contrast=clip.contrast,
            saturation=clip.saturation,
        )
        frames = _each_once(frames, adjust)
    return _each_once(frames, lambda frame: frame.reformat(format=canvas.pixel_format))


def _video_frames(clip: Clip, canvas: Canvas, item: MediaItem) -> Iterator[VideoFrame]:
    if item.kind != "video":
        raise RenderFailedError(f"{item.name} is {item.kind}, not video")
    if clip.speed <= 0:
        raise RenderFailedError(f"the speed of {clip.name} is {clip.speed:g}")
    with open_media(item.path) as container:
        stream = main_video(container)
        aspect = (stream.sample_aspect_ratio if stream else None) or Fraction(1)
    start_s = Fraction(clip.source_start_ms, 1000)
    step_s = Fraction(clip.speed).limit_denominator(1000) / canvas.fps
    fitter = Fitter(canvas)
    sources = at_rate(decode_frames(item.path, start_s), start_s=start_s, step_s=step_s)
    frames = _each_once(sources, lambda frame: fitter(frame, aspect))
    first = next(frames, None)
    if first is None:
        raise RenderFailedError(f"{item.name} has no picture that can be read")
    yield first
    yield from frames


def _still(frame: VideoFrame) -> Iterator[VideoFrame]:
    while True:
        yield frame


def _each_once(
    frames: Iterator[VideoFrame], work: Callable[[VideoFrame], VideoFrame]
) -> Iterator[VideoFrame]:
    """Yield the work's result for each frame; a frame that stands is worked on once."""
    source: VideoFrame | None = None
    result: VideoFrame | None = None
    for frame in frames:
        if result is None or frame is not source:
            source, result = frame, work(frame)
        yield result


def _letterboxed(item: MediaItem, canvas: Canvas) -> Image.Image:
    """Return a picture whole on the canvas; where it leaves room, over a blurred copy of itself."""
    image = opaque(load_image(item))
    size = (canvas.width, canvas.height)
    shown = round(image.width / canvas.aspect), image.height
    fitted = ImageOps.contain(image.resize(shown) if canvas.aspect != 1 else image, size)
    if all(abs(a - b) <= 2 for a, b in zip(fitted.size, size, strict=True)):
        return image.resize(size, Image.Resampling.LANCZOS)
    small = (max(1, size[0] // 8), max(1, size[1] // 8))
    around = cover_image(image, small).filter(ImageFilter.GaussianBlur(max(small) / 24))
    whole = around.resize(size, Image.Resampling.BICUBIC).point(lambda value: value * 0.75)
    whole.paste(fitted, ((size[0] - fitted.width) // 2, (size[1] - fitted.height) // 2))
    return whole


def _card(clip: Clip, canvas: Canvas, media: Mapping[str, MediaItem]) -> Image.Image:
    """Return a drawn card: its words on its colour, or on a background that stands still."""
    size = (canvas.width, canvas.height)
    behind = clip.background or Background("color")
    if behind.kind == "scene" and behind.scene:
        card = draw_scene(behind.scene, *size)
    elif behind.kind == "image":
        card = cover_image(load_image(media_item(media, behind.media)), size)
    else:
        card = color_image(clip.color or behind.color or _CARD_COLOR, size)
    words = clip.text or ""
    if words.strip():
        text = text_image(words, size, height_share=_CARD_TEXT_SHARE)
        place = ((size[0] - text.width) // 2, (size[1] - text.height) // 2)
        card.paste(text, place, text)
    return card


def _cut_out(
    frames: Iterator[VideoFrame],
    background: Background,
    canvas: Canvas,
    media: Mapping[str, MediaItem],
    engine: Matte,
) -> Iterator[VideoFrame]:
    """Yield the frames with the background replaced, or with an alpha plane."""
    cutter = _FrameCutter(canvas, engine)
    if background.kind == "transparent" and canvas.alpha:
        black = canvas.frame(Image.new("RGB", (canvas.width, canvas.height)))
        cutout = Cutout(canvas, black)
        yield from _each_once(frames, lambda frame: cutout(frame, *cutter.masks(frame)))
        return
    behind: Behind = make_background(background, canvas, media)
    compositor = Compositor(canvas)
    shown: tuple[VideoFrame, VideoFrame] | None = None
    made: VideoFrame | None = None
    for frame in frames:
        mask = cutter.mask_frame(frame)
        below = behind.frame(cutter.picture, cutter.mask)
        if made is None or shown is None or frame is not shown[0] or below is not shown[1]:
            shown, made = (frame, below), compositor(frame, mask, below)
        yield made


class _FrameCutter:
    """The masks of a clip's frames, worked out on small copies of them."""

    def __init__(self, canvas: Canvas, engine: Matte) -> None:
        scale = min(1, _MATTE_SIDE / max(canvas.width, canvas.height))
        self._size = (round(canvas.width * scale), round(canvas.height * scale))
        self._cutter = Cutter(engine)
        self._frame: VideoFrame | None = None
        self.picture: Picture = np.zeros((1, 1, 3), dtype=np.uint8)
        self.mask: Mask = np.zeros((1, 1), dtype=np.float32)

    def mask_frame(self, frame: VideoFrame) -> VideoFrame:
        """Return the frame's mask; a frame that stands is looked at once."""
        if frame is not self._frame:
            self._frame = frame
            width, height = self._size
            small = frame.reformat(width, height, "rgb24", interpolation="AREA")
            self.picture = small.to_ndarray().astype(np.uint8, copy=False)
            self.mask = self._cutter.mask(self.picture)
        return _gray_frame(Image.fromarray(_bytes(self.mask)))

    def masks(self, frame: VideoFrame) -> tuple[VideoFrame, VideoFrame]:
        """Return the mask, and the same grown by a few pixels."""
        exact = self.mask_frame(frame)
        grown = Image.fromarray(_bytes(self.mask)).filter(ImageFilter.MaxFilter(_NEAR_PX))
        return exact, _gray_frame(grown.point(lambda value: 255 if value else 0))


def _bytes(mask: Mask) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return (mask * 255 + 0.5).astype(np.uint8)


def _gray_frame(image: Image.Image) -> VideoFrame:
    frame = VideoFrame.from_ndarray(np.asarray(image), format="gray")
    frame.color_range = FULL_RANGE
    return frame
