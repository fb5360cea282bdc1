"""A minimal scripted service over real sockets."""

from __future__ import annotations

import itertools
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Route = Callable[["Service", socket.socket, str], object]


class Service:
    """Answers the API's endpoints; `routes` override responses by path prefix.

    A route gets the service, the connection and the path. Its result is sent as JSON, except None
    (already answered) and False (close the connection).

    Attributes:
        seen: The received requests, as "METHOD path".
        connections: The number of accepted connections.
        stopping: Set when the test ends; routes that keep a connection open wait for it.
    """

    def __init__(self, **routes: Route) -> None:
        self.routes = {f"/{name.replace('__', '/')}": route for name, route in routes.items()}
        self.seen: list[str] = []
        self.connections = 0
        self.stopping = threading.Event()
        self.draft: dict[str, object] = {"t": [{"tt": 0, "sg": [{"d": 1000}]}], "d": 1000}
        self._ids = itertools.count(1)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._open: set[socket.socket] = set()
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        """Close all connections."""
        self.stopping.set()
        for opened in (self._listener, *self._open):
            with suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
            opened.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._open.add(connection)
                threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError, ValueError), connection, connection.makefile("rb") as file:
            while line := file.readline():
                method, path, _ = line.decode().split(" ", 2)
                length = 0
                while (header := file.readline()) not in (b"\r\n", b""):
                    name, _, value = header.decode("latin-1").partition(":")
                    if name.lower() == "content-length":
                        length = int(value)
                file.read(length)
                self.seen.append(f"{method} {path}")
                if self._answer(connection, path) is False:
                    return
        self._open.discard(connection)

    def _answer(self, connection: socket.socket, path: str) -> object:
        route = next((r for name, r in self.routes.items() if path.startswith(name)), None)
        found = route(self, connection, path) if route else self._default(connection, path)
        if found is None or found is False:
            return found
        send_json(connection, found)
        return None

    def _default(self, connection: socket.socket, path: str) -> object:
        if "/with-session/" in path:
            return {"task_id": "t", "session_id": f"s{next(self._ids)}"}
        if path.startswith("/api/state/"):
            return {"state": {"draft": self.draft, "video_infos": []}}
        if path.startswith("/api/credits"):
            return {"available": 100, "frozen": 0, "total": 100}
        if path.startswith("/api/upload-video"):
            return {"files": [{"filename": "a.mp4", "file_type": "video", "cdn_url": "http://x/y"}]}
        if path == "/run_sse":
            self.draft = {**self.draft, "d": int(str(self.draft["d"])) + 1}
            begin_stream(connection)
            send_event(connection, "Done!")
            end_stream(connection)
            return None
        raise ValueError(path)


def send_json(connection: socket.socket, value: object, status: str = "200 OK") -> None:
    """Send a JSON response."""
    body = json.dumps(value).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    connection.sendall(f"{head}\r\n\r\n".encode() + body)


def begin_stream(connection: socket.socket) -> None:
    """Send the headers of an event stream."""
    connection.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    )


def send_chunk(connection: socket.socket, data: bytes) -> None:
    """Send a chunk of a stream."""
    connection.sendall(b"%x\r\n%b\r\n" % (len(data), data))


def send_event(connection: socket.socket, text: str, **more: object) -> None:
    """Send an event with a text."""
    event = {"content": {"parts": [{"text": text}]}, "author": "a", "actions": {}, **more}
    send_chunk(connection, f"data: {json.dumps(event)}\n\n".encode())


def end_stream(connection: socket.socket) -> None:
    """Send the end of a stream."""
    connection.sendall(b"0\r\n\r\n")


def words(service: Service, connection: socket.socket, path: str) -> None:
    """Send one event, and end the stream when the test ends."""
    begin_stream(connection)
    send_event(connection, "word")
    service.stopping.wait(20)
    end_stream(connection)


def hanging(service: Service, connection: socket.socket, path: str) -> None:
    """Send nothing until the test ends."""
    service.stopping.wait(20)


@contextmanager
def serving(**routes: Route) -> Iterator[Service]:
    """Run a service during the block."""
    service = Service(**routes)
    try:
        yield service
    finally:
        service.stop()
