"""AVI, WAV and WebP: RIFF chunks, each with its size."""

from __future__ import annotations

from nemovideo._uploads.inspect.reader import DamagedError, Reader, cut_short
from nemovideo.models import MediaInfo

_UNKNOWN = (0, 0xFFFFFFFF)
"""Sizes that a writer leaves in a stream that it cannot go back in."""

_ANIMATED = 0x02  # in the flags of VP8X


def look_at_wav(reader: Reader) -> MediaInfo:
    """Return how long the sound lasts.

    Raises:
        DamagedError: It has none, or breaks off.
    """
    place, rate, long_size = 12, 0, 0
    while place + 8 <= reader.size:
        name, (size,) = reader.read(place, 4), reader.unpack("<I", place + 4)
        place += 8
        if name == b"ds64":
            (long_size,) = reader.unpack("<Q", place + 8)
        elif name == b"fmt ":
            (rate,) = reader.unpack("<I", place + 8)
        elif name == b"data":
            there = reader.size - place
            wanted = (long_size or there) if size in _UNKNOWN else size
            if wanted > there:
                raise cut_short(place + wanted, reader.size)
            duration_ms = round(wanted * 1000 / rate) if rate else 0
            return MediaInfo("wav", "audio", reader.size, duration_ms or None)
        place += size + size % 2
    raise DamagedError("has no sound in it: it breaks off in its header")


def look_at_avi(reader: Reader) -> MediaInfo:
    """Return that it is one.

    Raises:
        DamagedError: It breaks off.
    """
    _check_size(reader)
    return MediaInfo("avi", "video", reader.size)


def look_at_webp(reader: Reader) -> MediaInfo:
    """Return the picture's size.

    Raises:
        DamagedError: It breaks off.
    """
    _check_size(reader)
    kind, start, moves = reader.read(12, 4), 20, False
    if kind == b"VP8X":
        low_w, high_w, low_h, high_h = reader.unpack("<HBHB", start + 4)
        width, height = (low_w | high_w << 16) + 1, (low_h | high_h << 16) + 1
        moves = bool(reader.unpack("<B", start)[0] & _ANIMATED)
    elif kind == b"VP8 ":
        width, height = (side & 0x3FFF for side in reader.unpack("<HH", start + 6))
    elif kind == b"VP8L":
        (bits,) = reader.unpack("<I", start + 1)
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    else:
        raise DamagedError("has no picture in it")
    shown = "video" if moves else "image"
    return MediaInfo("webp", shown, reader.size, width=width, height=height, rotation_deg=0)


def _check_size(reader: Reader) -> None:
    (size,) = reader.unpack("<I", 4)
    if size not in _UNKNOWN and size + 8 > reader.size:
        raise cut_short(size + 8, reader.size)
