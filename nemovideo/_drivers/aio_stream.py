"""A stream of the async client, read by its own task so that a wait for it can time out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio

from nemovideo._drivers import http
from nemovideo._drivers.loops import Loop
from nemovideo._drivers.network_errors import ErrorMapper
from nemovideo._flows.steps import Request, StreamHandle
from nemovideo._support.clock import Clock

BUFFER_BYTES = 1024 * 1024
"""The size of the read-ahead buffer; once it is full, the server has to wait."""

_CLOSING_GRACE_S = 1.0


class Stream(StreamHandle):
    """An open stream.

    A canceled read would end the httpx response; with a task, a silent stream stays open while the
    client reports that the agent is still working.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[http.Response]],
        request: Request,
        errors: ErrorMapper,
        clock: Clock,
        loop: Loop,
    ) -> None:
        self._connect = connect
        self._request = request
        self._errors = errors
        self._clock = clock
        self._chunks: list[bytes] = []
        self._buffered = 0
        self._error: Exception | None = None
        self._ended = anyio.Event()
        self._arrived = anyio.Event()
        self._has_room = anyio.Event()
        self._scope = loop.spawn(self._read_ahead)

    async def read(self, timeout_s: float) -> bytes | None:
        """Return the next bytes, b"" at the end, or None after the timeout."""
        if not self._chunks and not self._ended.is_set():
            found = await self._clock.receive_async(self, timeout_s)
            if found is None:
                return None
        # Take the whole buffer: a task switch per token is expensive.
        chunks, self._chunks, self._buffered = self._chunks, [], 0
        self._has_room.set()
        if chunks:
            return b"".join(chunks)
        if self._error is not None:
            raise self._error
        return b""

    async def receive(self) -> bool:
        """Wait until there is something to read; called by the clock."""
        while not self._chunks and not self._ended.is_set():
            self._arrived = anyio.Event()
            await self._arrived.wait()
        return True

    def cancel(self) -> None:
        """Cancel the task without waiting for it, in the loop's thread."""
        self._scope.cancel()

    async def close(self) -> None:
        """Cancel the task and wait for it, even if the caller was canceled."""
        self.cancel()
        with anyio.move_on_after(_CLOSING_GRACE_S, shield=True):
            await self._ended.wait()

    async def _read_ahead(self) -> None:
        try:
            response = await self._connect()
            chunks = response.aiter_bytes()
            try:
                with self._errors.mapping(self._request):
                    async for chunk in chunks:
                        await self._put(chunk)
            finally:
                with anyio.CancelScope(shield=True):
                    await http.close_response(response, chunks)
        except Exception as error:  # noqa: BLE001 - raised in the reader
            self._error = error
        finally:
            self._ended.set()
            self._arrived.set()

    async def _put(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        self._buffered += len(chunk)
        self._arrived.set()
        if self._buffered > BUFFER_BYTES:
            self._has_room = anyio.Event()
            await self._has_room.wait()
