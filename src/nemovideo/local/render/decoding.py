"""Decoding of pictures: frames with their times, at a constant rate, once or in a loop."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import av.error

from nemovideo.local.media import main_video, open_media

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

_SEEK_FROM_S = 2


def decode_frames(
    path: Path, start_s: Fraction = Fraction(0)
) -> Iterator[tuple[Fraction, VideoFrame]]:
    """Yield (time in seconds, frame), from the key frame before `start_s` to the end.

    Times count from the beginning of the file. Damaged packets are passed over.
    """
    with open_media(path) as container:
        stream = main_video(container)
        if stream is None or stream.time_base is None:
            return
        stream.thread_type = "AUTO"
        origin_s = Fraction(container.start_time or 0, av.time_base)
        if start_s > _SEEK_FROM_S:
            offset = int((start_s + origin_s) / stream.time_base)
            container.seek(offset, stream=stream, backward=True)
        step_s = 1 / (stream.average_rate or Fraction(30))
        time_s = -step_s
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                continue
            for frame in frames:
                if frame.pts is None:
                    time_s += step_s
                else:
                    time_s = frame.pts * stream.time_base - origin_s
                yield time_s, frame


def looped_frames(path: Path) -> Iterator[tuple[Fraction, VideoFrame]]:
    """Yield the frames of a file again and again, with times that go on rising."""
    offset_s = Fraction(0)
    while True:
        last_s = gap_s = Fraction(0)
        count = 0
        for time_s, frame in decode_frames(path):
            gap_s, last_s = time_s - last_s, time_s
            count += 1
            yield offset_s + time_s, frame
        if count == 0:
            return
        offset_s += last_s + (gap_s if gap_s > 0 else Fraction(1, 25))


def at_rate(
    frames: Iterator[tuple[Fraction, VideoFrame]], *, start_s: Fraction, step_s: Fraction
) -> Iterator[VideoFrame]:
    """Yield without end the frame that is shown at `start_s`, `start_s + step_s`, ….

    Each frame is shown from the nearest step on, as in FFmpeg's `fps` filter,
    so that timestamps rounded by the container drop or double none. The last
    frame stands. Nothing is yielded where there is no frame at all.
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
