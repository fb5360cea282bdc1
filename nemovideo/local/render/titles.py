"""The words over the picture, each in its time and place."""

from __future__ import annotations

import attrs
from av.video.frame import VideoFrame

from nemovideo.errors import RenderFailedError
from nemovideo.local.render.canvas import Canvas
from nemovideo.local.render.drawing.text import text_image
from nemovideo.local.render.filters import Stamp
from nemovideo.local.timeline import Timeline, Title

_TEXT_SHARE = 0.09
_MARGIN_SHARE = 0.06


@attrs.frozen
class _Shown:
    """A title from one frame on and before another."""

    first: int
    end: int
    stamp: Stamp


class Titles:
    """All titles of a draft."""

    def __init__(self, timeline: Timeline, canvas: Canvas) -> None:
        self._shown = [_placed(t, canvas) for t in timeline.titles if t.text.strip()]
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


def _placed(title: Title, canvas: Canvas) -> _Shown:
    image = text_image(title.text, canvas.shown_size, height_share=_TEXT_SHARE)
    image = canvas.squeezed(image)
    margin = round(canvas.height * _MARGIN_SHARE)
    room = canvas.height - image.height
    match title.position:
        case "top":
            y = margin
        case "center":
            y = room // 2
        case "bottom":
            y = room - margin
        case position:
            raise RenderFailedError(f"there is no title position {position!r}")
    x = (canvas.width - image.width) // 2
    # Chroma has half the size: an even place keeps it in register.
    stamp = Stamp(canvas, canvas.frame(image), x - x % 2, max(0, y - y % 2))
    return _Shown(
        first=round(title.start_ms * canvas.fps / 1000),
        end=round((title.start_ms + title.duration_ms) * canvas.fps / 1000),
        stamp=stamp,
    )
