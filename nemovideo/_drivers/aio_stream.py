"""A stream of the async client: read by a task of its own, so that a wait for it can time out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio

from nemovideo._drivers import http
from nemovideo._drivers.loops import Loop
from nemovideo._drivers.troubles import Way
from nemovideo._flows.steps import Request, StreamHandle
from nemovideo._support.clock import Clock

BUFFER_BYTES = 1024 * 1024
"""How much is read ahead of a slow consumer; after that the server has to wait."""

_CLOSING_GRACE_S = 1.0


class Stream(StreamHandle):
    """An open stream; `read` waits for its bytes, `close` ends it.

    A read that is cancelled would end httpx's response; with a task, a silent stream lives on
    while the client reports that it is still working.

    Args:
        connect: Sends the request and returns the response.
        request: The request, for errors.
        way: How the client reaches its hosts, for errors.
        clock: The client's clock.
        loop: The running event loop.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[http.Response]],
        request: Request,
        way: Way,
        clock: Clock,
        loop: Loop,
    ) -> None:
        self._connect = connect
        self._request = request
        self._way = way
        self._clock = clock
        self._chunks: list[bytes] = []
        self._buffered = 0
        self._error: Exception | None = None
        self._ended = anyio.Event()
        self._arrived = anyio.Event()
        self._room = anyio.Event()
        self._scope = loop.spawn(self._pump)

    async def read(self, timeout_s: float) -> bytes | None:
        """Return the next bytes, b"" at the end, or None once the time is up."""
        if not self._chunks and not self._ended.is_set():
            found = await self._clock.receive_async(self, timeout_s)
            if found is None:
                return None
        # What has arrived already is taken at once: a task switch per token is expensive.
        chunks, self._chunks, self._buffered = self._chunks, [], 0
        self._room.set()
        if chunks:
            return b"".join(chunks)
        if self._error is not None:
            raise self._error
        return b""

    async def receive(self) -> bool:
        """Return once there is something to read; for the clock."""
        while not self._chunks and not self._ended.is_set():
            self._arrived = anyio.Event()
            await self._arrived.wait()
        return True

    def cancel(self) -> None:
        """End the task without waiting for it; in the loop's own thread."""
        self._scope.cancel()

    async def close(self) -> None:
        """End the task, and wait for it, even where the caller was cancelled."""
        self.cancel()
        with anyio.move_on_after(_CLOSING_GRACE_S, shield=True):
            await self._ended.wait()

    async def _pump(self) -> None:
        try:
            response = await self._connect()
            chunks = response.aiter_bytes()
            try:
                with self._way.translating(self._request):
                    async for chunk in chunks:
                        await self._put(chunk)
            finally:
                with anyio.CancelScope(shield=True):
                    await http.closed(response, chunks)
        except Exception as error:  # noqa: BLE001 - the reader raises it
            self._error = error
        finally:
            self._ended.set()
            self._arrived.set()

    async def _put(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        self._buffered += len(chunk)
        self._arrived.set()
        if self._buffered > BUFFER_BYTES:
            self._room = anyio.Event()
            await self._room.wait()
