"""The last steps of a frame: titles, overlays and fades."""

from __future__ import annotations

from collections.abc import Mapping

from av.video.frame import VideoFrame

from nemovideo.local.media.probe import MediaItem
from nemovideo.local.render.canvas import Canvas
from nemovideo.local.render.effects import fade
from nemovideo.local.render.notices import Warn, ignore_warning
from nemovideo.local.render.titles import Titles
from nemovideo.local.timeline import Timeline


def frame_count(time_ms: int, canvas: Canvas) -> int:
    """Return the number of frames in a duration, at least one."""
    return max(1, round(time_ms * canvas.fps / 1000))


class Finish:
    """Add a draft's titles, overlays and fades to its frames."""

    def __init__(
        self,
        timeline: Timeline,
        canvas: Canvas,
        media: Mapping[str, MediaItem],
        warn: Warn = ignore_warning,
    ) -> None:
        self._titles = Titles(timeline, canvas, media, warn)
        self._total = total = frame_count(timeline.duration_ms, canvas)
        self._fade_in = min(total, round(timeline.fade_in_ms * canvas.fps / 1000))
        self._fade_out = min(total, round(timeline.fade_out_ms * canvas.fps / 1000))
        self._rising = fade(canvas, out=False, frames=self._fade_in)
        self._falling = fade(canvas, out=True, frames=self._fade_out)

    def titled(self, frame: VideoFrame, number: int) -> VideoFrame:
        """Return frame `number` with its titles and overlays."""
        return self._titles.over(frame, number)

    def faded(self, frame: VideoFrame, number: int) -> VideoFrame:
        """Return frame `number` with its fade; numbers must be consecutive.

        The first call must be outside a fade, or for the first frame of one.
        """
        if number < self._fade_in:
            frame = self._rising(frame)
        if number >= self._total - self._fade_out:
            frame = self._falling(frame)
        return frame

    def fade_start(self, number: int) -> int:
        """Return the first frame of the fade at frame `number`; `number` outside fades."""
        if number < self._fade_in:
            return 0
        return min(number, max(0, self._total - self._fade_out))
