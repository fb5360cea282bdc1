"""Titles and overlays on the video."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import attrs
from av.video.frame import VideoFrame
from PIL import Image, ImageColor

from nemovideo.errors import RenderFailedError
from nemovideo.local.media.limits import MAX_OVERLAY_PIXELS, MAX_OVERLAYS
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.render.backgrounds import load_image, media_item
from nemovideo.local.render.canvas import Canvas
from nemovideo.local.render.drawing.text import text_image
from nemovideo.local.render.effects import Effect, stamp
from nemovideo.local.render.notices import Warn, ignore_warning
from nemovideo.local.render.overlays import (
    FadingOverlay,
    OverlaySource,
    StillOverlay,
    VideoOverlay,
)
from nemovideo.local.timeline import POSITIONS, Overlay, Timeline, Title

_TEXT_SHARE = 0.09
_MARGIN_SHARE = 0.06
_MIN_SIZE, _MAX_SIZE = 0.2, 6.0


@attrs.frozen
class _Shown:
    """A drawn title or overlay, and its number of pixels."""

    source: OverlaySource
    stamp: Effect
    pixels: int


class Titles:
    """The titles and overlays of a draft; each is in memory only while it is shown.

    Args:
        timeline: The draft.
        canvas: The output canvas.
        media: The uploaded files.
        warn: Called with each warning.

    Raises:
        RenderFailedError: A title or overlay cannot be drawn, or too many are shown at once.
    """

    def __init__(
        self,
        timeline: Timeline,
        canvas: Canvas,
        media: Mapping[str, MediaItem],
        warn: Warn = ignore_warning,
    ) -> None:
        self._canvas, self._media, self._warn = canvas, media, warn
        titles = [title for title in timeline.titles if title.text.strip()]
        self._parts: list[Title | Overlay] = [*timeline.overlays, *titles]
        for part in self._parts:
            _check(part, media)
        self._times = [_frames_of(part, canvas) for part in self._parts]
        self._shown: dict[int, _Shown] = {}
        self._last: tuple[object, ...] = ()
        self._result: VideoFrame | None = None

    def over(self, frame: VideoFrame, number: int) -> VideoFrame:
        """Return frame `number` with its titles and overlays; numbers must increase."""
        active = [i for i, (first, end) in enumerate(self._times) if first <= number < end]
        if not active:
            return frame
        if active != list(self._shown):
            self._draw(active)
        shown_now = self._shown.items()
        patches = [shown.source.patch(number - self._times[i][0]) for i, shown in shown_now]
        now = (frame, *self._shown.values(), *patches)
        if self._result is None or not _same(now, self._last):
            result = frame
            for shown, patch in zip(self._shown.values(), patches, strict=True):
                result = shown.stamp(result, patch)
            self._last, self._result = now, result
        return self._result

    def _draw(self, active: list[int]) -> None:
        """Draw the active titles and overlays, and drop the others."""
        if len(active) > MAX_OVERLAYS:
            raise RenderFailedError(
                f"{len(active)} titles and overlays are shown at the same time: the local backend "
                f"accepts up to {MAX_OVERLAYS}"
            )
        before, self._shown = self._shown, {}
        pixels = 0
        for i in active:
            self._shown[i] = shown = before.get(i) or self._drawn(self._parts[i])
            pixels += shown.pixels
            if pixels > MAX_OVERLAY_PIXELS:
                raise RenderFailedError("the overlays shown at the same time are too large")

    def _drawn(self, part: Title | Overlay) -> _Shown:
        if isinstance(part, Title):
            return _words(part, self._canvas)
        return _overlay(part, self._canvas, self._media, self._warn)


def _check(part: Title | Overlay, media: Mapping[str, MediaItem]) -> None:
    """Validate a title or overlay before rendering."""
    if part.position not in POSITIONS:
        raise RenderFailedError(f"unknown position {part.position!r}")
    if isinstance(part, Overlay):
        item = media_item(media, part.media)
        if item.kind not in ("image", "video"):
            raise RenderFailedError(f"{item.name} is {item.noun}: it cannot be an overlay")
        return
    try:
        ImageColor.getrgb(part.color)
    except ValueError:
        raise RenderFailedError(f"unknown color {part.color!r}") from None


def _frames_of(part: Title | Overlay, canvas: Canvas) -> tuple[int, int]:
    """Return its first frame, and the frame after its last."""
    end_ms = part.start_ms + part.duration_ms
    return round(part.start_ms * canvas.fps / 1000), round(end_ms * canvas.fps / 1000)


def _same(one: tuple[object, ...], other: tuple[object, ...]) -> bool:
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))


def _words(title: Title, canvas: Canvas) -> _Shown:
    size = min(_MAX_SIZE, max(_MIN_SIZE, title.size))
    image = text_image(
        title.text, canvas.shown_size, height_share=_TEXT_SHARE * size, color=title.color
    )
    if not (title.fade_in_ms or title.fade_out_ms):
        return _still(image, title, canvas)
    squeezed = canvas.squeezed(image)
    source = FadingOverlay(canvas, squeezed, partial(_opacity, title, canvas))
    return _placed(source, squeezed.size, title, canvas)


def _opacity(title: Title, canvas: Canvas, index: int) -> float:
    """Return a title's opacity in the middle of a frame, counted from its first."""
    first, end = _frames_of(title, canvas)
    opacity = 1.0
    for fade_ms, frames in (
        (title.fade_in_ms, index + 0.5),
        (title.fade_out_ms, end - first - index - 0.5),
    ):
        if fade_ms > 0:
            opacity *= min(1.0, frames * 1000 / canvas.fps / fade_ms)
    return opacity


def _overlay(
    overlay: Overlay, canvas: Canvas, media: Mapping[str, MediaItem], warn: Warn
) -> _Shown:
    item = media_item(media, overlay.media)
    image = load_image(item).convert("RGBA") if item.kind == "image" else None
    width, height = image.size if image is not None else (item.width or 2, item.height or 2)
    shown = canvas.shown_size
    target_width = max(2.0, min(1.0, max(0.01, overlay.size)) * min(shown))
    scale = min(target_width / (width * item.aspect), shown[1] / height)
    size = max(2, round(width * item.aspect * scale)), max(2, round(height * scale))
    if image is not None:
        return _still(image.resize(size, Image.Resampling.LANCZOS), overlay, canvas)
    even = max(2, round(size[0] / canvas.aspect / 2) * 2), max(2, round(size[1] / 2) * 2)
    return _placed(VideoOverlay(canvas, item, even, warn), even, overlay, canvas)


def _still(image: Image.Image, part: Title | Overlay, canvas: Canvas) -> _Shown:
    squeezed = canvas.squeezed(image)
    return _placed(StillOverlay(canvas, squeezed), squeezed.size, part, canvas)


def _placed(
    source: OverlaySource, size: tuple[int, int], part: Title | Overlay, canvas: Canvas
) -> _Shown:
    margin = round(min(canvas.width, canvas.height) * _MARGIN_SHARE)
    x = _along(part.position, ("left", "right"), canvas.width - size[0], margin)
    y = _along(part.position, ("top", "bottom"), canvas.height - size[1], margin)
    opacity = part.opacity if isinstance(part, Overlay) else 1.0
    # Positions are even, because chroma has half the resolution.
    return _Shown(source, stamp(canvas, x - x % 2, y - y % 2, opacity), size[0] * size[1])


def _along(position: str, ends: tuple[str, str], room: int, margin: int) -> int:
    """Return the offset of a picture along an axis with `room` to spare."""
    if ends[0] in position:
        return min(margin, max(0, room))
    return max(0, room - margin) if ends[1] in position else max(0, room // 2)
