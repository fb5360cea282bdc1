"""The destination of a download to a file that the user opened."""

from __future__ import annotations

import io
from typing import Protocol

from nemovideo._downloads.resume import Record
from nemovideo.errors import DownloadError, InvalidRequestError, OutputError


class BinaryWriter(Protocol):
    """A binary file open for writing, or a file-like object."""

    def write(self, data: bytes, /) -> object:
        """Write bytes."""
        ...


class OpenFile:
    """A file that the user opened: written from its current position, and left open.

    If it can seek, a download that restarts truncates it to that position.
    """

    def __init__(self, file: BinaryWriter) -> None:
        self._file = file
        self._start: int | None = None
        self._written = 0
        self.record: Record | None = None
        self.have = 0

    def open(self) -> None:
        """Check that the file is writable, and note its position.

        Raises:
            InvalidRequestError: It is a text file, read-only, or closed.
        """
        try:
            self._file.write(b"")
        except (TypeError, ValueError, OSError, AttributeError) as error:
            raise InvalidRequestError(
                f"cannot download to {type(self._file).__name__}: {error}",
                remedy='Pass a path, or a file opened for binary writing: open(path, "wb").',
            ) from error
        try:
            self._start = self._file.tell()  # type: ignore[attr-defined]
        except (AttributeError, ValueError, OSError):
            self._start = None

    def begin(self, start: int, record: Record) -> None:
        """Truncate to `start`, and continue there.

        Raises:
            DownloadError: The file cannot seek back.
        """
        self.record = record
        if start == self._written:
            return
        try:
            if self._start is None:
                raise OSError("it cannot seek")  # noqa: TRY301 - handled like a failed seek
            self._file.seek(self._start + start)  # type: ignore[attr-defined]
            self._file.truncate()  # type: ignore[attr-defined]
        except (AttributeError, ValueError, OSError) as error:
            raise DownloadError(
                f"the download must restart, and the file cannot seek: {error}",
                remedy="Download to a path, or to a seekable file.",
            ) from error
        self._written = start

    def write(self, data: bytes) -> None:
        """Write the next bytes.

        Raises:
            OutputError: The file cannot be written.
        """
        try:
            count = self._write_once(data)
            while count < len(data):
                count += self._write_once(data[count:])
        except (OSError, ValueError) as error:
            raise OutputError(f"the file cannot be written: {error}") from error

    def _write_once(self, data: bytes) -> int:
        """Call the file's `write` once; return the number of bytes written."""
        count = self._file.write(data)
        if not isinstance(count, int) and not isinstance(self._file, io.RawIOBase):
            count = len(data)  # file-like objects need not return a count
        if not isinstance(count, int) or count <= 0:
            raise OSError("write() accepted no bytes")
        self._written += count
        return count

    def finish(self) -> None:
        """Flush the file.

        Raises:
            OutputError: It cannot be written.
        """
        flush = getattr(self._file, "flush", None)
        try:
            if flush is not None:
                flush()
        except (OSError, ValueError) as error:
            raise OutputError(f"the file cannot be written: {error}") from error

    def close(self) -> None:
        """Leave the file open: the user owns it."""
