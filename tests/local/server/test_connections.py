"""Limits on the load from one client: small chunks, long heads, responses that are not read."""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import httpx
import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.server import ServerState

from nemovideo.local.server import listener
from nemovideo.local.server.connections import Connection, bounded
from nemovideo.local.server.listener import Server
from tests.support.app import serving

CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
SIZE = 20 * 1024**2


class Reading:
    """Responds with the length of the body, and records how much arrives at a time."""

    def __init__(self) -> None:
        self.pieces: list[int] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        async for piece in request.stream():
            self.pieces.append(len(piece))
        await PlainTextResponse(str(sum(self.pieces)))(scope, receive, send)


@contextmanager
def running(app: ASGIApp, **options: float) -> Iterator[tuple[str, int]]:
    """Serve an app to others; yield the address."""
    server = Server("127.0.0.1", 0, shared=True, **options)  # type: ignore[arg-type]
    server.start(app)
    try:
        yield "127.0.0.1", server.port
    finally:
        server.stop()


def received(connection: socket.socket) -> bytes:
    """Return what arrives until the server closes the connection or resets it."""
    parts = []
    with suppress(ConnectionResetError):
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (b"http://localhost:8/a/b?c=d", b"localhost:8 /a/b c=d"),
        (b"HTTP://[::1]", b"[::1] / "),
        (b"http://127.0.0.1?c", b"127.0.0.1 / c"),
        (b"/http://a/b", b"evil.test /http://a/b "),
    ],
)
def test_the_target_of_a_request_may_be_a_whole_url(target: bytes, expected: bytes) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        text = f"{request.headers['host']} {scope['path']} {request.url.query}"
        await PlainTextResponse(text)(scope, receive, send)

    head = b"GET %b HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n" % target
    with running(app) as address, socket.create_connection(address, timeout=10) as sender:
        sender.sendall(head)
        assert received(sender).endswith(b"\r\n\r\n" + expected)


def test_other_connections_are_read_after_every_few_chunks() -> None:
    app = Reading()
    with running(app) as address, socket.create_connection(address, timeout=10) as sender:
        sender.sendall(CHUNKED + b"1\r\na\r\n" * 900 + b"0\r\n\r\n")
        assert sender.recv(12) == b"HTTP/1.1 200"
    assert sum(app.pieces) == 900
    assert max(app.pieces) < 400


def test_a_body_of_known_length_is_read_in_large_pieces() -> None:
    app = Reading()
    with running(app) as (host, port):
        assert httpx.post(f"http://{host}:{port}", content=bytes(10**6)).text == "1000000"
    assert max(app.pieces) > 2048


@pytest.mark.parametrize("length", [b"", b"Content-Length: 1000000\r\n"])
def test_a_body_of_many_small_chunks_is_refused(length: bytes) -> None:
    head = CHUNKED.replace(b"Transfer", length + b"Transfer")
    with (
        running(Reading()) as address,
        socket.create_connection(address, timeout=10) as sender,
    ):
        sender.sendall(head + b"5\r\naaaaa\r\n" * 1250)
        assert received(sender).startswith(b"HTTP/1.1 400")


def test_a_long_trailer_is_refused_before_it_is_complete() -> None:
    with running(Reading()) as address, socket.create_connection(address, timeout=10) as sender:
        sender.sendall(CHUNKED + b"0\r\n" + b"a:\n" * 1000)
        assert received(sender).startswith(b"HTTP/1.1 400")


def test_a_short_trailer_is_accepted() -> None:
    with running(Reading()) as address, socket.create_connection(address, timeout=10) as sender:
        sender.sendall(CHUNKED + b"c8\r\n" + b"\n" * 200 + b"\r\n0\r\na: b\r\n\r\n")
        assert sender.recv(12) == b"HTTP/1.1 200"


def test_a_body_of_many_normal_chunks_is_accepted() -> None:
    with running(Reading()) as (host, port):
        body = (b"x" * 64 for _ in range(5000))
        assert httpx.post(f"http://{host}:{port}", content=body).text == "320000"


@pytest.mark.parametrize("rest", [b"1\r\na\r\n", bytes(1000)])
def test_parsing_stops_once_a_request_is_answered(rest: bytes) -> None:
    head = (
        CHUNKED
        if rest[:1] == b"1"
        else b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\nHost: x\r\n\r\n"
    )
    with (
        running(PlainTextResponse("hello")) as address,
        socket.create_connection(address, timeout=10) as sender,
    ):
        sender.sendall(head + rest)
        response = received(sender)
        assert (
            b"\r\nConnection: close\r\n\r\n" in response
        )  # tells the client to send no more requests
        assert response.endswith(b"hello")  # and does not answer another request
        sender.sendall(rest * 1000 + b"0\r\n\r\n" + GET)  # discarded, not answered with a reset
        assert sender.recv(1) == b""


def test_a_short_body_after_the_response_keeps_the_connection() -> None:
    with (
        running(PlainTextResponse("hello")) as address,
        socket.create_connection(address, timeout=10) as sender,
    ):
        for _ in range(3):
            sender.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n")
            response = b""
            while not response.endswith(b"hello"):
                response += sender.recv(1000)
            sender.sendall(b"body")


@pytest.mark.parametrize("head", [b"a:b\r\n" * 101, b"a: " + b"b" * 20_000 + b"\r\n"])
def test_a_long_head_is_refused(head: bytes) -> None:
    with (
        running(PlainTextResponse("hello")) as address,
        socket.create_connection(address, timeout=10) as sender,
    ):
        with suppress(ConnectionError):
            sender.sendall(GET.removesuffix(b"\r\n") + head + b"\r\n")
        assert received(sender).startswith(b"HTTP/1.1 400")
    with running(PlainTextResponse("hello")) as (host, port):
        headers = {f"x-{n}": "y" * 100 for n in range(90)}
        assert httpx.get(f"http://{host}:{port}", headers=headers).text == "hello"


def test_a_long_url_is_refused_and_no_redirect_repeats_it() -> None:
    with serving() as api:
        assert httpx.get(f"{api.backend.url}/workspace/claim?{'a&' * 2500}").status_code == 414
        assert httpx.get(f"{api.backend.url}/healthz/?a").status_code == 404


def test_an_invalid_body_after_the_start_of_the_response_closes_the_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass

    with running(app) as address, socket.create_connection(address, timeout=10) as sender:
        sender.sendall(CHUNKED)
        assert sender.recv(1) == b"H"
        sender.sendall(b"no chunk\r\n")
        assert b"HTTP" not in received(sender)
    assert "Fatal error" not in caplog.text


def test_a_response_that_is_not_read_is_aborted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "_KEEP_ALIVE_S", 0.2)
    ended = threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await large(scope, receive, send)
        ended.set()

    with running(app, request_head_s=0.1) as address, unread(address) as stranger:
        stranger.sendall(GET)
        assert ended.wait(20)
        assert len(received(stranger)) < SIZE


class Peer(asyncio.Transport):
    """A client that connects from any address."""

    def __init__(self, address: str) -> None:
        super().__init__({"peername": (address, 1)})
        self.replaced = False

    def abort(self) -> None:
        self.replaced = True


@pytest.fixture
async def connect(anyio_backend: str) -> Callable[[str], Connection]:
    """Connect to a server that accepts four connections."""
    kind, state = bounded(4), ServerState()

    def connect(address: str) -> Connection:
        connection = kind(uvicorn.Config(large, log_config=None), state, {})
        connection.connection_made(Peer(address))
        return connection

    return connect


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize(
    ("quiet", "many"),
    [
        ("10.0.0.1", "10.0.0.2"),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.2"),
        ("fe80::1:0:0:0:1%eth0", "fe80::2:0:0:0:{}%eth0"),
        ("2001:db8::1", "2001:db8:1::{}"),
    ],
)
async def test_the_network_with_the_most_connections_loses_one_first(
    connect: Callable[[str], Connection], quiet: str, many: str
) -> None:
    first = connect(quiet)
    others = [connect(many.format(n)) for n in range(9)]
    replaced = [other for other in others if replaced_by_another(other)]
    assert (replaced, replaced_by_another(first)) == (others[:6], False)
    for other in others:
        other.connection_lost(OSError())
    connect(quiet)
    for address in ("10.0.0.3", "10.0.0.4", "10.0.0.5"):
        connect(address)
    assert replaced_by_another(first)


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_new_connection_examines_few_others(
    connect: Callable[[str], Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    examined: list[Connection] = []

    def examine(connection: Connection) -> bool:
        examined.append(connection)
        return True

    monkeypatch.setattr(Connection, "is_replaceable", property(examine))
    for _ in range(9):
        connect("10.0.0.1")
    assert len(examined) == 5


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_reset_connection_is_forgotten(
    connect: Callable[[str], Connection],
) -> None:
    connection = connect("10.0.0.1")
    timer = asyncio.get_running_loop().call_later(120, connection.timeout_keep_alive_handler)
    connection.timeout_keep_alive_task = timer
    forgotten = weakref.ref(connection)
    connection.connection_lost(ConnectionResetError())
    del connection, timer
    gc.collect()
    assert forgotten() is None


def replaced_by_another(connection: Connection) -> bool:
    transport = connection.transport
    return isinstance(transport, Peer) and transport.replaced


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_reading_a_response_slowly_is_progress() -> None:
    class Transport(asyncio.Transport):
        unread = 0

        def get_write_buffer_size(self) -> int:
            return self.unread

    transport = Transport()
    connection = Connection(uvicorn.Config(large, log_config=None), ServerState(), {})
    connection.connection_made(transport)
    connection.get_buffer(-1)[: len(GET)] = GET
    connection.pause_writing()
    connection.buffer_updated(len(GET))
    stages = []
    for transport.unread in (65536, 65535, 65536):
        stages.append(connection.stage)
        assert connection.stage == connection.stage
        connection.resume_writing()
        assert connection.stage is None
        connection.pause_writing()
    connection.connection_lost(OSError())
    assert len(set(stages)) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="depends on the socket buffers of Linux")
@pytest.mark.parametrize("counted", [False, True])
def test_a_new_connection_disconnects_only_readers_without_an_account(counted: bool) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if counted:
            scope["nemovideo.counter"] = "anna"
        await large(scope, receive, send)

    with running(app, max_connections=2) as address, ExitStack() as opened:
        readers = [opened.enter_context(unread(address)) for _ in range(2)]
        for reader in readers:
            reader.sendall(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            assert reader.recv(12) == b"HTTP/1.1 200"
        newcomer = opened.enter_context(socket.create_connection(address, timeout=10))
        with suppress(ConnectionError):
            newcomer.sendall(GET)
            assert (newcomer.recv(12) == b"HTTP/1.1 200") != counted
        assert (len(received(readers[0])) > SIZE) == counted


async def large(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Respond with 20 MB."""
    length = b"content-length", str(SIZE).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    for left in reversed(range(SIZE // 65536)):
        await send({"type": "http.response.body", "body": bytes(65536), "more_body": left > 0})


@contextmanager
def unread(address: tuple[str, int]) -> Iterator[socket.socket]:
    """Connect with a small receive buffer."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(20)
        connection.connect(address)
        yield connection
