"""Request bodies, as streams for httpx: JSON, and the multipart body of an upload."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

import httpx

from nemovideo._drivers.attempts import Deadline
from nemovideo._support.clock import Clock

if TYPE_CHECKING:
    from nemovideo._uploads.multipart import Multipart

_CHUNKS_AT_ONCE = 4
"""How many chunks to read per hop to a worker thread; a hop takes longer than reading one chunk."""


class AsyncBody(httpx.AsyncByteStream):
    """A body in memory, for the async driver.

    httpx's own body is an async generator: if a request is canceled while it is sent, trio warns
    about the abandoned generator.
    """

    def __init__(self, content: bytes) -> None:
        self._rest = content

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Return a new iterator: authentication and redirects send a body again."""
        return AsyncBody(self._rest)

    async def __anext__(self) -> bytes:
        """Return the content."""
        content, self._rest = self._rest, b""
        if not content:
            raise StopAsyncIteration
        return content


class _Upload:
    """A multipart body that reports its progress; it can be sent once.

    Attributes:
        files: The names and sizes of the files, for cassettes.
    """

    def __init__(
        self,
        body: Multipart,
        on_sent: Callable[[int, int], None] | None,
        deadline: Deadline,
        clock: Clock,
    ) -> None:
        self.files = body.files
        self._body = body
        self._chunks = body.chunks()
        self._total = body.size_bytes
        self._sent = 0
        self._on_sent = on_sent
        self._deadline = deadline
        self._clock = clock
        self._chunk_started = 0.0

    def _start_timer(self) -> None:
        self._chunk_started = self._clock.monotonic()

    def _count(self, chunk: bytes) -> None:
        self._deadline.clip(0)
        self._body.adapt(self._clock.monotonic() - self._chunk_started, len(chunk))
        self._sent += len(chunk)
        if self._on_sent is not None:
            self._on_sent(self._sent, self._total)

    def close(self) -> None:
        """Close the file that was being sent."""
        self._chunks.close()


class SyncUpload(_Upload, httpx.SyncByteStream):
    """An upload of the sync driver."""

    def __iter__(self) -> Iterator[bytes]:
        """Yield the body's chunks."""
        for chunk in self._chunks:
            self._start_timer()
            yield chunk
            self._count(chunk)


class AsyncUpload(_Upload, httpx.AsyncByteStream):
    """An upload of the async driver, which reads its files in a thread.

    It is an iterator, because an abandoned async generator is never closed.
    """

    _last: bytes | None = None
    _read: Iterator[bytes] = iter(())

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Return the iterator over the body's chunks."""
        return self

    async def __anext__(self) -> bytes:
        """Return the next chunk."""
        if self._last is not None:
            self._count(self._last)
        self._last = next(self._read, None)
        if self._last is None:
            self._last = await self._read_more()
        self._start_timer()
        return self._last

    async def _read_more(self) -> bytes:
        from anyio import to_thread

        found = await to_thread.run_sync(list, islice(self._chunks, _CHUNKS_AT_ONCE))
        if not found:
            raise StopAsyncIteration
        self._read = iter(found[1:])
        return found[0]
