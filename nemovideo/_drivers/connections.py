"""Network connections below HTTP: TCP keepalive, and closing them from another thread."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import cast
from weakref import WeakSet

from nemovideo._support.forks import reset_in_children

_READ_EVENTS = ("receive_response_headers.started", "receive_response_body.started")


class AbortedError(Exception):
    """The stream or the client was closed before the request was sent."""


class Connections:
    """The open connections of one client, which another thread can shut down.

    Closing a socket does not wake a thread that reads from it; shutting it down does.
    """

    def __init__(self) -> None:
        self._guard = threading.RLock()
        self._streams: WeakSet[object] = WeakSet()
        self._shut_down = False
        reset_in_children(self)

    def add(self, stream: object) -> None:
        """Register a new network stream.

        Raises:
            AbortedError: The client was closed in the meantime.
        """
        with self._guard:
            if not self._shut_down:
                self._streams.add(stream)
                return
        _close(stream)
        raise AbortedError

    def shut_down(self) -> None:
        """Shut down every connection, which wakes the threads that read from them."""
        with self._guard:
            self._shut_down = True
            streams = list(self._streams)
        for stream in streams:
            _shut_down(stream)

    def after_fork(self) -> None:
        """Close this process's copies of the sockets; the parent's connections stay open."""
        self._guard = threading.RLock()
        streams, self._streams = list(self._streams), WeakSet()
        for stream in streams:
            _close_copy(stream)


class StreamConnection:
    """The connection of one event stream, which another thread can abort at any time.

    httpx gives access to a connection only with the response headers, so `Trace` attaches it here
    as soon as it is open.

    Attributes:
        aborted: Whether the stream was closed.
    """

    def __init__(self) -> None:
        self._guard = threading.RLock()  # `abort` may run during garbage collection
        self._stream: object = None
        self.aborted: bool = False

    @property
    def attached(self) -> bool:
        """Whether there is a connection that `abort` can shut down."""
        return self._stream is not None

    def check(self) -> None:
        """Raise an `AbortedError` if the stream was closed."""
        if self.aborted:
            raise AbortedError

    def attach(self, stream: object) -> None:
        """Set the network stream.

        Raises:
            AbortedError: The event stream was closed in the meantime; the network stream is closed.
        """
        with self._guard:
            self._stream = stream
        if self.aborted:
            _close(stream)
            raise AbortedError

    def abort(self) -> None:
        """Shut down the connection, which wakes a thread that reads from it."""
        with self._guard:
            self.aborted = True
            if self._stream is not None:
                _shut_down(self._stream)

    def after_fork(self) -> None:
        """Close this process's copy of the socket; the parent continues to read."""
        self._guard = threading.RLock()
        self.aborted = True
        stream, self._stream = self._stream, None
        _close_copy(stream)


class Trace:
    """The `trace` extension of one httpx request, which follows its connection.

    It enables TCP keepalive, since NATs drop idle connections within minutes, and registers the
    connection so that it can be closed.

    Attributes:
        reused: Whether the request used a pooled connection.
        awaits_tls: Whether the connection is open, but has not completed a TLS handshake.
        address: Host and port of the last new connection: those of a proxy, if there is one.
    """

    def __init__(
        self,
        connections: Connections | None = None,
        stream_connection: StreamConnection | None = None,
    ) -> None:
        self._connections = connections
        self._stream_connection = stream_connection
        self._connects = False
        self._timeouts: dict[str, float | None] = {}
        self._remaining_s: Callable[[], float] = float
        self.reused: bool = False
        self.awaits_tls: bool = False
        self.address: tuple[object, object] | None = None

    def limit_reads(
        self, timeouts: dict[str, float | None], remaining_s: Callable[[], float]
    ) -> None:
        """Clip the read timeout to the deadline, before the headers and before the body.

        The HTTP library reads `timeouts` at those two points.
        """
        self._timeouts, self._remaining_s = timeouts, remaining_s

    @property
    def aborted(self) -> bool:
        """Whether the client has closed the event stream."""
        return self._stream_connection is not None and self._stream_connection.aborted

    def on_event(self, event: str, info: dict[str, object]) -> None:
        """Handle an event of the HTTP library."""
        event = event.partition(".")[2]  # without the library's module
        if event == "connect_tcp.started":
            self._connects = True
            self.address = info.get("host"), info.get("port")
        elif event == "send_request_headers.started":
            self.reused = not self._connects
        elif event in _READ_EVENTS and (timeout_s := self._timeouts.get("read")) is not None:
            self._timeouts["read"] = max(min(timeout_s, self._remaining_s()), 0.001)
        elif event in ("connect_tcp.complete", "start_tls.complete"):
            self.awaits_tls = event == "connect_tcp.complete"
            stream = info["return_value"]
            enable_keepalive(stream)
            if self._connections is not None:
                self._connections.add(stream)
            if self._stream_connection is not None:
                self._stream_connection.attach(stream)


class SyncTrace(Trace):
    """The trace of a sync request."""

    def __call__(self, event: str, info: dict[str, object]) -> None:
        """Handle an event."""
        self.on_event(event, info)


class AsyncTrace(Trace):
    """The trace of an async request; async requests are aborted by canceling their tasks."""

    async def __call__(self, event: str, info: dict[str, object]) -> None:
        """Handle an event."""
        self.on_event(event, info)


def keepalive_options() -> list[tuple[int, int, int]]:
    """Return the socket options that enable TCP keepalive."""
    numbers = (("TCP_KEEPIDLE", 45), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4))
    return [
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        *(
            (socket.IPPROTO_TCP, getattr(socket, name), value)
            for name, value in numbers
            if hasattr(socket, name)
        ),
    ]


def enable_keepalive(stream: object) -> None:
    """Enable TCP keepalive on a network stream, if it has a socket."""
    if (connection := _socket(stream)) is not None:
        for option in keepalive_options():
            connection.setsockopt(*option)


def _socket(stream: object) -> socket.socket | None:
    get_extra_info = getattr(stream, "get_extra_info", None)
    found = get_extra_info("socket") if get_extra_info is not None else None
    return cast("socket.socket", found) if hasattr(found, "setsockopt") else None


def _shut_down(stream: object) -> None:
    if (connection := _socket(stream)) is not None:
        with suppress(OSError):  # already closed
            connection.shutdown(socket.SHUT_RDWR)


def _close(stream: object) -> None:
    if (close := getattr(stream, "close", None)) is not None:
        close()


def _close_copy(stream: object) -> None:
    """Close the file descriptor; unlike a shutdown, this keeps the parent's connection open."""
    if (connection := _socket(stream)) is not None and hasattr(connection, "close"):
        with suppress(OSError):
            connection.close()
