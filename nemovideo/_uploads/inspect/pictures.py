"""PNG, JPEG and GIF: their size, how they are turned, and whether they are whole."""

from __future__ import annotations

from contextlib import suppress
from typing import Literal

from nemovideo._uploads.inspect.reader import DamagedError, EnoughError, Reader
from nemovideo.models import MediaInfo

_TAIL_BYTES = 64 * 1024

_START_OF_SCAN, _APP1, _END_OF_IMAGE = 0xDA, 0xE1, b"\xff\xd9"
_NO_FRAME_HEADERS = (0xC4, 0xC8, 0xCC)  # among C0 to CF; they are tables
_BARE_MARKERS = (0x01, *range(0xD0, 0xDA))
_TURNS = {3: 180, 4: 180, 5: 90, 6: 90, 7: 270, 8: 270}  # Exif's orientations, clockwise

_IMAGE_BLOCK, _EXTENSION = 0x2C, 0x21


def look_at_png(reader: Reader) -> MediaInfo:
    """Return the picture's size.

    Raises:
        DamagedError: It breaks off.
    """
    length, kind, width, height = reader.unpack(">IIII", 8)
    moves = reader.read(37, 4) == b"acTL"
    if length != 13 or kind != int.from_bytes(b"IHDR", "big") or not (width and height):
        raise DamagedError("has a damaged header")
    with suppress(EnoughError):
        _walk_png(reader)
    shown = "video" if moves else "image"
    return MediaInfo("png", shown, reader.size, width=width, height=height, rotation_deg=0)


def _walk_png(reader: Reader) -> None:
    """Look for the end among the chunks: something else may follow it."""
    place = 8
    while True:
        length, kind = reader.unpack(">II", place)
        place += 12 + length
        if place > reader.size:
            raise DamagedError("breaks off in its picture")
        if kind == int.from_bytes(b"IEND", "big"):
            return


def look_at_jpeg(reader: Reader) -> MediaInfo:
    """Return the picture's size and how it is turned.

    Raises:
        DamagedError: It breaks off.
    """
    place, turn, size = 2, 0, (0, 0)
    while True:
        mark, code = reader.unpack(">BB", place)
        if mark != 0xFF:
            raise DamagedError("has a damaged header")
        if code == 0xFF or code in _BARE_MARKERS:
            place += 1 if code == 0xFF else 2
            continue
        (length,) = reader.unpack(">H", place + 2)
        if code == _START_OF_SCAN:
            break
        if 0xC0 <= code <= 0xCF and code not in _NO_FRAME_HEADERS:
            height, width = reader.unpack(">HH", place + 5)
            size = width, height
        elif code == _APP1 and not turn:
            turn = _orientation(reader.read(place + 4, max(0, min(length - 2, 4096))))
        place += 2 + max(length, 2)
    if not size[0]:
        raise DamagedError("has a damaged header")
    if _ends_in_scan(reader, place + 2 + length):
        raise DamagedError("breaks off in its picture")
    shown = size if turn % 180 == 0 else size[::-1]
    return MediaInfo(
        "jpg", "image", reader.size, width=shown[0], height=shown[1] or None, rotation_deg=turn
    )


def _ends_in_scan(reader: Reader, start: int) -> bool:
    """Return whether the file ends within picture data; zeros may follow the marker of its end."""
    tail = reader.read(max(start, reader.size - _TAIL_BYTES), _TAIL_BYTES)
    return _END_OF_IMAGE not in tail and any(tail)


def _orientation(data: bytes) -> int:
    """Return the degrees that an Exif block asks for, 0 where it does not."""
    if not data.startswith(b"Exif\0\0"):
        return 0
    tiff = data[6:]
    order: Literal["little", "big"] = "little" if tiff.startswith(b"II") else "big"

    def number(place: int, count: int) -> int:
        return int.from_bytes(tiff[place : place + count], order)

    first = number(4, 4)
    for index in range(min(number(first, 2), 64)):
        entry = first + 2 + 12 * index
        if number(entry, 2) == 0x0112:
            return _TURNS.get(number(entry + 8, 2), 0)
    return 0


def look_at_gif(reader: Reader) -> MediaInfo:
    """Return the picture's size.

    Raises:
        DamagedError: It breaks off before the end of its first picture.
    """
    width, height, flags = reader.unpack("<HHB", 6)
    moves = False
    with suppress(EnoughError):
        place = _walk_gif(reader, 13 + _palette_bytes(flags))
        with suppress(DamagedError):  # what follows the first picture may be anything
            _walk_gif(reader, place)
            moves = True
    kind = "video" if moves else "image"
    return MediaInfo("gif", kind, reader.size, width=width, height=height, rotation_deg=0)


def _walk_gif(reader: Reader, place: int) -> int:
    """Go past the next picture, and return where that ends."""
    while True:
        (block,) = reader.unpack(">B", place)
        if block == _IMAGE_BLOCK:
            (flags,) = reader.unpack(">B", place + 9)
            return _after_sub_blocks(reader, place + 11 + _palette_bytes(flags))
        if block != _EXTENSION:
            raise DamagedError("has no picture in it")
        place = _after_sub_blocks(reader, place + 2)


def _palette_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _after_sub_blocks(reader: Reader, place: int) -> int:
    while True:
        (length,) = reader.unpack(">B", place)
        place += 1 + length
        if length == 0:
            return place
