"""Random access to a file, within a budget."""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

_MAX_BYTES = 448 * 1024
_MAX_READS = 8000
_BLOCK_BYTES = 512


class DamagedError(Exception):
    """The file is damaged or truncated; the message is a predicate, shown after the file name."""


class BudgetError(Exception):
    """Parsing the header would exceed the read budget."""


class Reader:
    """A view of `size` bytes of a file from `start`, with a budget of bytes and reads.

    Attributes:
        size: The length in bytes; offsets are relative to `start`.
    """

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        self._file = file
        self._start = start
        self._left = _MAX_BYTES
        self._reads = _MAX_READS
        self._block_at, self._block = 0, b""
        self.size = size

    def read(self, offset: int, count: int) -> bytes:
        """Return `count` bytes, or fewer at the end of the file.

        Raises:
            BudgetError: The budget is exhausted.
        """
        self._reads -= 1
        if self._reads < 0:
            raise BudgetError
        count = max(0, min(count, self.size - offset))
        if not self._block_at <= offset <= offset + count <= self._block_at + len(self._block):
            self._block_at, self._block = offset, self._fetch(offset, max(count, _BLOCK_BYTES))
        start = offset - self._block_at
        return self._block[start : start + count]

    def _fetch(self, offset: int, count: int) -> bytes:
        self._left -= count
        if self._left < 0:
            raise BudgetError
        if offset >= self.size:
            return b""
        count = min(count, self.size - offset)
        self._file.seek(self._start + offset, os.SEEK_SET)
        data = b""
        while len(data) < count:  # raw files can return fewer bytes
            more = self._file.read(count - len(data))
            if not more:
                break
            data += more
        return data

    def unpack(self, layout: str, offset: int) -> tuple[int, ...]:
        """Return the integers at an offset, in `struct` format.

        Raises:
            DamagedError: The file ends before them.
            BudgetError: The budget is exhausted.
        """
        data = self.read(offset, struct.calcsize(layout))
        if len(data) < struct.calcsize(layout):
            raise DamagedError("has a truncated header")
        return struct.unpack(layout, data)


def truncated(expected: int, size: int) -> DamagedError:
    """Return the error for a file that is shorter than its header says."""
    return DamagedError(f"is truncated: {size:,} of at least {expected:,} bytes")
