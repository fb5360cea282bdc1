"""Words and pictures over the video, each in its time and place."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
from av.video.frame import VideoFrame
from PIL import Image

from nemovideo.errors import RenderFailedError
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.render.backgrounds import load_image, media_item
from nemovideo.local.render.canvas import Canvas
from nemovideo.local.render.drawing.text import text_image
from nemovideo.local.render.filters import Stamp
from nemovideo.local.timeline import POSITIONS, Overlay, Timeline, Title

_TEXT_SHARE = 0.09
_MARGIN_SHARE = 0.06
_SMALLEST, _LARGEST = 0.2, 6.0


@attrs.frozen
class _Shown:
    """A title from one frame on and before another."""

    first: int
    end: int
    stamp: Stamp


class Titles:
    """All titles of a draft, and the pictures that are laid over it."""

    def __init__(self, timeline: Timeline, canvas: Canvas, media: Mapping[str, MediaItem]) -> None:
        self._shown = [_picture(overlay, canvas, media) for overlay in timeline.overlays]
        self._shown += [_words(title, canvas) for title in timeline.titles if title.text.strip()]
        self._below: VideoFrame | None = None
        self._active: list[_Shown] = []
        self._made: VideoFrame | None = None

    def over(self, frame: VideoFrame, number: int) -> VideoFrame:
        """Return the frame of that number with the titles of its time."""
        active = [shown for shown in self._shown if shown.first <= number < shown.end]
        if not active:
            return frame
        if self._made is None or frame is not self._below or active != self._active:
            made = frame
            for shown in active:
                made = shown.stamp(made)
            self._below, self._active, self._made = frame, active, made
        return self._made


def _words(title: Title, canvas: Canvas) -> _Shown:
    size = min(_LARGEST, max(_SMALLEST, title.size))
    try:
        image = text_image(
            title.text, canvas.shown_size, height_share=_TEXT_SHARE * size, color=title.color
        )
    except ValueError:
        raise RenderFailedError(f"there is no color {title.color!r}") from None
    return _placed(canvas.squeezed(image), title, canvas)


def _picture(overlay: Overlay, canvas: Canvas, media: Mapping[str, MediaItem]) -> _Shown:
    item = media_item(media, overlay.media)
    if item.kind != "image":
        raise RenderFailedError(f"{item.name} is {item.kind}: it cannot be laid over the video")
    image = load_image(item).convert("RGBA")
    shown = canvas.shown_size
    wide = max(2.0, min(1.0, max(0.01, overlay.size)) * min(shown))
    scale = min(wide / image.width, shown[1] / image.height)
    sides = [max(2, round(side * scale)) for side in image.size]
    image = image.resize((sides[0], sides[1]), Image.Resampling.LANCZOS)
    if overlay.opacity < 1:
        image.putalpha(image.getchannel("A").point(lambda value: round(value * overlay.opacity)))
    return _placed(canvas.squeezed(image), overlay, canvas)


def _placed(image: Image.Image, part: Title | Overlay, canvas: Canvas) -> _Shown:
    if part.position not in POSITIONS:
        raise RenderFailedError(f"there is no position {part.position!r} on the picture")
    margin = round(min(canvas.width, canvas.height) * _MARGIN_SHARE)
    x = _along(part.position, ("left", "right"), canvas.width - image.width, margin)
    y = _along(part.position, ("top", "bottom"), canvas.height - image.height, margin)
    # Chroma has half the size: an even place keeps it in register.
    stamp = Stamp(canvas, canvas.frame(image), x - x % 2, y - y % 2)
    return _Shown(
        first=round(part.start_ms * canvas.fps / 1000),
        end=round((part.start_ms + part.duration_ms) * canvas.fps / 1000),
        stamp=stamp,
    )


def _along(position: str, ends: tuple[str, str], room: int, margin: int) -> int:
    """Return where along one side a picture begins, with `room` beside it."""
    if ends[0] in position:
        return min(margin, max(0, room))
    return max(0, room - margin) if ends[1] in position else max(0, room // 2)
