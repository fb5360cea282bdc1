"""AVI, WAV and WebP: RIFF chunks."""

from __future__ import annotations

from nemovideo._uploads.inspect.reader import DamagedError, Reader, truncated
from nemovideo.models import MediaInfo

_UNKNOWN = (0, 0xFFFFFFFF)
"""Placeholder sizes, from writers that cannot seek."""

_ANIMATED = 0x02  # a flag of VP8X


def parse_wav(reader: Reader) -> MediaInfo:
    """Return the duration."""
    offset, rate, long_size = 12, 0, 0
    while offset + 8 <= reader.size:
        name, (size,) = reader.read(offset, 4), reader.unpack("<I", offset + 4)
        offset += 8
        if name == b"ds64":
            (long_size,) = reader.unpack("<Q", offset + 8)
        elif name == b"fmt ":
            (rate,) = reader.unpack("<I", offset + 8)
        elif name == b"data":
            available = reader.size - offset
            length = (long_size or available) if size in _UNKNOWN else size
            if length > available:
                raise truncated(offset + length, reader.size)
            duration_ms = round(length * 1000 / rate) if rate else 0
            return MediaInfo("wav", "audio", reader.size, duration_ms or None)
        offset += size + size % 2
    raise DamagedError("has no sound: it ends within its header")


def parse_avi(reader: Reader) -> MediaInfo:
    """Check that the file is complete."""
    _check_size(reader)
    return MediaInfo("avi", "video", reader.size)


def parse_webp(reader: Reader) -> MediaInfo:
    """Return the size; an animated WebP is a video."""
    _check_size(reader)
    kind, start, is_animated = reader.read(12, 4), 20, False
    if kind == b"VP8X":
        low_w, high_w, low_h, high_h = reader.unpack("<HBHB", start + 4)
        width, height = (low_w | high_w << 16) + 1, (low_h | high_h << 16) + 1
        is_animated = bool(reader.unpack("<B", start)[0] & _ANIMATED)
    elif kind == b"VP8 ":
        width, height = (side & 0x3FFF for side in reader.unpack("<HH", start + 6))
    elif kind == b"VP8L":
        (bits,) = reader.unpack("<I", start + 1)
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    else:
        raise DamagedError("has no picture")
    media_kind = "video" if is_animated else "image"
    return MediaInfo("webp", media_kind, reader.size, width=width, height=height, rotation_deg=0)


def _check_size(reader: Reader) -> None:
    (size,) = reader.unpack("<I", 4)
    if size not in _UNKNOWN and size + 8 > reader.size:
        raise truncated(size + 8, reader.size)
