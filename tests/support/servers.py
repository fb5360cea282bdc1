"""Clients with scripted responses, and servers of raw bytes."""

from __future__ import annotations

import base64
import json
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import httpx

from nemovideo import AsyncClient, Client
from tests.support.blocking import blocking

TOKEN = "nmv_usr_canary-7fb1c0de"
BASE = "https://api.test"
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
"""A picture of one pixel."""

Handler = Callable[[httpx.Request], httpx.Response]


def clone(response: httpx.Response) -> httpx.Response:
    """Return an unread copy of a response."""
    return httpx.Response(response.status_code, headers=response.headers, content=response.content)


def forms(row_code: int, status: int) -> dict[str, httpx.Response]:
    """Return an error response in each of its forms (docs/protocol.md §3)."""
    envelope = {"code": row_code, "message": "it was refused"}
    page = f"<html><head><title>{status} Refused</title></head><body>{'x' * 9000}</body></html>"
    return {
        "status and envelope": httpx.Response(status, json=envelope),
        "200 and envelope": httpx.Response(200, json=envelope),
        "detail": httpx.Response(status, json={"detail": "it was refused"}),
        "page": httpx.Response(status, html=page),
    }


class Script:
    """Answers requests without a socket; the last response is repeated."""

    def __init__(self, *responses: httpx.Response | Handler | Exception) -> None:
        self.responses = list(responses)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        response = self.responses.pop(0) if len(self.responses) > 1 else self.responses[0]
        if isinstance(response, Exception):
            raise response
        if isinstance(response, httpx.Response):
            return clone(response)
        return response(request)

    @property
    def sent(self) -> list[str]:
        return [f"{request.method} {request.url.path}" for request in self.requests]


def sync_client(script: Handler, **options: object) -> Client:
    transport = httpx.MockTransport(script)
    given: dict[str, object] = {"token": TOKEN, "base_url": BASE, **options}
    return Client(http_client=httpx.Client(transport=transport), **given)  # type: ignore[arg-type]


def async_client(script: Handler, **options: object) -> AsyncClient:
    transport = httpx.MockTransport(script)
    given: dict[str, object] = {"token": TOKEN, "base_url": BASE, **options}
    return AsyncClient(
        http_client=httpx.AsyncClient(transport=transport),
        **given,  # type: ignore[arg-type]
    )


@contextmanager
def scripted(kind: str, script: Handler, **options: object) -> Iterator[Client]:
    """Yield a client, of the kind "sync" or "async", whose requests the script answers."""
    if kind == "sync":
        with sync_client(script, **options) as client:
            yield client
    else:
        with blocking(async_client(script, **options)) as opened:
            yield opened


class RawServer:
    """A server of raw bytes: `behave` gets the connection and the first bytes of each request."""

    def __init__(
        self,
        behave: Callable[[socket.socket, bytes], None],
        secure: ssl.SSLContext | None = None,
    ) -> None:
        self.heads: list[bytes] = []
        self.accepted = 0
        self._behave = behave
        self._secure = secure
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._connections: list[socket.socket] = []
        scheme = "http" if secure is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.accepted += 1
                self._connections.append(connection)
                thread = threading.Thread(target=self._talk, args=[connection], daemon=True)
                thread.start()
                self._threads.append(thread)

    def _talk(self, connection: socket.socket) -> None:
        with suppress(OSError), self._secured(connection) as connection:
            data = b""
            while b"\r\n\r\n" not in data:
                chunk = connection.recv(65536)
                if not chunk:
                    return
                data += chunk
            self.heads.append(data)
            head, _, body = data.partition(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
            left = min(int(length.group(1)), 1_000_000) - len(body) if length else 0
            while left > 0 and (chunk := connection.recv(65536)):
                left -= len(chunk)
            self._behave(connection, data)

    def _secured(self, connection: socket.socket) -> socket.socket:
        if self._secure is None:
            return connection
        return self._secure.wrap_socket(connection, server_side=True)

    def stop(self) -> None:
        for opened in (self._listener, *self._connections):
            with suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
            opened.close()
        for thread in self._threads:
            thread.join(5)


@contextmanager
def raw_server(
    behave: Callable[[socket.socket, bytes], None], secure: ssl.SSLContext | None = None
) -> Iterator[RawServer]:
    server = RawServer(behave, secure)
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join(5)


def raw_response(body: object, status: str = "200 OK", kind: str = "application/json") -> bytes:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(raw)}\r\n\r\n"
    return head.encode() + raw


BALANCE = {"code": 0, "data": {"available": 100, "frozen": 0, "total": 100}}
