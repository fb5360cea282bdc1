"""The picture of one clip of the timeline: source, cut-out, background, adjustments."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction

from av.video.frame import VideoFrame
from PIL import Image, ImageFilter, ImageOps

from nemovideo.errors import RenderFailedError
from nemovideo.local.matte import Matting
from nemovideo.local.media.containers import main_video, open_media, pixel_aspect
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.render.backgrounds import (
    color_image,
    cover_image,
    load_image,
    media_item,
    opaque,
)
from nemovideo.local.render.canvas import Canvas
from nemovideo.local.render.cutting import cut_out
from nemovideo.local.render.decoding import at_rate, decode_frames
from nemovideo.local.render.drawing.scenes import draw_scene
from nemovideo.local.render.drawing.text import text_image
from nemovideo.local.render.filters import Adjustment, Fitter
from nemovideo.local.render.notices import Warn, unheard
from nemovideo.local.timeline import Background, Clip

_CARD_COLOR = "#1b2430"
_CARD_TEXT_SHARE = 0.12

MattingSource = Callable[[], Matting]


def clip_frames(
    clip: Clip,
    canvas: Canvas,
    media: Mapping[str, MediaItem],
    matting: MattingSource,
    warn: Warn = unheard,
) -> Iterator[VideoFrame]:
    """Yield the clip's finished frames on the canvas, without end: the last one stands.

    A frame may be yielded again as it is, so the receiver must not change it.

    Raises:
        RenderFailedError: The clip names something that is not there or cannot be read.
    """
    match clip.kind:
        case "video":
            frames = _video_frames(clip, canvas, media_item(media, clip.media), warn)
        case "image":
            frames = _still(canvas.frame(_letterboxed(media_item(media, clip.media), canvas)))
        case "card":
            frames = _still(canvas.frame(_card(clip, canvas, media)))
        case kind:
            raise RenderFailedError(f"there is no clip of kind {kind!r}")
    if clip.background is not None and clip.kind != "card":
        frames = cut_out(frames, clip, canvas, media, matting(), warn)
    if (clip.brightness, clip.contrast, clip.saturation) != (0, 1, 1):
        adjust = Adjustment(
            canvas,
            brightness=clip.brightness,
            contrast=clip.contrast,
            saturation=clip.saturation,
        )
        frames = _each_once(frames, adjust)
    return _each_once(frames, lambda frame: frame.reformat(format=canvas.pixel_format))


def _video_frames(clip: Clip, canvas: Canvas, item: MediaItem, warn: Warn) -> Iterator[VideoFrame]:
    if item.kind != "video":
        raise RenderFailedError(f"{item.name} is {item.kind}, not video")
    if clip.speed <= 0:
        raise RenderFailedError(f"the speed of {clip.name} is {clip.speed:g}")
    with open_media(item.path) as container:
        stream = main_video(container)
        aspect = pixel_aspect(stream) if stream else Fraction(1)
    start_s = Fraction(clip.source_start_ms, 1000)
    step_s = Fraction(clip.speed).limit_denominator(1000) / canvas.fps
    fitter = Fitter(canvas)
    decoded = decode_frames(item.path, start_s, name=item.name, warn=warn)
    sources = at_rate(decoded, start_s=start_s, step_s=step_s)
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
    size = canvas.shown_size
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
    return canvas.squeezed(card)
