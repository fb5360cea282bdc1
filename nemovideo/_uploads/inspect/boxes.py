"""Boxes, the building blocks of MP4, MOV and M4A (ISO/IEC 14496-12)."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from nemovideo._uploads.inspect.reader import Reader


@attrs.frozen
class Box:
    """A box: its type, and the offsets of its content; `end` may be beyond the end of the file."""

    type: bytes
    start: int
    end: int


def boxes(reader: Reader, start: int, end: int) -> Iterator[Box]:
    """Yield the boxes from `start` to `end`, stopping at the first invalid one."""
    while start + 8 <= end:
        size, kind = reader.unpack(">II", start)
        header = 8
        if size == 1:
            (size,) = reader.unpack(">Q", start + 8)
            header = 16
        elif size == 0:
            size = end - start
        name = kind.to_bytes(4, "big")
        if size < header or not all(32 <= byte < 127 or byte == 0xA9 for byte in name):
            return
        yield Box(name, start + header, start + size)
        start += size


def children(reader: Reader, box: Box, *types: bytes) -> dict[bytes, Box]:
    """Return the first complete child of each type."""
    found: dict[bytes, Box] = {}
    for child in boxes(reader, box.start, box.end):
        if child.type in types and child.end <= box.end:
            found.setdefault(child.type, child)
            if len(found) == len(types):
                break
    return found


def version(reader: Reader, box: Box) -> tuple[int, int]:
    """Return the version and flags of a full box."""
    (both,) = reader.unpack(">I", box.start)
    return both >> 24, both & 0xFFFFFF
