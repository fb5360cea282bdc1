"""An HTTP server on another origin, with a scripted response."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import attrs


@attrs.define
class Origin:
    """Answers every request with `response`, then closes or holds the connection.

    `requests` gets the first line of each request, `disconnected` a None for each client that
    disconnected while its connection was held.
    """

    listener: socket.socket
    response: bytes = b""
    hold: bool = False
    requests: queue.Queue[str] = attrs.field(factory=queue.Queue)
    disconnected: queue.Queue[None] = attrs.field(factory=queue.Queue)

    @property
    def url(self) -> str:
        host, port = self.listener.getsockname()
        return f"http://{host}:{port}"

    def serve(self) -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self.one, args=(connection,), daemon=True).start()

    def one(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            head = connection.recv(65536).decode("latin-1")
            if not head:
                return
            self.requests.put(head.partition("\r\n")[0])
            connection.sendall(self.response)
            while self.hold:
                if not connection.recv(1):
                    self.disconnected.put(None)
                    return


@contextmanager
def origin(
    response: bytes = b"", *, hold: bool = False, host: str = "127.0.0.1"
) -> Iterator[Origin]:
    """Run an origin during the block."""
    with socket.create_server((host, 0)) as listener:
        origin = Origin(listener, response, hold)
        threading.Thread(target=origin.serve, daemon=True).start()
        yield origin
        with suppress(OSError):  # wakes accept()
            listener.shutdown(socket.SHUT_RDWR)


def reply(body: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    """Return an HTTP response; `length` may be wrong."""
    size = len(body) if length is None else length
    head = [f"HTTP/1.1 {status}", f"Content-Length: {size}", "Connection: close", *headers]
    return "\r\n".join([*head, "", ""]).encode() + body
