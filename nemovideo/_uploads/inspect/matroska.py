"""WebM and MKV: EBML elements (RFC 8794) as Matroska uses them (RFC 9559)."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator

import attrs

from nemovideo._uploads.inspect.reader import DamagedError, EnoughError, Reader, cut_short
from nemovideo.models import MediaInfo

_EBML, _DOC_TYPE, _SEGMENT = 0x1A45DFA3, 0x4282, 0x18538067
_SEEK_HEAD, _SEEK, _SEEK_ID, _SEEK_POSITION = 0x114D9B74, 0x4DBB, 0x53AB, 0x53AC
_INFO, _SCALE, _DURATION = 0x1549A966, 0x2AD7B1, 0x4489
_TRACKS, _ENTRY, _TYPE, _CODEC, _FRAME_NS = 0x1654AE6B, 0xAE, 0x83, 0x86, 0x23E383
_VIDEO, _WIDTH, _HEIGHT = 0xE0, 0xB0, 0xBA
_CROP = (0x54CC, 0x54BB, 0x54DD, 0x54AA)  # left, top, right, bottom
_CLUSTER = 0x1F43B675

_VIDEO_TRACK, _AUDIO_TRACK = 1, 2
_MOST_HEADER_BYTES = 256 * 1024

_CODECS = {
    "V_MPEG4/ISO/AVC": "h264",
    "V_MPEGH/ISO/HEVC": "hevc",
    "V_VP8": "vp8",
    "V_VP9": "vp9",
    "V_AV1": "av1",
    "V_MPEG4/ISO/ASP": "mpeg4",
    "V_MJPEG": "mjpeg",
    "V_PRORES": "prores",
    "V_FFV1": "ffv1",
    "A_AAC": "aac",
    "A_OPUS": "opus",
    "A_VORBIS": "vorbis",
    "A_MPEG/L3": "mp3",
    "A_FLAC": "flac",
    "A_AC3": "ac3",
    "A_EAC3": "eac3",
}


@attrs.frozen
class _Element:
    """An element's id, and where its content begins and ends; None for an end not known."""

    id: int
    start: int
    end: int | None


def look(reader: Reader) -> MediaInfo:
    """Return what the segment's head says.

    Raises:
        DamagedError: There are no tracks, or the segment breaks off.
    """
    info = MediaInfo("mkv", "video", reader.size)
    for element in _elements(reader, 0, reader.size):
        if element.id == _EBML:
            for name, value in _fields(_content(reader, element)):
                if name == _DOC_TYPE and value.rstrip(b"\0") == b"webm":
                    info = attrs.evolve(info, format="webm")
        elif element.id == _SEGMENT:
            if element.end is not None and element.end > reader.size:
                raise cut_short(element.end, reader.size)
            return _with_segment(reader, element, info)
    raise DamagedError("breaks off in its header")


def pixel_crop(reader: Reader, place: int) -> tuple[int, ...]:
    """Return how many pixels of a video track are not shown: left, top, right, bottom.

    `place` is the track's among the video tracks, from 0 on.
    """
    for element in _elements(reader, 0, reader.size):
        if element.id == _SEGMENT:
            _, entries = _head(reader, element)
            tracks = [e for e in entries if _integer(e.get(_TYPE, b"")) == _VIDEO_TRACK]
            picture = dict(_fields(tracks[place].get(_VIDEO, b""))) if place < len(tracks) else {}
            return tuple(_integer(picture.get(side, b"")) for side in _CROP)
    return 0, 0, 0, 0


def _with_segment(reader: Reader, segment: _Element, info: MediaInfo) -> MediaInfo:
    about, entries = _head(reader, segment)
    if not entries:
        raise DamagedError("has no tracks: the recording was not finished, or was cut")
    return _with_tracks(attrs.evolve(info, duration_ms=_duration_ms(about)), entries)


def _head(reader: Reader, segment: _Element) -> tuple[bytes, list[dict[int, bytes]]]:
    """Return what the segment says of itself, and its tracks."""
    end = reader.size if segment.end is None else segment.end
    about, tracks = b"", b""
    elsewhere: list[int] = []
    for element in _elements(reader, segment.start, end):
        if element.id == _SEEK_HEAD:
            places = _seek_head(_content(reader, element))
            elsewhere = [segment.start + place for place in places]
        elif element.id == _INFO:
            about = _content(reader, element)
        elif element.id == _TRACKS:
            tracks = _content(reader, element)
        if element.id == _CLUSTER or (about and tracks):
            break
    for place in elsewhere:
        for element in _elements(reader, place, end):
            if element.id == _INFO and not about:
                about = _content(reader, element)
            elif element.id == _TRACKS and not tracks:
                tracks = _content(reader, element)
            break
    return about, [dict(_fields(value)) for name, value in _fields(tracks) if name == _ENTRY]


def _with_tracks(info: MediaInfo, entries: list[dict[int, bytes]]) -> MediaInfo:
    video = next((e for e in entries if _integer(e.get(_TYPE, b"")) == _VIDEO_TRACK), None)
    audio = next((e for e in entries if _integer(e.get(_TYPE, b"")) == _AUDIO_TRACK), None)
    if audio is not None:
        info = attrs.evolve(info, audio_codec=_codec(audio))
        if video is None:
            return attrs.evolve(info, kind="audio")
    if video is None:
        return info
    picture = dict(_fields(video.get(_VIDEO, b"")))
    frame_ns = _integer(video.get(_FRAME_NS, b""))
    return attrs.evolve(
        info,
        video_codec=_codec(video),
        width=_integer(picture.get(_WIDTH, b"")) or None,
        height=_integer(picture.get(_HEIGHT, b"")) or None,
        rotation_deg=0,
        fps=round(1e9 / frame_ns, 3) if frame_ns else None,
    )


def _elements(reader: Reader, start: int, end: int) -> Iterator[_Element]:
    """Yield the elements from `start` to `end`, until one whose end is not known or no element."""
    while start < end:
        head = reader.read(start, 12)
        try:
            number, id_length = _vint(head, 0, keep_marker=True)
            size, length = _vint(head, id_length)
        except DamagedError:
            return
        content = start + id_length + length
        if size == (1 << 7 * length) - 1:
            yield _Element(number, content, None)
            return
        yield _Element(number, content, content + size)
        start = content + size


def _content(reader: Reader, element: _Element) -> bytes:
    if element.end is None:
        raise DamagedError("has a damaged header")
    if element.end - element.start > _MOST_HEADER_BYTES:
        raise EnoughError
    if element.end > reader.size:
        raise DamagedError("breaks off in its header")
    return reader.read(element.start, element.end - element.start)


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the ids and contents of the elements in an element."""
    place = 0
    while place < len(data):
        try:
            number, id_length = _vint(data, place, keep_marker=True)
            size, length = _vint(data, place + id_length)
        except DamagedError:
            return
        place += id_length + length
        yield number, data[place : place + size]
        place += size


def _vint(data: bytes, place: int, *, keep_marker: bool = False) -> tuple[int, int]:
    """Return a number of variable length, and that length; an id keeps the bit that marks it."""
    first = data[place] if place < len(data) else 0
    length = 9 - first.bit_length()
    if first == 0 or place + length > len(data):
        raise DamagedError("has a damaged header")
    value = int.from_bytes(data[place : place + length], "big")
    return (value if keep_marker else value & ((1 << 7 * length) - 1)), length


def _seek_head(data: bytes) -> list[int]:
    """Return where the info and the tracks lie, from the segment's beginning."""
    places = []
    for name, value in _fields(data):
        if name == _SEEK:
            entry = dict(_fields(value))
            if _integer(entry.get(_SEEK_ID, b"")) in (_INFO, _TRACKS):
                places.append(_integer(entry.get(_SEEK_POSITION, b"")))
    return places[:4]


def _duration_ms(about: bytes) -> int | None:
    fields = dict(_fields(about))
    raw = fields.get(_DURATION, b"")
    if len(raw) not in (4, 8):
        return None
    ticks: float = struct.unpack(">f" if len(raw) == 4 else ">d", raw)[0]
    scale_ns = _integer(fields.get(_SCALE, b"")) or 1_000_000
    milliseconds = ticks * scale_ns / 1e6
    return round(milliseconds) or None if math.isfinite(milliseconds) and ticks > 0 else None


def _codec(entry: dict[int, bytes]) -> str | None:
    name = entry.get(_CODEC, b"").rstrip(b"\0").decode("ascii", "replace")
    if name.startswith("A_AAC"):
        name = "A_AAC"
    return _CODECS.get(name)


def _integer(data: bytes) -> int:
    return int.from_bytes(data[:8], "big")
