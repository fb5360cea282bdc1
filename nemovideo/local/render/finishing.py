"""What comes over a finished frame of the draft: titles, pictures laid over it, and fades."""

from __future__ import annotations

from collections.abc import Mapping

from av.video.frame import VideoFrame

from nemovideo.local.media.probe import MediaItem
from nemovideo.local.render.canvas import Canvas
from nemovideo.local.render.filters import Fade
from nemovideo.local.render.notices import Warn, unheard
from nemovideo.local.render.titles import Titles
from nemovideo.local.timeline import Timeline


def frame_at(time_ms: int, canvas: Canvas) -> int:
    """Return the number of frames that a time takes, at least one."""
    return max(1, round(time_ms * canvas.fps / 1000))


class Finish:
    """Put a draft's titles on its frames and fade them."""

    def __init__(
        self,
        timeline: Timeline,
        canvas: Canvas,
        media: Mapping[str, MediaItem],
        warn: Warn = unheard,
    ) -> None:
        self._titles = Titles(timeline, canvas, media, warn)
        self._total = total = frame_at(timeline.duration_ms, canvas)
        self._fade_in = min(total, round(timeline.fade_in_ms * canvas.fps / 1000))
        self._fade_out = min(total, round(timeline.fade_out_ms * canvas.fps / 1000))
        self._rising = Fade(canvas, out=False, frames=self._fade_in)
        self._falling = Fade(canvas, out=True, frames=self._fade_out)

    def titled(self, frame: VideoFrame, number: int) -> VideoFrame:
        """Return the frame of that number with the titles of its time."""
        return self._titles.over(frame, number)

    def faded(self, frame: VideoFrame, number: int) -> VideoFrame:
        """Return the frame of that number as dark as the fades make it; numbers must rise by one.

        The first number may be any one outside of a fade, or the first one of a fade.
        """
        if number < self._fade_in:
            frame = self._rising(frame)
        if number >= self._total - self._fade_out:
            frame = self._falling(frame)
        return frame

    def fade_before(self, number: int) -> int:
        """Return where the fade begins that a frame is in; its own number outside of one."""
        if number < self._fade_in:
            return 0
        return min(number, max(0, self._total - self._fade_out))
