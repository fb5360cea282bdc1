"""Cropping metadata: `clap` boxes in MP4 and MOV, PixelCrop in Matroska.

FFmpeg parses both but leaves cropping to its caller, and PyAV does not expose them.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import attrs

from nemovideo._uploads.inspect.boxes import Box, boxes, children, version
from nemovideo._uploads.inspect.matroska import SEGMENT, content, elements, fields
from nemovideo._uploads.inspect.reader import BudgetError, DamagedError, Reader
from nemovideo._values.formats import sniff

if TYPE_CHECKING:
    from av.video.stream import VideoStream

_ENTRY_BYTES = 86  # a video sample entry, before its child boxes
_HEAD_BYTES = 64
_TRACKS, _TRACK_TYPE, _VIDEO = 0x1654AE6B, 0x83, 0xE0
_VIDEO_TRACK = b"\x01"
_CROP = (0x54CC, 0x54BB, 0x54DD, 0x54AA)  # left, top, right, bottom


@attrs.frozen
class Margins:
    """Pixels to crop on each side of the stored picture."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0

    def __bool__(self) -> bool:
        """Whether there is anything to crop."""
        return any(attrs.astuple(self))


def margins_of(path: Path, stream: VideoStream) -> Margins:
    """Return the margins that a file sets for a stream."""
    try:
        with path.open("rb") as file:
            families = sniff(file.read(_HEAD_BYTES))
            reader = Reader(cast("BinaryIO", file), 0, path.stat().st_size)
            if "mp4" in families:
                return _clean_aperture(reader, stream.id)
            if "matroska" in families:
                return _pixel_crop(reader, stream.container.streams.video.index(stream))
    except (OSError, DamagedError, BudgetError):
        pass
    return Margins()


def _pixel_crop(reader: Reader, index: int) -> Margins:
    """Return the margins of the video track with this index among the video tracks."""
    for segment in elements(reader, 0, reader.size):
        if segment.id != SEGMENT:
            continue
        end = reader.size if segment.end is None else segment.end
        for element in elements(reader, segment.start, end):
            if element.id == _TRACKS:
                entries = [dict(fields(e)) for name, e in fields(content(reader, element))]
                videos = [e for e in entries if e.get(_TRACK_TYPE) == _VIDEO_TRACK]
                picture = (
                    dict(fields(videos[index].get(_VIDEO, b""))) if index < len(videos) else {}
                )
                sides = (picture.get(side, b"")[:8] for side in _CROP)
                return Margins(*(int.from_bytes(side, "big") for side in sides))
    return Margins()


def _clean_aperture(reader: Reader, track: int) -> Margins:
    for entry in _video_entries(reader, track):
        width, height = reader.unpack(">HH", entry.start + 24)
        for box in boxes(reader, entry.start + _ENTRY_BYTES - 8, entry.end):
            if box.type == b"clap":
                return _margins(reader.unpack(">IIIIiIiI", box.start), width, height)
    return Margins()


def _video_entries(reader: Reader, track: int) -> Iterator[Box]:
    for moov in boxes(reader, 0, reader.size):
        if moov.type != b"moov":
            continue
        for trak in boxes(reader, moov.start, moov.end):
            if trak.type != b"trak":
                continue
            box: Box | None = trak
            tkhd = children(reader, trak, b"tkhd").get(b"tkhd")
            if tkhd is None:
                continue
            long, _ = version(reader, tkhd)
            if reader.unpack(">I", tkhd.start + (20 if long else 12)) != (track,):
                continue
            for name in (b"mdia", b"minf", b"stbl", b"stsd"):
                box = children(reader, box, name).get(name) if box is not None else None
            if box is not None:
                yield from boxes(reader, box.start + 8, box.end)


def _margins(values: tuple[int, ...], width: int, height: int) -> Margins:
    """Return the margins of an aperture, from its size and the offset of its center."""
    if not all(values[1::2]):
        return Margins()
    size_x, size_y, off_x, off_y = (
        Fraction(n, d) for n, d in zip(values[::2], values[1::2], strict=True)
    )
    left = round((width - size_x) / 2 + off_x)
    top = round((height - size_y) / 2 + off_y)
    right, bottom = width - left - round(size_x), height - top - round(size_y)
    inside = min(left, top, right, bottom) >= 0 and left + right < width and top + bottom < height
    return Margins(left, top, right, bottom) if inside else Margins()
