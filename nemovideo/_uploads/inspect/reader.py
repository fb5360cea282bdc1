"""Reads a file here and there, never more than a little of it."""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

MOST_BYTES = 448 * 1024
MOST_READS = 8000
_BLOCK_BYTES = 512


class DamagedError(Exception):
    """The file cannot be what it begins as; the message says why, after its name."""


class EnoughError(Exception):
    """More would have to be read than a look at the header is worth."""


class Reader:
    """The `size` bytes of a file from `start` on, within a budget of bytes and reads.

    Attributes:
        size: How many bytes there are; offsets count from the first of them.
    """

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        self._file = file
        self._start = start
        self._left = MOST_BYTES
        self._reads = MOST_READS
        self._block_at, self._block = 0, b""
        self.size = size

    def read(self, offset: int, count: int) -> bytes:
        """Return so many bytes, fewer where the file ends.

        Raises:
            EnoughError: The budget does not allow it.
        """
        self._reads -= 1
        if self._reads < 0:
            raise EnoughError
        count = max(0, min(count, self.size - offset))
        if not self._block_at <= offset <= offset + count <= self._block_at + len(self._block):
            self._block_at, self._block = offset, self._fetch(offset, max(count, _BLOCK_BYTES))
        place = offset - self._block_at
        return self._block[place : place + count]

    def _fetch(self, offset: int, count: int) -> bytes:
        self._left -= count
        if self._left < 0:
            raise EnoughError
        if offset >= self.size:
            return b""
        count = min(count, self.size - offset)
        self._file.seek(self._start + offset, os.SEEK_SET)
        data = b""
        while len(data) < count:  # a raw file may give less than it was asked for
            more = self._file.read(count - len(data))
            if not more:
                break
            data += more
        return data

    def unpack(self, layout: str, offset: int) -> tuple[int, ...]:
        """Return the integers at an offset; the layout is in struct's terms.

        Raises:
            DamagedError: The file ends before them.
            EnoughError: The budget does not allow it.
        """
        data = self.read(offset, struct.calcsize(layout))
        if len(data) < struct.calcsize(layout):
            raise DamagedError("breaks off in its header")
        return struct.unpack(layout, data)


def cut_short(wanted: int, size: int) -> DamagedError:
    """Return the error for a file that should be longer than it is."""
    return DamagedError(f"breaks off: of at least {wanted} bytes, only the first {size} are there")
