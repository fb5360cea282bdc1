"""The connections below HTTP: kept alive, and hung up by a thread that does not read them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import cast

from nemovideo._drivers.attempts import Deadline


class HungUpError(Exception):
    """The user has left the stream before its request was sent."""


class Line:
    """The connection of one stream, which another thread can end at any time.

    Before the answer's head is there, httpx gives no hold on it: so the line is
    told of the connection as soon as it is made.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._socket: socket.socket | None = None
        self._hung_up = False

    @property
    def connected(self) -> bool:
        """True once there is a connection that `hang_up` can end."""
        return self._socket is not None

    def check(self) -> None:
        """Make sure that the line is still wanted.

        Raises:
            HungUpError: It is not.
        """
        if self._hung_up:
            raise HungUpError

    def connect(self, stream: object) -> None:
        """Take the connection; one that is not wanted any more is closed.

        Raises:
            HungUpError: It is not.
        """
        with self._guard:
            self._socket = _socket(stream)
        if self._hung_up:
            if (close := getattr(stream, "close", None)) is not None:
                close()
            raise HungUpError

    def hang_up(self) -> None:
        """End the connection, so that a thread that waits for it wakes up."""
        with self._guard:
            self._hung_up = True
            if self._socket is not None:
                _shut_down(self._socket)


@contextmanager
def hanging_up(stream: object, deadline: Deadline) -> Iterator[None]:
    """End a network stream's connection at the deadline, however slowly its bytes may drip in."""
    if deadline.never:
        yield
        return
    connection = _socket(stream)
    if connection is None:
        yield
        return
    timer = threading.Timer(max(deadline.remaining(), 0), _shut_down, [connection])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def keep_alive(stream: object) -> None:
    """Switch TCP keepalive on, for a network stream that has a socket."""
    connection = _socket(stream)
    if connection is None:
        return
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 45), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _socket(stream: object) -> socket.socket | None:
    get_extra_info = getattr(stream, "get_extra_info", None)
    found = get_extra_info("socket") if get_extra_info is not None else None
    return cast("socket.socket", found) if hasattr(found, "setsockopt") else None


def _shut_down(connection: socket.socket) -> None:
    with suppress(OSError):  # closed already
        connection.shutdown(socket.SHUT_RDWR)
