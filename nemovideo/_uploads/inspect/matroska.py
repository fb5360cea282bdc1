"""WebM and MKV (RFC 8794, RFC 9559): which of the two, and whether it is complete."""

from __future__ import annotations

import io
from collections.abc import Iterator

import attrs

from nemovideo._uploads.inspect.reader import BudgetError, DamagedError, Reader, truncated
from nemovideo.models import MediaInfo

SEGMENT = 0x18538067
_EBML, _DOC_TYPE = 0x1A45DFA3, 0x4282
_MAX_CONTENT_BYTES = 256 * 1024


@attrs.frozen
class Element:
    """An element: its id, and the offsets of its content; an unknown end is None."""

    id: int
    start: int
    end: int | None


def parse(reader: Reader) -> MediaInfo:
    """Parse the EBML header, and check the size of the segment."""
    format_ = "mkv"
    for element in elements(reader, 0, reader.size):
        if element.id == _EBML:
            for name, value in fields(content(reader, element)):
                if name == _DOC_TYPE and value.rstrip(b"\0") == b"webm":
                    format_ = "webm"
        elif element.id == SEGMENT:
            if element.end is not None and element.end > reader.size:
                raise truncated(element.end, reader.size)
            return MediaInfo(format_, "video", reader.size)
    raise DamagedError("has a truncated header")


def elements(reader: Reader, start: int, end: int) -> Iterator[Element]:
    """Yield the elements from `start` to `end`, stopping after an unknown size or invalid data."""
    while start < end:
        head = reader.read(start, 12)
        try:
            number, id_length = _vint(head, 0, keep_marker=True)
            size, length = _vint(head, id_length)
        except DamagedError:
            return
        begin = start + id_length + length
        if size == (1 << 7 * length) - 1:
            yield Element(number, begin, None)
            return
        yield Element(number, begin, begin + size)
        start = begin + size


def content(reader: Reader, element: Element) -> bytes:
    """Return the content of a small element.

    Raises:
        DamagedError: The element is truncated.
        BudgetError: The element is too large.
    """
    if element.end is None or element.end > reader.size:
        raise DamagedError("has a truncated header")
    if element.end - element.start > _MAX_CONTENT_BYTES:
        raise BudgetError
    return reader.read(element.start, element.end - element.start)


def fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the id and content of each child element."""
    reader = Reader(io.BytesIO(data), 0, len(data))
    for element in elements(reader, 0, len(data)):
        yield element.id, data[element.start : element.end]


def _vint(data: bytes, offset: int, *, keep_marker: bool = False) -> tuple[int, int]:
    """Return a variable-size integer and its length; ids keep their marker bit."""
    first = data[offset] if offset < len(data) else 0
    length = 9 - first.bit_length()
    if first == 0 or offset + length > len(data):
        raise DamagedError("has a damaged header")
    value = int.from_bytes(data[offset : offset + length], "big")
    return (value if keep_marker else value & ((1 << 7 * length) - 1)), length
