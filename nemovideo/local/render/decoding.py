"""Video decoding: frames with timestamps, at a constant rate, once or in a loop."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Protocol

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
    from av.video.codeccontext import VideoCodecContext
    from av.video.stream import VideoStream

Timed = tuple[Fraction, VideoFrame]
"""A frame and its start time in seconds."""


class Decode(Protocol):
    """A decoder of files, such as `decode_frames`."""

    def __call__(self, item: MediaItem, start_s: Fraction, *, warn: Warn) -> Iterator[Timed]:
        """Yield (time in seconds, frame), starting at or before `start_s`."""
        ...


EXACT_BEFORE_S = Fraction(1, 2)
"""With `skip`, all frames from this long before the start are decoded."""

_SEEK_FROM_S = 2
# Each thread holds a frame, and the encoder is the bottleneck: a second one is slower on two cores.
_THREADS = 1 if (os.cpu_count() or 1) <= 2 else 2


def decode_frames(
    item: MediaItem,
    start_s: Fraction = Fraction(0),
    *,
    warn: Warn = ignore_warning,
    skip: bool = False,
) -> Iterator[Timed]:
    """Yield (time in seconds, frame), from the key frame before `start_s` to the end.

    Times are relative to `origin_s`. Frames are deinterlaced, cropped, upright, and tagged with a
    color matrix. Damaged parts are skipped with a warning. With `skip`, frames that no other frame
    refers to are not decoded if they are more than `EXACT_BEFORE_S` before `start_s`.
    """
    if picture_family(item.path) is not None:
        yield from animation.frames(item.path)
        return
    with open_media(item.path) as container:
        stream = main_video(container)
        if stream is None or stream.time_base is None:
            return
        decoder = decoder_of(stream)
        decoder.thread_type = "AUTO"
        decoder.thread_count = _THREADS
        origin = origin_s(container)
        if start_s > _SEEK_FROM_S and not item.broken_clock:
            offset = int((start_s + origin) / stream.time_base)
            container.seek(offset, stream=stream, backward=True)
        on_damage = partial(warn, damaged(item.name))
        exact_from = -math.inf
        if skip and not item.broken_clock:
            exact_from = float((start_s - EXACT_BEFORE_S + origin) / stream.time_base)
        frames = deinterlaced(_decoded(container, stream, decoder, on_damage, exact_from))
        clock = Clock(broken=item.broken_clock, tick_s=stream.time_base)
        step_s = 1 / Fraction(item.fps or 30).limit_denominator(1001)
        time_s = -step_s
        upright = Upright(margins_of(item.path, stream), (stream.width, stream.height))
        for frame in frames:
            if frame.pts is None:
                time_s += step_s
            else:
                file_s = frame.pts * (frame.time_base or stream.time_base) - origin
                time_s = clock.at(file_s, step_s)
            yield time_s, upright(frame)


def damaged(name: str) -> str:
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
    decoder: VideoCodecContext,
    on_damage: Callable[[], None],
    exact_from: float,
) -> Iterator[VideoFrame]:
    for packet in packets_of(container, stream, on_damage):
        early = packet.pts is not None and packet.pts < exact_from
        decoder.skip_frame = "NONREF" if early else "DEFAULT"
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
