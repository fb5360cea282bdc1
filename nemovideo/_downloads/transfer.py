"""One file on its way here: what a driver tells of each answer, and what becomes of its bytes.

A driver asks `question()`, sends it, tells of the answer's head, its bytes and its end, and
does so until there is no question left. `_resume.py` decides; the sink (`PartFile`, or
`OpenFile` for a file of the user's) is what touches the disk.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterable, Iterator
from typing import Protocol

from nemovideo._downloads.resume import (
    Anew,
    Done,
    Head,
    Question,
    Record,
    Take,
    ask,
    judge,
    place_of,
)
from nemovideo.errors import (
    APIConnectionError,
    APITimeoutError,
    DownloadError,
    InvalidRequestError,
    OutputError,
)

_LARGEST_PIECE_BYTES = 256 * 1024
"""How much is unpacked at once: a kilobyte can hold a megabyte."""


class BinaryWriter(Protocol):
    """A file opened for binary writing, or what behaves like one."""

    def write(self, data: bytes, /) -> object:
        """Write bytes."""
        ...


class Sink(Protocol):
    """Where a file is written to."""

    @property
    def have(self) -> int:
        """How many of the file's bytes were there when it was opened."""
        ...

    @property
    def record(self) -> Record | None:
        """What these bytes belong to."""
        ...

    def open(self) -> None:
        """Get ready."""
        ...

    def begin(self, start: int, record: Record) -> None:
        """Go on at a byte of the file."""
        ...

    def write(self, data: bytes) -> None:
        """Write the next bytes."""
        ...

    def finish(self) -> None:
        """Note that the file is whole."""
        ...

    def close(self) -> None:
        """Leave it, whole or not; must be quick."""
        ...


class Transfer:
    """A download, over as many answers as it takes.

    Args:
        sink: Where it goes.
        thing: The digest of what is downloaded.
        size: The whole file's size in bytes, if it is known beforehand.

    Attributes:
        place: The digest of the URL that is asked; see `turn_to`.
        received: The bytes that are there.
    """

    def __init__(self, sink: Sink, thing: str, size: int | None) -> None:
        self.place: str = ""
        self.received: int = 0
        self._sink = sink
        self._thing = thing
        self._size = size or None
        self._record: Record | None = None
        self._question = Question(0, 0, {})
        self._stop: int | None = None
        self._unpacker: _Unpacker | None = None
        self._whole = False
        self._began_at = self._best = 0

    @property
    def total(self) -> int | None:
        """The whole file's size in bytes, where it is known."""
        if self._size is not None:
            return self._size
        return self._record.total if self._record is not None else None

    @property
    def gained(self) -> int:
        """How many bytes it has come further, at its best, since it has turned to its place."""
        return self._best - self._began_at

    def open(self) -> None:
        """Get the sink ready.

        Raises:
            OutputError: Nothing can be written there.
            InvalidRequestError: It is not meant for bytes.
        """
        self._sink.open()
        record = self._sink.record
        if record is not None and self._size in (None, record.total):
            self._record = record
            self.received = self._best = self._sink.have

    def turn_to(self, url: str) -> None:
        """Ask at this URL from now on."""
        self.place = place_of(url)
        self._began_at = self._best

    def question(self) -> Question | None:
        """Return what to ask for, or None once the file is whole."""
        if self._whole:
            return None
        self._question = ask(self.received, self._record, self.place)
        return self._question

    def answered(self, head: Head) -> bool:
        """Take the head of an answer, and say whether its body is wanted.

        Raises:
            DownloadError: The answer cannot be the file.
            OutputError: The disk does not take it.
        """
        match judge(self._question, head, self._record, thing=self._thing, size=self._size):
            case Take(start, stop, record, packed):
                self._sink.begin(start, record)
                self.received, self._stop, self._record = start, stop, record
                self._unpacker = _Unpacker() if packed else None
                return True
            case Anew():
                self._record = None
            case Done():
                self._whole = True
        return False

    def write(self, data: bytes) -> None:
        """Take the next bytes of the body.

        Raises:
            DownloadError: They are too many, or not packed as they should be.
            OutputError: The disk does not take them.
        """
        for piece in (data,) if self._unpacker is None else self._unpacker.unpacked(data):
            if self._stop is not None and self.received + len(piece) > self._stop:
                raise self._not_the_file(f"more than {self._stop} bytes came")
            self._sink.write(piece)
            self.received += len(piece)
        self._best = max(self._best, self.received)

    def write_all(self, chunks: Iterable[bytes]) -> None:
        """Take the next bytes, in several pieces; see `write`."""
        for chunk in chunks:
            self.write(chunk)

    def ended(self) -> None:
        """Take it that the body has ended, as it should.

        Raises:
            DownloadError: The file is not whole.
        """
        if self._unpacker is not None and not self._unpacker.ended:
            raise self._interrupted("the packed file ended early")
        if self.total is not None and self.received < self.total:
            raise self._interrupted("the answer ended early")
        if self.received == 0:
            raise DownloadError("the file is empty")
        self._whole = True

    def broke(self, error: APIConnectionError) -> None:
        """Take it that the connection broke; that does no harm when all bytes are there.

        Raises:
            APITimeoutError: The deadline of the whole call has passed.
            DownloadError: The file is not whole.
        """
        if isinstance(error, APITimeoutError) and error.deadline_passed:
            raise error
        if self._unpacker is not None or self.received != self.total:
            raise self._interrupted(error.message) from error
        self._whole = True

    def finish(self) -> None:
        """Put the whole file into its place.

        Raises:
            InvalidRequestError: Another file has come there meanwhile.
            OutputError: That is not possible.
        """
        self._sink.finish()

    def close(self) -> None:
        """Leave the sink, whole or not."""
        self._sink.close()

    def _not_the_file(self, reason: str) -> DownloadError:
        """Return an error after which nothing of what is there is trusted."""
        self._record = None
        self._sink.begin(0, Record(self._thing, self.place))
        self.received = 0
        return DownloadError(reason)

    def _interrupted(self, reason: str) -> DownloadError:
        of_total = "" if self.total is None else f" of {self.total}"
        error = DownloadError(f"{self.received}{of_total} bytes came: {reason}")
        error.interrupted = True
        return error


class _Unpacker:
    """Unpacks gzip and zlib, and knows whether all of it has come."""

    def __init__(self) -> None:
        self._machine = zlib.decompressobj(zlib.MAX_WBITS | 32)

    @property
    def ended(self) -> bool:
        """Whether the end of the packed data was there."""
        return self._machine.eof

    def unpacked(self, data: bytes) -> Iterator[bytes]:
        """Yield what is in the data, in pieces."""
        try:
            while data and not self._machine.eof:
                yield self._machine.decompress(data, _LARGEST_PIECE_BYTES)
                data = self._machine.unconsumed_tail
        except zlib.error as error:
            raise DownloadError(f"the packed file cannot be unpacked: {error}") from error


class OpenFile:
    """A file that the user has opened: written to from where it stands, and left open.

    Where it can seek, a download that has to begin anew goes back and cuts it off there.
    """

    def __init__(self, file: BinaryWriter) -> None:
        self._file = file
        self._start: int | None = None
        self._written = 0
        self.record: Record | None = None
        self.have = 0

    def open(self) -> None:
        """See whether it takes bytes, and where it stands.

        Raises:
            InvalidRequestError: It is opened as text, for reading, or not at all.
        """
        try:
            self._file.write(b"")
        except (TypeError, ValueError, OSError, AttributeError) as error:
            raise InvalidRequestError(
                f"nothing can be downloaded to {type(self._file).__name__}: {error}",
                remedy='Give a path, or a file opened for binary writing: open(path, "wb").',
            ) from error
        try:
            self._start = self._file.tell()  # type: ignore[attr-defined]
        except (AttributeError, ValueError, OSError):
            self._start = None

    def begin(self, start: int, record: Record) -> None:
        """Go on at a byte of the file.

        Raises:
            DownloadError: That is before where the file stands, and it cannot go back.
        """
        self.record = record
        if start == self._written:
            return
        try:
            if self._start is None:
                raise OSError("it cannot seek")  # noqa: TRY301 - told like those that find out
            self._file.seek(self._start + start)  # type: ignore[attr-defined]
            self._file.truncate()  # type: ignore[attr-defined]
        except (AttributeError, ValueError, OSError) as error:
            raise DownloadError(
                f"the download must begin anew, and the file cannot go back: {error}",
                remedy="Download to a path, or to a file that can seek.",
            ) from error
        self._written = start

    def write(self, data: bytes) -> None:
        """Write the next bytes.

        Raises:
            OutputError: The file does not take them.
        """
        try:
            taken = self._put(data)
            while taken < len(data):
                taken += self._put(data[taken:])
        except (OSError, ValueError) as error:
            raise OutputError(f"the file cannot be written: {error}") from error

    def _put(self, data: bytes) -> int:
        """Write as much as the file takes, and return how much that was."""
        taken = self._file.write(data)
        if not isinstance(taken, int) and not isinstance(self._file, io.RawIOBase):
            taken = len(data)  # what only looks like a file need not count
        if not isinstance(taken, int) or taken <= 0:
            raise OSError("it takes no more now")
        self._written += taken
        return taken

    def finish(self) -> None:
        """Let the system have all that was written.

        Raises:
            OutputError: It does not take it.
        """
        flush = getattr(self._file, "flush", None)
        try:
            if flush is not None:
                flush()
        except (OSError, ValueError) as error:
            raise OutputError(f"the file cannot be written: {error}") from error

    def close(self) -> None:
        """Do nothing: it is the user's."""
