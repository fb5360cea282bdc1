"""Single frames of a draft, as an export shows them, next to the original footage.

They are rendered as in an export, but independently. The mask is not smoothed over time and is made
from fewer pixels, so its edges differ slightly. A layout that follows the person is exact rather
than smooth.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from fractions import Fraction
from itertools import groupby

import attrs
import av.error
from av.video.frame import VideoFrame
from PIL import Image

from nemovideo.errors import NemoError, RenderFailedError
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.render.backgrounds import SharedBackgrounds
from nemovideo.local.render.canvas import Canvas
from nemovideo.local.render.clips import MattingSource, clip_frames
from nemovideo.local.render.decoding import Timed, frames_at
from nemovideo.local.render.drafts import for_format, is_video
from nemovideo.local.render.effects import shallow_copy
from nemovideo.local.render.finishing import Finish, frame_count
from nemovideo.local.render.formats import format_named
from nemovideo.local.render.job import check_draft, has_alpha
from nemovideo.local.render.notices import Warn, ignore_warning
from nemovideo.local.render.sources import open_source
from nemovideo.local.timeline import Clip, Timeline

MAX_SIDE_PX = 1280
"""The maximum width and height of a still."""

# Exports use 448; 384 takes two thirds of the time, and the masks are as accurate.
_SHARP_SIDE = 384

_THREADS = min(2, os.cpu_count() or 1)


@attrs.frozen
class Still:
    """A frame: `before` is the original footage, `after` the result."""

    time_s: float
    before: Image.Image
    after: Image.Image


def make_stills(
    timeline: Timeline,
    media: Mapping[str, MediaItem],
    at_s: Sequence[float] | None,
    matting: MattingSource,
    warn: Warn = ignore_warning,
) -> list[Still]:
    """Render single frames of a draft, of up to `MAX_SIDE_PX`.

    Args:
        timeline: The draft.
        media: The uploaded files, by their ids in the draft.
        at_s: Times in seconds; those beyond the end show the last frame. None for the first,
            middle and last frames.
        matting: Loads the engine when it is needed.
        warn: Called with each warning.

    Raises:
        RenderFailedError: The draft is invalid, or a file is missing or unreadable.
        ModelUnavailableError: The engine's model or a font cannot be downloaded.
    """
    check_draft(timeline, media)
    kind = format_named("mp4" if is_video(timeline) else "png")
    timeline = for_format(timeline, media, kind)
    try:
        return _StillRenderer(timeline, media, matting, warn).stills(at_s)
    except NemoError:
        raise
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise RenderFailedError(f"the preview cannot be rendered: {error}") from error


class _StillRenderer:
    """A draft whose frames are rendered independently."""

    def __init__(
        self,
        timeline: Timeline,
        media: Mapping[str, MediaItem],
        matting: MattingSource,
        warn: Warn,
    ) -> None:
        self._timeline, self._media, self._warn = timeline, media, warn
        self._matting = lambda: attrs.evolve(matting(), sharp_side=_SHARP_SIDE)
        self._canvas = Canvas.of(timeline, media, alpha=has_alpha(timeline))
        self._total = frame_count(timeline.duration_ms, self._canvas)
        self._backgrounds = SharedBackgrounds()

    def stills(self, at_s: Sequence[float] | None) -> list[Still]:
        """Render the frames at these times in threads, while this thread decodes the next ones."""
        numbers = self._numbers(at_s)
        waiting: deque[tuple[int, Future[Still]]] = deque()
        stills: dict[int, Still] = {}
        with ThreadPoolExecutor(_THREADS) as threads:
            for moment in self._decoded(map(self._moment, set(numbers))):
                waiting.append((moment.number, threads.submit(self._still, moment)))
                if len(waiting) > _THREADS:  # more would only use memory
                    number, still = waiting.popleft()
                    stills[number] = still.result()
            stills |= {number: still.result() for number, still in waiting}
        return [stills[number] for number in numbers]

    def _numbers(self, at_s: Sequence[float] | None) -> list[int]:
        """Return the frame numbers at these times."""
        last = self._total - 1
        if at_s is None:
            return sorted({0, self._total // 2, last})
        # The float of a time such as 0.1 s can be just before its frame.
        return [min(last, int(time * float(self._canvas.fps) + 1e-6)) for time in at_s]

    def _moment(self, number: int) -> _Moment:
        clip, first = self._clip_at(number)
        return _Moment(number, clip, (number - first) / self._canvas.fps)

    def _decoded(self, moments: Iterable[_Moment]) -> Iterator[_Moment]:
        """Yield the moments in order of file and time, each with its decoded frame, if any."""
        ordered = sorted(moments, key=lambda moment: (moment.clip.media or "", moment.start_s))
        for media, group in groupby(ordered, lambda moment: moment.clip.media):
            together = list(group)
            item = self._media.get(media or "")
            if item is None or item.kind != "video":
                yield from together
                continue
            times_s = [moment.start_s for moment in together]
            frames = frames_at(item, times_s, warn=self._warn)
            for moment, shown in zip(together, frames, strict=True):
                moment.shown = shown
                yield moment

    def _still(self, moment: _Moment) -> Still:
        """Render one frame."""
        time_s = moment.number / float(self._canvas.fps)

        def warn(sentence: str) -> None:
            self._warn(f"At {time_s:.1f} s: {sentence}")

        after = self._after(moment, warn)
        canvas, plain = self._plain(moment.clip)
        before = next(open_source(plain, self._media, warn, moment.decode).frames(canvas))
        return Still(time_s, _shown(before, canvas), after)

    def _clip_at(self, number: int) -> tuple[Clip, int]:
        """Return the clip that contains a frame, and the clip's first frame."""
        first = end_ms = 0
        for clip in self._timeline.clips:
            end_ms += clip.duration_ms
            end = frame_count(end_ms, self._canvas)
            if number < end:
                return clip, first
            first = max(first, end)
        raise RenderFailedError("the draft has no picture: there is nothing to render")

    def _after(self, moment: _Moment, warn: Warn) -> Image.Image:
        (frame,) = clip_frames(
            moment.clip,
            self._canvas,
            self._media,
            self._matting,
            warn,
            count=1,
            decode=moment.decode,
            backgrounds=self._backgrounds,
            offset_s=moment.offset_s,
        )
        finish = Finish(self._timeline, self._canvas, self._media, warn)
        copy = shallow_copy(self._canvas)
        titled = finish.titled(frame, moment.number)
        for earlier in range(finish.fade_start(moment.number), moment.number + 1):
            frame = finish.faded(copy(titled), earlier)
        return _shown(frame, self._canvas)

    def _plain(self, clip: Clip) -> tuple[Canvas, Clip]:
        """Return the clip without edits, and a canvas of the clip's size."""
        item = self._media.get(clip.media or "")
        if item is None or not item.width or not item.height:
            return attrs.evolve(self._canvas, alpha=False), clip
        plain = Clip(
            clip.kind,
            clip.duration_ms,
            clip.name,
            clip.media,
            source_start_ms=clip.source_start_ms,
            speed=clip.speed,
        )
        timeline = Timeline((plain,), width=item.width, height=item.height, fps=self._timeline.fps)
        return Canvas.of(timeline, self._media, alpha=False), plain


class _Moment:
    """A clip cut to one time of the draft, and the frame of its file that is shown then."""

    def __init__(self, number: int, clip: Clip, offset_s: Fraction) -> None:
        self.number = number
        self.offset_s = offset_s
        self.clip = attrs.evolve(
            clip,
            source_start_ms=clip.source_start_ms + round(offset_s * 1000 * Fraction(clip.speed)),
            duration_ms=1,
        )
        self.start_s = Fraction(self.clip.source_start_ms, 1000)
        self.shown: Timed | None = None

    def decode(self, item: MediaItem, start_s: Fraction, *, warn: Warn) -> Iterator[Timed]:  # noqa: ARG002 - the protocol
        """Yield the frame."""
        if self.shown is not None:
            yield self.shown


def _shown(frame: VideoFrame, canvas: Canvas) -> Image.Image:
    """Convert a frame of the canvas to a picture in square pixels, of up to `MAX_SIDE_PX`."""
    width, height = canvas.shown_size
    scale = min(1.0, MAX_SIDE_PX / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if size != (frame.width, frame.height):
        frame = canvas.tagged(frame.reformat(*size, interpolation="AREA"))
    return canvas.image(frame)
