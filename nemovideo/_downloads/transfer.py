"""State machine of a resumable download.

A driver sends `next_request()`, reports the response headers, the body and its end, and repeats
until there is no next request. `resume.py` decides; the sink (`PartFile`, or `OpenFile` for a file
that the user opened) does the I/O.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from nemovideo._downloads.resume import (
    Complete,
    RangeRequest,
    Record,
    ResponseHead,
    Restart,
    WriteFrom,
    interpret,
    plan_request,
    url_digest,
)
from nemovideo.errors import APIConnectionError, APITimeoutError, DownloadError

if TYPE_CHECKING:
    from nemovideo._downloads.openfile import OpenFile
    from nemovideo._downloads.partfile import PartFile

_MAX_CHUNK_BYTES = 256 * 1024
"""The limit on decompressed data in memory at any time: a kilobyte can expand to a megabyte."""


class Transfer:
    """A download over any number of responses.

    Attributes:
        url_digest: Digest of the current URL; see `set_url`.
        received: The number of bytes in the destination.
    """

    def __init__(self, sink: PartFile | OpenFile, identity: str, size: int | None) -> None:
        self.url_digest: str = ""
        self.received: int = 0
        self._sink = sink
        self._identity = identity
        self._size = size or None
        self._record: Record | None = None
        self._request = RangeRequest(0, 0, {})
        self._stop: int | None = None
        self._decompressor: _Decompressor | None = None
        self._complete = False
        self._max_before_url = self._max_received = 0

    @property
    def total(self) -> int | None:
        """The size of the complete file in bytes, if known."""
        if self._size is not None:
            return self._size
        return self._record.total if self._record is not None else None

    @property
    def progress_bytes(self) -> int:
        """How much the maximum of `received` has grown since the URL was set."""
        return self._max_received - self._max_before_url

    def open(self) -> None:
        """Open the sink.

        Raises:
            OutputError: The destination cannot be written.
            InvalidRequestError: The user's file is not open for binary writing.
        """
        self._sink.open()
        record = self._sink.record
        if record is not None and self._size in (None, record.total):
            self._record = record
            self.received = self._max_received = self._sink.have

    def set_url(self, url: str) -> None:
        """Download from this URL from now on."""
        self.url_digest = url_digest(url)
        self._max_before_url = self._max_received

    def next_request(self) -> RangeRequest | None:
        """Return the next request, or None once the file is complete."""
        if self._complete:
            return None
        self._request = plan_request(self.received, self._record, self.url_digest)
        return self._request

    def on_response(self, head: ResponseHead) -> bool:
        """Record the response headers; return whether to read the body.

        Raises:
            DownloadError: The response cannot be the file.
            OutputError: The destination cannot be written.
        """
        action = interpret(
            self._request, head, self._record, identity=self._identity, size=self._size
        )
        match action:
            case WriteFrom(start, stop, record, compressed):
                self._sink.begin(start, record)
                self.received, self._stop, self._record = start, stop, record
                self._decompressor = _Decompressor() if compressed else None
                return True
            case Restart():
                self._record = None
            case Complete():
                self._complete = True
        return False

    def write(self, chunks: Iterable[bytes]) -> None:
        """Write the next chunks of the body.

        Raises:
            DownloadError: They exceed the expected size, or cannot be decompressed.
            OutputError: The destination cannot be written.
        """
        for data in chunks:
            for piece in (data,) if self._decompressor is None else self._decompressor.feed(data):
                if self._stop is not None and self.received + len(piece) > self._stop:
                    raise self._discard(f"the server sent more than {self._stop:,} bytes")
                self._sink.write(piece)
                self.received += len(piece)
            self._max_received = max(self._max_received, self.received)

    def on_end(self) -> None:
        """Record the regular end of the body.

        Raises:
            DownloadError: The file is incomplete.
        """
        if self._decompressor is not None and not self._decompressor.ended:
            raise self._interrupted("the compressed body ended early")
        if self.total is not None and self.received < self.total:
            raise self._interrupted("the response ended early")
        if self.received == 0:
            raise DownloadError("the file is empty")
        self._complete = True

    def on_disconnect(self, error: APIConnectionError) -> None:
        """Record a dropped connection; harmless if all bytes have arrived.

        Raises:
            APITimeoutError: The deadline of the whole call has passed.
            DownloadError: The file is incomplete.
        """
        if isinstance(error, APITimeoutError) and error.deadline_passed:
            raise error
        if self._decompressor is not None or self.received != self.total:
            raise self._interrupted(error.message) from error
        self._complete = True

    def _discard(self, reason: str) -> DownloadError:
        """Empty the destination, and return an error with the reason."""
        self._record = None
        self._sink.begin(0, Record(self._identity, self.url_digest))
        self.received = 0
        return DownloadError(reason)

    def _interrupted(self, reason: str) -> DownloadError:
        of_total = "" if self.total is None else f" of {self.total:,}"
        error = DownloadError(f"received {self.received:,}{of_total} bytes: {reason}")
        error.interrupted = True
        return error


class _Decompressor:
    """Incremental gzip and zlib decompression."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(zlib.MAX_WBITS | 32)

    @property
    def ended(self) -> bool:
        """Whether the end of the compressed data was reached."""
        return self._zlib.eof

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the decompressed data in bounded chunks."""
        try:
            while data and not self._zlib.eof:
                yield self._zlib.decompress(data, _MAX_CHUNK_BYTES)
                data = self._zlib.unconsumed_tail
        except zlib.error as error:
            raise DownloadError(f"the response cannot be decompressed: {error}") from error
