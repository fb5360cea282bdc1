"""Zips of PNGs, which are videos."""

from __future__ import annotations

import struct
from typing import BinaryIO

from nemovideo._support.sequences import SequenceError, frames_of, open_sequence, rate_of
from nemovideo._uploads.inspect.reader import DamagedError
from nemovideo.models import MediaInfo

_HEAD = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


def parse(file: BinaryIO, size_bytes: int) -> MediaInfo:
    """Return the frame rate and duration, and the size of the first frame."""
    try:
        with open_sequence(file) as archive:
            frames, fps = frames_of(archive), rate_of(archive)
            with archive.open(frames[0]) as first:
                head = first.read(len(_HEAD) + 8)
    except SequenceError as error:
        raise DamagedError(str(error)) from None
    if not head.startswith(_HEAD) or len(head) < len(_HEAD) + 8:
        raise DamagedError(f"has a damaged frame, {frames[0].filename}")
    width, height = struct.unpack(">II", head[len(_HEAD) :])
    return MediaInfo(
        "zip",
        "video",
        size_bytes,
        duration_ms=round(len(frames) * 1000 / fps),
        width=width,
        height=height,
        rotation_deg=0,
        fps=round(float(fps), 3),
        video_codec="png",
    )
