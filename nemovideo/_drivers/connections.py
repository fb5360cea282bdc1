"""The connections below HTTP: kept alive, and ended by a thread that does not read them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import cast
from weakref import WeakSet

from nemovideo._support.forks import reset_in_children

_READING = (".receive_response_headers.started", ".receive_response_body.started")


class HungUpError(Exception):
    """The stream or the client was closed before the request was sent."""


class Connections:
    """The connections of one client's HTTP clients, which another thread can end.

    Closing a socket does not wake a thread that reads from it; shutting it down does.
    """

    def __init__(self) -> None:
        self._guard = threading.RLock()
        self._streams: WeakSet[object] = WeakSet()
        self._shut = False
        reset_in_children(self)

    def add(self, stream: object) -> None:
        """Register a new network stream.

        Raises:
            HungUpError: The client was closed meanwhile.
        """
        with self._guard:
            if not self._shut:
                self._streams.add(stream)
                return
        _close(stream)
        raise HungUpError

    def shut_down(self) -> None:
        """End every connection, so that threads that wait for an answer wake up."""
        with self._guard:
            self._shut = True
            streams = list(self._streams)
        for stream in streams:
            _shut_down(stream)

    def after_fork(self) -> None:
        """Close this process's copies of the sockets; the parent's connections stay open."""
        self._guard = threading.RLock()
        streams, self._streams = list(self._streams), WeakSet()
        for stream in streams:
            _close_copy(stream)


class Line:
    """The connection of one stream, which another thread can end at any time.

    Before the response headers have arrived, httpx gives no access to the connection, so the
    line is told of it as soon as it is made.
    """

    def __init__(self) -> None:
        self._guard = threading.RLock()  # `hang_up` may run in a garbage collection
        self._stream: object = None
        self._hung_up = False

    @property
    def hung_up(self) -> bool:
        """Whether the stream was closed."""
        return self._hung_up

    @property
    def connected(self) -> bool:
        """True once there is a connection that `hang_up` can end."""
        return self._stream is not None

    def check(self) -> None:
        """Check that the stream is still wanted.

        Raises:
            HungUpError: It was closed.
        """
        if self._hung_up:
            raise HungUpError

    def connect(self, stream: object) -> None:
        """Set the connection; it is closed if the stream was closed meanwhile.

        Raises:
            HungUpError: It was.
        """
        with self._guard:
            self._stream = stream
        if self._hung_up:
            _close(stream)
            raise HungUpError

    def hang_up(self) -> None:
        """End the connection, so that a thread that reads from it wakes up."""
        with self._guard:
            self._hung_up = True
            if self._stream is not None:
                _shut_down(self._stream)

    def after_fork(self) -> None:
        """Close this process's copy of the socket; the parent goes on reading."""
        self._guard = threading.RLock()
        self._hung_up = True
        stream, self._stream = self._stream, None
        _close_copy(stream)


class Trace:
    """What one request learns about its connection, as httpx's `trace` extension.

    It switches TCP keepalive on, since NATs drop a connection during minutes of silence, and
    registers the connection with whoever may have to end it.

    Attributes:
        reused: Whether the request went over a connection that had been used before.
    """

    def __init__(self, connections: Connections | None = None, line: Line | None = None) -> None:
        self._connections = connections
        self._line = line
        self._connects = False
        self._timeouts: dict[str, float | None] = {}
        self._left: Callable[[], float] = float
        self.reused: bool = False

    def limit(self, timeouts: dict[str, float | None], left: Callable[[], float]) -> None:
        """Shorten the read timeout before the headers and before the body to what is left.

        Args:
            timeouts: The request's timeouts, as the HTTP library looks them up.
            left: Returns the seconds until the deadline of the whole call.
        """
        self._timeouts, self._left = timeouts, left

    @property
    def hung_up(self) -> bool:
        """Whether the client has closed the stream."""
        return self._line is not None and self._line.hung_up

    def take(self, event: str, info: dict[str, object]) -> None:
        """Take an event of the HTTP library."""
        if event.endswith(".connect_tcp.started"):
            self._connects = True
        elif event.endswith(".send_request_headers.started"):
            self.reused = not self._connects
        elif event.endswith(_READING) and (timeout_s := self._timeouts.get("read")) is not None:
            self._timeouts["read"] = max(min(timeout_s, self._left()), 0.001)
        elif event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            stream = info["return_value"]
            keep_alive(stream)
            if self._connections is not None:
                self._connections.add(stream)
            if self._line is not None:
                self._line.connect(stream)


class SyncTrace(Trace):
    """A trace of the sync client."""

    def __call__(self, event: str, info: dict[str, object]) -> None:
        """Take an event."""
        self.take(event, info)


class AsyncTrace(Trace):
    """A trace of the async client, whose requests are ended by cancelling their tasks."""

    async def __call__(self, event: str, info: dict[str, object]) -> None:
        """Take an event."""
        self.take(event, info)


def keep_alive_options() -> list[tuple[int, int, int]]:
    """Return the socket options that switch TCP keepalive on."""
    numbers = (("TCP_KEEPIDLE", 45), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4))
    return [
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        *(
            (socket.IPPROTO_TCP, getattr(socket, name), value)
            for name, value in numbers
            if hasattr(socket, name)
        ),
    ]


def keep_alive(stream: object) -> None:
    """Switch TCP keepalive on, for a network stream that has a socket."""
    if (connection := _socket(stream)) is not None:
        for option in keep_alive_options():
            connection.setsockopt(*option)


def _socket(stream: object) -> socket.socket | None:
    get_extra_info = getattr(stream, "get_extra_info", None)
    found = get_extra_info("socket") if get_extra_info is not None else None
    return cast("socket.socket", found) if hasattr(found, "setsockopt") else None


def _shut_down(stream: object) -> None:
    connection = _socket(stream)
    if connection is not None:
        with suppress(OSError):  # closed already
            connection.shutdown(socket.SHUT_RDWR)


def _close(stream: object) -> None:
    if (close := getattr(stream, "close", None)) is not None:
        close()


def _close_copy(stream: object) -> None:
    """Close the file descriptor; unlike a shutdown, this leaves the parent's connection alone."""
    if (connection := _socket(stream)) is not None and hasattr(connection, "close"):
        with suppress(OSError):
            connection.close()
