"""PNG, JPEG and GIF: size, orientation, and whether the picture is complete."""

from __future__ import annotations

from contextlib import suppress
from typing import Literal

from nemovideo._uploads.inspect.reader import BudgetError, DamagedError, Reader
from nemovideo.models import MediaInfo

_TAIL_BYTES = 64 * 1024

_START_OF_SCAN, _APP1, _END_OF_IMAGE = 0xDA, 0xE1, b"\xff\xd9"
_NO_FRAME_HEADERS = (0xC4, 0xC8, 0xCC)  # tables, among C0 to CF
_BARE_MARKERS = (0x01, *range(0xD0, 0xDA))
_ROTATIONS = {3: 180, 4: 180, 5: 90, 6: 90, 7: 270, 8: 270}  # Exif orientations, clockwise

_IMAGE_BLOCK, _EXTENSION = 0x2C, 0x21


def parse_png(reader: Reader) -> MediaInfo:
    """Return the size; an animated PNG is a video."""
    length, kind, width, height = reader.unpack(">IIII", 8)
    is_animated = reader.read(37, 4) == b"acTL"
    if length != 13 or kind != int.from_bytes(b"IHDR", "big") or not (width and height):
        raise DamagedError("has a damaged header")
    with suppress(BudgetError):
        _check_png_chunks(reader)
    media_kind = "video" if is_animated else "image"
    return MediaInfo("png", media_kind, reader.size, width=width, height=height, rotation_deg=0)


def _check_png_chunks(reader: Reader) -> None:
    """Walk the chunks up to IEND; trailing data is allowed."""
    offset = 8
    while True:
        length, kind = reader.unpack(">II", offset)
        offset += 12 + length
        if offset > reader.size:
            raise DamagedError("contains a truncated picture")
        if kind == int.from_bytes(b"IEND", "big"):
            return


def parse_jpeg(reader: Reader) -> MediaInfo:
    """Return the size as shown, and the Exif rotation."""
    offset, rotation, size = 2, 0, (0, 0)
    while True:
        mark, code = reader.unpack(">BB", offset)
        if mark != 0xFF:
            raise DamagedError("has a damaged header")
        if code == 0xFF or code in _BARE_MARKERS:
            offset += 1 if code == 0xFF else 2
            continue
        (length,) = reader.unpack(">H", offset + 2)
        if code == _START_OF_SCAN:
            break
        if 0xC0 <= code <= 0xCF and code not in _NO_FRAME_HEADERS:
            height, width = reader.unpack(">HH", offset + 5)
            size = width, height
        elif code == _APP1 and not rotation:
            rotation = _exif_rotation(reader.read(offset + 4, max(0, min(length - 2, 4096))))
        offset += 2 + max(length, 2)
    if not size[0]:
        raise DamagedError("has a damaged header")
    tail = reader.read(max(offset + 2 + length, reader.size - _TAIL_BYTES), _TAIL_BYTES)
    if _END_OF_IMAGE not in tail and any(tail):  # the end may be followed by zeros
        raise DamagedError("contains a truncated picture")
    width, height = size if rotation % 180 == 0 else size[::-1]
    return MediaInfo(
        "jpg", "image", reader.size, width=width, height=height or None, rotation_deg=rotation
    )


def _exif_rotation(data: bytes) -> int:
    """Return the clockwise rotation of an Exif block, in degrees."""
    if not data.startswith(b"Exif\0\0"):
        return 0
    tiff = data[6:]
    order: Literal["little", "big"] = "little" if tiff.startswith(b"II") else "big"

    def number(offset: int, count: int) -> int:
        return int.from_bytes(tiff[offset : offset + count], order)

    first = number(4, 4)
    for index in range(min(number(first, 2), 64)):
        entry = first + 2 + 12 * index
        if number(entry, 2) == 0x0112:
            return _ROTATIONS.get(number(entry + 8, 2), 0)
    return 0


def parse_gif(reader: Reader) -> MediaInfo:
    """Return the size; a GIF with a second frame is a video."""
    width, height, flags = reader.unpack("<HHB", 6)
    kind = "image"
    with suppress(BudgetError):
        offset = _skip_gif_frame(reader, 13 + _palette_bytes(flags))
        with suppress(DamagedError):  # trailing data
            _skip_gif_frame(reader, offset)
            kind = "video"
    return MediaInfo("gif", kind, reader.size, width=width, height=height, rotation_deg=0)


def _skip_gif_frame(reader: Reader, offset: int) -> int:
    """Return the offset after the next frame."""
    while True:
        (block,) = reader.unpack(">B", offset)
        if block == _IMAGE_BLOCK:
            (flags,) = reader.unpack(">B", offset + 9)
            return _after_sub_blocks(reader, offset + 11 + _palette_bytes(flags))
        if block != _EXTENSION:
            raise DamagedError("has no picture")
        offset = _after_sub_blocks(reader, offset + 2)


def _palette_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _after_sub_blocks(reader: Reader, offset: int) -> int:
    while True:
        (length,) = reader.unpack(">B", offset)
        offset += 1 + length
        if length == 0:
            return offset
