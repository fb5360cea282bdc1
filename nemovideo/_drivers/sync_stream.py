"""A stream of the sync client: read by a thread of its own, so that a wait for it can time out."""

from __future__ import annotations

import contextvars
import queue
import threading
from collections.abc import Callable

import attrs

from nemovideo._drivers import http
from nemovideo._drivers.connections import Line
from nemovideo._drivers.troubles import Way
from nemovideo._flows.steps import Request, StreamHandle
from nemovideo._support.clock import Clock
from nemovideo._support.forks import reset_in_children
from nemovideo.errors import InvalidRequestError

BUFFER_BYTES = 1024 * 1024
"""How much is read ahead of a slow consumer; after that the server has to wait."""

_CONNECTING_GRACE_S = 0.1


@attrs.frozen
class _Ended:
    """The last item that a reader puts into its queue."""

    error: BaseException | None = None


class Stream(StreamHandle):
    """An open stream; `read` waits for its bytes, `close` ends it.

    A read that times out would end httpx's response; with a thread, a silent stream lives on
    while the client reports that it is still working.

    Args:
        connect: Sends the request and returns the response.
        request: The request, for errors.
        way: How the client reaches its hosts, for errors.
        clock: The client's clock.
    """

    def __init__(
        self, connect: Callable[[Line], http.Response], request: Request, way: Way, clock: Clock
    ) -> None:
        self._connect = connect
        self._request = request
        self._way = way
        self._clock = clock
        self._queue: queue.SimpleQueue[bytes | _Ended] = queue.SimpleQueue()
        self._ended: _Ended | None = None
        self._guard = threading.RLock()  # `hang_up` may run in a garbage collection
        self._buffered = 0
        self._room = threading.Event()
        self._line = Line()
        run = contextvars.copy_context().run  # hooks see the caller's context variables
        self._thread = threading.Thread(
            target=run, args=(self._pump,), name="nemovideo-stream", daemon=True
        )
        reset_in_children(self)

    def start(self) -> None:
        """Begin to connect; a stream that is closed already ends at once and sends nothing."""
        self._thread.start()

    def read(self, timeout_s: float) -> bytes | None:
        """Return the next bytes, b"" at the end, or None once the time is up."""
        chunks: list[bytes] = []
        size = 0
        while self._ended is None and size < BUFFER_BYTES:
            # What has arrived already is taken at once: a thread switch per token is expensive.
            if chunks and self._queue.empty():
                break
            item = self._clock.receive(self._queue, timeout_s)
            if item is None:
                return None
            if isinstance(item, _Ended):
                self._ended = item
            else:
                chunks.append(item)
                size += len(item)
                self._take(len(item))
        if chunks:
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)
        if self._ended is not None and self._ended.error is not None:
            raise self._ended.error
        return b""

    def end(self, error: Exception) -> None:
        """Wake the reader with an error, whatever the thread is waiting for."""
        self._queue.put(_Ended(error))
        self.hang_up()

    def hang_up(self) -> None:
        """End the connection without waiting for the thread."""
        self._line.hang_up()
        self._room.set()

    def close(self) -> None:
        """End the connection, and wait for the thread to end."""
        self.hang_up()
        # A thread that is still connecting cannot be woken. It will send nothing, and ends when
        # the connection is made or fails.
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout=None if self._line.connected else _CONNECTING_GRACE_S)

    def after_fork(self) -> None:
        """Leave the stream to the parent, whose thread does not exist in this child."""
        self._line.after_fork()
        self._guard = threading.RLock()
        self._queue = queue.SimpleQueue()
        self._queue.put(
            _Ended(
                InvalidRequestError(
                    "this stream belongs to the process that opened it, before a fork",
                    remedy="Send the message in the process that reads the answer.",
                )
            )
        )

    def _pump(self) -> None:
        try:
            response = self._connect(self._line)
            try:
                # A client that the user brought may have reused a connection.
                self._line.connect(http.network_stream(response))
                with self._way.translating(self._request):
                    for chunk in response.iter_bytes():
                        self._put(chunk)
            finally:
                response.close()
        except BaseException as error:  # noqa: BLE001 - the reader raises it
            self._queue.put(_Ended(error))
        else:
            self._queue.put(_Ended())

    def _put(self, chunk: bytes) -> None:
        """Hand a chunk to the reader, and wait while too much lies unread."""
        self._line.check()
        with self._guard:
            self._buffered += len(chunk)
            if full := self._buffered > BUFFER_BYTES:
                self._room.clear()
        self._queue.put(chunk)
        if full:
            self._line.check()  # a hang-up that the line above has missed
            self._room.wait()

    def _take(self, size: int) -> None:
        with self._guard:
            self._buffered -= size
            if self._buffered <= BUFFER_BYTES:
                self._room.set()
