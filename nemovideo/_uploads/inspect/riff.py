"""AVI, WAV and WebP: RIFF chunks, each with its size."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from nemovideo._uploads.inspect.reader import DamagedError, Reader, cut_short
from nemovideo.models import MediaInfo

_UNKNOWN = (0, 0xFFFFFFFF)
"""Sizes that a writer leaves in a stream that it cannot go back in."""

_VIDEO_CODECS = {
    **dict.fromkeys((b"H264", b"X264", b"AVC1", b"DAVC"), "h264"),
    **dict.fromkeys((b"HEVC", b"H265", b"HVC1"), "hevc"),
    **dict.fromkeys((b"XVID", b"DIVX", b"DX50", b"FMP4", b"MP4V"), "mpeg4"),
    b"MJPG": "mjpeg",
    b"VP80": "vp8",
    b"VP90": "vp9",
    b"AV01": "av1",
}
_AUDIO_CODECS = {0x50: "mp2", 0x55: "mp3", 0xFF: "aac", 0x1610: "aac", 0x2000: "ac3"}
_ANIMATED = 0x02  # in the flags of VP8X
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE


@attrs.frozen
class _Chunk:
    id: bytes
    start: int
    size: int


def look_at_wav(reader: Reader) -> MediaInfo:
    """Return what the fmt and data chunks say.

    Raises:
        DamagedError: One of them is missing, or the sound breaks off.
    """
    codec, rate, long_size = None, 0, 0
    for chunk in _chunks(reader, 12, reader.size):
        if chunk.id == b"ds64":
            (long_size,) = reader.unpack("<Q", chunk.start + 8)
        elif chunk.id == b"fmt ":
            codec = _sound_codec(reader, chunk)
            (rate,) = reader.unpack("<I", chunk.start + 8)
        elif chunk.id == b"data":
            there = reader.size - chunk.start
            wanted = chunk.size
            if wanted in _UNKNOWN:
                wanted = long_size or there
            if wanted > there:
                raise cut_short(chunk.start + wanted, reader.size)
            duration_ms = round(wanted * 1000 / rate) if rate else 0
            return MediaInfo("wav", "audio", reader.size, duration_ms or None, audio_codec=codec)
    raise DamagedError("has no sound in it: it breaks off in its header")


def look_at_avi(reader: Reader) -> MediaInfo:
    """Return what the header lists say.

    Raises:
        DamagedError: They are missing, or the file breaks off.
    """
    (size,) = reader.unpack("<I", 4)
    if size not in _UNKNOWN and size + 8 > reader.size:
        raise cut_short(size + 8, reader.size)
    for chunk in _chunks(reader, 12, reader.size):
        if chunk.id == b"LIST" and reader.read(chunk.start, 4) == b"hdrl":
            if chunk.start + chunk.size > reader.size:
                break
            return _with_streams(reader, chunk)
    raise DamagedError("breaks off in its header")


def look_at_webp(reader: Reader) -> MediaInfo:
    """Return the picture's size.

    Raises:
        DamagedError: It breaks off.
    """
    (size,) = reader.unpack("<I", 4)
    if size + 8 > reader.size:
        raise cut_short(size + 8, reader.size)
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


def _chunks(reader: Reader, start: int, end: int) -> Iterator[_Chunk]:
    while start + 8 <= end:
        name, size = reader.read(start, 4), reader.unpack("<I", start + 4)[0]
        yield _Chunk(name, start + 8, size)
        start += 8 + size + size % 2


def _with_streams(reader: Reader, header: _Chunk) -> MediaInfo:
    info = MediaInfo("avi", "video", reader.size)
    streams = 0
    for chunk in _chunks(reader, header.start + 4, header.start + header.size):
        if chunk.id == b"avih":
            width, height = reader.unpack("<II", chunk.start + 32)
            info = attrs.evolve(info, width=width or None, height=height or None, rotation_deg=0)
        elif chunk.id == b"LIST" and reader.read(chunk.start, 4) == b"strl":
            streams += 1
            info = _with_stream(reader, chunk, info)
    if not streams:
        raise DamagedError("has no tracks in it")
    return info


def _with_stream(reader: Reader, stream: _Chunk, info: MediaInfo) -> MediaInfo:
    kind = b""
    for chunk in _chunks(reader, stream.start + 4, stream.start + stream.size):
        if chunk.id == b"strh":
            kind = reader.read(chunk.start, 4)
            scale, rate, _, length = reader.unpack("<IIII", chunk.start + 20)
            if kind == b"vids" and scale and rate:
                duration_ms = round(length * scale * 1000 / rate) or None
                info = attrs.evolve(info, duration_ms=duration_ms, fps=round(rate / scale, 3))
        elif chunk.id == b"strf" and kind == b"vids":
            codec = _VIDEO_CODECS.get(reader.read(chunk.start + 16, 4).upper())
            info = attrs.evolve(info, video_codec=codec)
        elif chunk.id == b"strf" and kind == b"auds" and info.audio_codec is None:
            info = attrs.evolve(info, audio_codec=_sound_codec(reader, chunk))
    return info


def _sound_codec(reader: Reader, form: _Chunk) -> str | None:
    (tag,) = reader.unpack("<H", form.start)
    (bits,) = reader.unpack("<H", form.start + 14) if form.size >= 16 else (0,)
    if tag == _EXTENSIBLE and form.size >= 26:
        (tag,) = reader.unpack("<H", form.start + 24)
    if tag == _PCM and bits in (8, 16, 24, 32):
        return "pcm_u8" if bits == 8 else f"pcm_s{bits}le"
    if tag == _FLOAT and bits in (32, 64):
        return f"pcm_f{bits}le"
    return _AUDIO_CODECS.get(tag)
