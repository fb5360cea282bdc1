"""A stream of the sync client, read by its own thread so that a wait for it can time out."""

from __future__ import annotations

import contextvars
import queue
import threading
from collections.abc import Callable

import attrs

from nemovideo._drivers import http
from nemovideo._drivers.connections import StreamConnection
from nemovideo._drivers.network_errors import ErrorMapper
from nemovideo._flows.steps import Request, StreamHandle
from nemovideo._support.clock import Clock
from nemovideo._support.forks import reset_in_children
from nemovideo.errors import InvalidRequestError

BUFFER_BYTES = 1024 * 1024
"""The size of the read-ahead buffer; once it is full, the server has to wait."""

_CONNECTING_GRACE_S = 0.1


@attrs.frozen
class _End:
    """The last item in a stream's queue."""

    error: BaseException | None = None


class Stream(StreamHandle):
    """An open stream.

    A read that times out would end the httpx response; with a thread, a silent stream stays open
    while the client reports that the agent is still working.
    """

    def __init__(
        self,
        connect: Callable[[StreamConnection], http.Response],
        request: Request,
        errors: ErrorMapper,
        clock: Clock,
    ) -> None:
        self._connect = connect
        self._request = request
        self._errors = errors
        self._clock = clock
        self._queue: queue.SimpleQueue[bytes | _End] = queue.SimpleQueue()
        self._end: _End | None = None
        self._guard = threading.RLock()  # `abort` may run during garbage collection
        self._buffered = 0
        self._has_room = threading.Event()
        self._connection = StreamConnection()
        run = contextvars.copy_context().run  # hooks see the caller's context variables
        self._thread = threading.Thread(
            target=run, args=(self._read_ahead,), name="nemovideo-stream", daemon=True
        )
        reset_in_children(self)

    def start(self) -> None:
        """Start connecting; a stream that is already closed ends without sending anything."""
        self._thread.start()

    def read(self, timeout_s: float) -> bytes | None:
        """Return the next bytes, b"" at the end, or None after the timeout."""
        chunks: list[bytes] = []
        size = 0
        while self._end is None and size < BUFFER_BYTES:
            # Drain the queue: a thread switch per token is expensive.
            if chunks and self._queue.empty():
                break
            item = self._clock.receive(self._queue, timeout_s)
            if item is None:
                return None
            if isinstance(item, _End):
                self._end = item
            else:
                chunks.append(item)
                size += len(item)
        if chunks:
            self._free(size)
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)
        if self._end is not None and self._end.error is not None:
            raise self._end.error
        return b""

    def fail(self, error: Exception) -> None:
        """Abort the connection, and wake the reader with an error."""
        self._queue.put(_End(error))
        self.abort()

    def abort(self) -> None:
        """Abort the connection without waiting for the thread."""
        self._connection.abort()
        self._has_room.set()

    def close(self) -> None:
        """Abort the connection, and wait for the thread to end."""
        self.abort()
        # A thread that is still connecting cannot be woken; it ends without sending anything once
        # the connection is open or fails.
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout=None if self._connection.attached else _CONNECTING_GRACE_S)

    def after_fork(self) -> None:
        """Reject reads in a child process, which does not have the thread."""
        self._connection.after_fork()
        self._guard = threading.RLock()
        self._queue = queue.SimpleQueue()
        self._queue.put(
            _End(
                InvalidRequestError(
                    "this stream belongs to the process that opened it before a fork",
                    remedy="Send the message in the process that reads the reply.",
                )
            )
        )

    def _read_ahead(self) -> None:
        try:
            response = self._connect(self._connection)
            try:
                # The user's HTTP client may have used a pooled connection.
                self._connection.attach(response.extensions.get("network_stream"))
                with self._errors.mapping(self._request):
                    for chunk in response.iter_bytes():
                        self._put(chunk)
            finally:
                response.close()
        except BaseException as error:  # noqa: BLE001 - raised in the reader
            self._queue.put(_End(error))
        else:
            self._queue.put(_End())

    def _put(self, chunk: bytes) -> None:
        """Add a chunk to the queue, and wait while the buffer is full."""
        self._connection.check()
        with self._guard:
            self._buffered += len(chunk)
            if full := self._buffered > BUFFER_BYTES:
                self._has_room.clear()
        self._queue.put(chunk)
        if full:
            self._connection.check()  # `abort` may have run before `clear`
            self._has_room.wait()

    def _free(self, size: int) -> None:
        with self._guard:
            self._buffered -= size
            if self._buffered <= BUFFER_BYTES:
                self._has_room.set()
