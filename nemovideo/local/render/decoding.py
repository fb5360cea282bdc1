"""Video decoding: frames with timestamps, at a constant rate, once or in a loop."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Protocol

import attrs
import av.error
import av.filter
from av.video.frame import VideoFrame

from nemovideo._support.pixels import decoder_of
from nemovideo.local.media import animation
from nemovideo.local.media.clock import Clock
from nemovideo.local.media.containers import main_video, open_media, origin_s
from nemovideo.local.media.cropping import margins_of
from nemovideo.local.media.pictures import picture_family
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.render.notices import Warn, ignore_warning
from nemovideo.local.render.upright import Upright

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.filter.context import FilterContext
    from av.packet import Packet
    from av.stream import Stream
    from av.video.stream import VideoStream

Timed = tuple[Fraction, VideoFrame]
"""A frame and its start time in seconds."""


class Decode(Protocol):
    """A decoder of files, such as `decode_frames`."""

    def __call__(self, item: MediaItem, start_s: Fraction, *, warn: Warn) -> Iterator[Timed]:
        """Yield (time in seconds, frame), starting at or before `start_s`."""
        ...


_EXACT_BEFORE_S = Fraction(1, 2)
_ROUNDING_S = Fraction(1, 2000)  # start times are rounded to milliseconds
_SEEK_FROM_S = 2
_MAX_DELAY_S = 1
# Each thread holds a frame, and the encoder is the bottleneck: a second one is slower on two cores.
_THREADS = 1 if (os.cpu_count() or 1) <= 2 else 2


def decode_frames(
    item: MediaItem, start_s: Fraction = Fraction(0), *, warn: Warn = ignore_warning
) -> Iterator[Timed]:
    """Yield (time in seconds, frame), from the key frame before `start_s` to the end.

    Times are relative to `origin_s`. Frames are deinterlaced, cropped, upright, and tagged with a
    color matrix. Damaged parts are skipped with a warning.
    """
    if picture_family(item.path) is not None:
        yield from animation.frames(item.path)
        return
    with _opened(item, warn) as footage:
        if footage is not None:
            yield from footage.frames(start_s)


def frames_at(
    item: MediaItem, times_s: Sequence[Fraction], *, warn: Warn = ignore_warning
) -> Iterator[Timed | None]:
    """Yield the frame that is shown at each of these ascending times; None for an empty file.

    Before the first frame, it is the first one. Frames that are needed for more than one time are
    decoded once. Non-reference frames are decoded only shortly before the times.
    """
    if picture_family(item.path) is not None:
        yield from _shown_at(animation.frames(item.path), times_s)
        return
    with _opened(item, warn) as footage:
        if footage is None:
            yield from (None for _ in times_s)
            return
        for _, group in itertools.groupby(times_s, footage.key_frame_id):
            together = list(group)
            shown = _shown_at(footage.frames(together[0], together), together)
            for time_s, timed in zip(together, shown, strict=True):
                if timed is not None and timed[0] < time_s - _EXACT_BEFORE_S:
                    # A later frame may have been skipped.
                    yield from _shown_at(decode_frames(item, time_s, warn=warn), [time_s])
                else:
                    yield timed


def _shown_at(frames: Iterator[Timed], times_s: Sequence[Fraction]) -> Iterator[Timed | None]:
    shown, after = next(frames, None), next(frames, None)
    for time_s in times_s:
        while after is not None and after[0] <= time_s + _ROUNDING_S:
            shown, after = after, next(frames, None)
        yield shown


@attrs.frozen(eq=False)
class _Footage:
    """An open file, with the start of its streams."""

    item: MediaItem
    container: InputContainer
    stream: VideoStream
    tick_s: Fraction
    origin_s: Fraction
    warn: Warn

    def key_frame_id(self, start_s: Fraction) -> int | Fraction:
        """Return an id of the key frame before a time: its place in the index, else the time."""
        if not self._seeks(start_s):
            return 0
        index = self.stream.index_entries
        # Some indexes are built during reading. Decoding order can differ from display order.
        if not len(index) or index[-1].timestamp < self._ticks(start_s - _MAX_DELAY_S):
            return start_s
        return index.search_timestamp(self._ticks(start_s))

    def frames(
        self, start_s: Fraction, exact_s: Sequence[Fraction] | None = None
    ) -> Iterator[Timed]:
        """Yield (time, frame) from the key frame before `start_s`; see `decode_frames`.

        With `exact_s`, non-reference frames are decoded only shortly before these times.
        """
        item, stream = self.item, self.stream
        if self._seeks(start_s):
            self.container.seek(self._ticks(start_s), stream=stream, backward=True)
        on_damage = partial(self.warn, damage_warning(item.name))
        spans = [(-math.inf, math.inf)]
        if exact_s is not None and not item.broken_clock:
            spans = [
                (self._ticks(time_s - _EXACT_BEFORE_S), self._ticks(time_s + _ROUNDING_S))
                for time_s in exact_s
            ]
        frames = deinterlaced(_decoded(self.container, stream, on_damage, spans))
        clock = Clock(broken=item.broken_clock, tick_s=self.tick_s)
        step_s = 1 / Fraction(item.fps or 30).limit_denominator(1001)
        time_s = -step_s
        upright = Upright(margins_of(item.path, stream), (stream.width, stream.height))
        for frame in frames:
            if frame.pts is None:
                time_s += step_s
            else:
                file_s = frame.pts * (frame.time_base or self.tick_s) - self.origin_s
                time_s = clock.at(file_s, step_s)
            yield time_s, upright(frame)

    def _seeks(self, start_s: Fraction) -> bool:
        return start_s > _SEEK_FROM_S and not self.item.broken_clock

    def _ticks(self, time_s: Fraction) -> int:
        return int((time_s + self.origin_s) / self.tick_s)


@contextmanager
def _opened(item: MediaItem, warn: Warn) -> Iterator[_Footage | None]:
    """Open a file; None if it has no video."""
    with open_media(item.path) as container:
        stream = main_video(container)
        if stream is None or stream.time_base is None:
            yield None
        else:
            decoder = decoder_of(stream)
            decoder.thread_type = "AUTO"
            decoder.thread_count = _THREADS
            origin = origin_s(container)
            yield _Footage(item, container, stream, stream.time_base, origin, warn)


def damage_warning(name: str) -> str:
    """Return the warning for a damaged file."""
    return f"{name} is damaged: only its readable parts are used."


def packets_of(
    container: InputContainer, stream: Stream, on_damage: Callable[[], None]
) -> Iterator[Packet[Stream]]:
    """Yield a stream's packets up to a read error, and the flush packet at its end."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.error.FFmpegError:
            on_damage()
            return
        if packet is None:
            return
        if packet.is_corrupt:
            on_damage()
        yield packet


def _decoded(
    container: InputContainer,
    stream: VideoStream,
    on_damage: Callable[[], None],
    exact: Sequence[tuple[float, float]],
) -> Iterator[VideoFrame]:
    decoder = decoder_of(stream)
    for packet in packets_of(container, stream, on_damage):
        pts = packet.pts
        needed = pts is None or any(first <= pts <= last for first, last in exact)
        decoder.skip_frame = "DEFAULT" if needed else "NONREF"
        try:
            frames = decoder.decode(packet)
        except av.error.FFmpegError:
            on_damage()
            continue
        for frame in frames:
            if isinstance(frame, VideoFrame):
                if frame.is_corrupt:
                    on_damage()
                yield frame
    try:
        yield from decoder.decode(None)  # flushes the decoder of a truncated file
    except av.error.FFmpegError:
        return


def deinterlaced(frames: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
    """Yield the frames, deinterlaced if the first one is interlaced."""
    first = next(frames, None)
    if first is None:
        return
    if not first.interlaced_frame:
        yield first
        yield from frames
        return
    graph, source, sink = _deinterlacer(first)
    source.push(first)
    for frame in frames:
        source.push(frame)
        yield from _ready(sink)
    source.push(None)
    yield from _ready(sink)
    del graph  # PyAV's contexts do not keep it alive


def _deinterlacer(like: VideoFrame) -> tuple[av.filter.Graph, FilterContext, FilterContext]:
    graph = av.filter.Graph()
    source = graph.add(
        "buffer",
        video_size=f"{like.width}x{like.height}",
        pix_fmt=like.format.name,
        time_base=str(like.time_base),
        pixel_aspect="1/1",
    )
    bwdif = graph.add("bwdif", "mode=send_frame:deint=interlaced")
    sink = graph.add("buffersink")
    graph.link_nodes(source, bwdif, sink).configure()
    return graph, source, sink


def _ready(sink: FilterContext) -> Iterator[VideoFrame]:
    while True:
        try:
            frame = sink.pull()
        except (BlockingIOError, EOFError):
            return
        assert isinstance(frame, VideoFrame)
        yield frame


def looped_frames(item: MediaItem, *, warn: Warn = ignore_warning) -> Iterator[Timed]:
    """Yield the frames of a file in a loop, with increasing times.

    An animation with a limited number of repetitions ends after them, with a warning.
    """
    moving = picture_family(item.path) is not None
    plays = animation.plays(item.path) if moving else None
    offset_s = Fraction(0)
    for _ in itertools.count() if plays is None else range(plays):
        last_s = gap_s = Fraction(0)
        count = 0
        for time_s, frame in decode_frames(item, warn=warn):
            gap_s, last_s = time_s - last_s, time_s
            count += 1
            yield offset_s + time_s, frame
        if count == 0:
            return
        if moving:  # its last time is its end
            gap_s = Fraction(0)
        offset_s += last_s + (gap_s if gap_s > 0 or moving else Fraction(1, 25))
    warn(f"{item.name} does not loop endlessly: it stops at its last frame.")


def at_rate(
    frames: Iterator[Timed], *, start_s: Fraction, step_s: Fraction
) -> Iterator[VideoFrame]:
    """Yield the frame shown at `start_s`, `start_s + step_s`, …; the last one is held endlessly.

    As in FFmpeg's `fps` filter, each frame starts at the nearest step, so that timestamps rounded
    by the container neither drop nor duplicate frames. Without frames, nothing is yielded.
    """
    shown: VideoFrame | None = None
    step = 0
    for time_s, frame in frames:
        first_step = math.floor((time_s - start_s) / step_s + Fraction(1, 2))
        while shown is not None and step < first_step:
            yield shown
            step += 1
        shown = frame
    while shown is not None:
        yield shown
