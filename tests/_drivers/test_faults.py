"""Network faults: a typed error in time, no unsafe retry, no leak."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from nemovideo import AsyncClient, Client, Draft, NemoError, RetryPolicy, Upload, errors
from tests.support.servers import BALANCE, PNG, TOKEN, raw_response, raw_server

Behave = Callable[[socket.socket, bytes], None]
DRAFT = Draft.from_json({"t": [{"tt": 0, "sg": [{"d": 1}]}]})
DEADLINE_S = 0.5


def reset(connection: socket.socket) -> None:
    """Reset the connection, as a firewall does."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def stall(connection: socket.socket) -> None:
    connection.settimeout(10)
    connection.recv(1)


def reset_in_body(connection: socket.socket, head: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{")
    reset(connection)


def stall_in_body(connection: socket.socket, head: bytes) -> None:
    connection.sendall(raw_response(BALANCE)[:-5])
    stall(connection)


def drip(connection: socket.socket, head: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(200):
        connection.sendall(b" ")
        time.sleep(0.05)


def bomb() -> bytes:
    """Return a gzipped gigabyte of spaces: after a full flush, a block can be repeated."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = b" " * (16 << 20)
    first = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    return first + again * 63 + packer.flush()


def gzipped(data: bytes, status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Encoding: gzip\r\nContent-Length: {len(data)}\r\n\r\n"
    return head.encode() + data


@attrs.frozen
class FaultCase:
    """A server's behavior, and the expected error."""

    behave: Behave
    expected: type[NemoError] | tuple[type[NemoError], ...]
    retried: bool = False


FAULTS = {
    "reset at accept": FaultCase(lambda c, head: reset(c), errors.APIConnectionError, retried=True),
    "closed without a response": FaultCase(
        lambda c, head: c.close(), errors.APIConnectionError, True
    ),
    "reset in body": FaultCase(reset_in_body, errors.APIConnectionError, retried=True),
    "stall before headers": FaultCase(lambda c, head: stall(c), errors.APITimeoutError),
    "stall in body": FaultCase(stall_in_body, errors.APITimeoutError),
    "drip": FaultCase(drip, errors.APITimeoutError),
    "502 page": FaultCase(
        lambda c, head: c.sendall(
            raw_response(b"<title>502 Bad Gateway</title>" + b"x" * 500_000, "502 No", "text/html")
        ),
        errors.ServerError,
        retried=True,
    ),
    "truncated JSON": FaultCase(
        lambda c, head: c.sendall(raw_response(b'{"code": 0, "data": {"avail')),
        errors.MalformedResponseError,
    ),
    "wrong content type": FaultCase(
        lambda c, head: c.sendall(raw_response(b"<html>Log in</html>", kind="text/html")),
        errors.MalformedResponseError,
    ),
    "unknown encoding": FaultCase(
        lambda c, head: c.sendall(gzipped(b"x").replace(b"gzip", b"zstd")),
        errors.MalformedResponseError,
    ),
    "corrupt gzip": FaultCase(
        lambda c, head: c.sendall(gzipped(b"not gzip")),
        errors.APIConnectionError,
        retried=True,
    ),
    "redirect to another host": FaultCase(
        lambda c, head: c.sendall(
            b"HTTP/1.1 302 Go\r\nLocation: https://evil.test/\r\nContent-Length: 0\r\n\r\n"
        ),
        errors.APIError,
    ),
}
CALLS: dict[str, tuple[Callable[[Client | AsyncClient], object], bool]] = {
    "credits": (lambda c: c.credits.balance(), True),
    "session": (lambda c: c.sessions.create(), False),
    "upload": (lambda c: c.uploads.upload("1", PNG), False),
}


def failing(kind: str, url: str, call: Callable[[Client | AsyncClient], object]) -> NemoError:
    retry = RetryPolicy(attempts=3, initial_s=0.001)
    if kind == "sync":
        with (
            Client(TOKEN, base_url=url, retry=retry, deadline=DEADLINE_S) as client,
            pytest.raises(NemoError) as caught,
        ):
            call(client)
        return caught.value

    async def main() -> NemoError:
        async with AsyncClient(TOKEN, base_url=url, retry=retry, deadline=DEADLINE_S) as client:
            with pytest.raises(NemoError) as caught:
                await call(client)  # type: ignore[misc]
            return caught.value

    return asyncio.run(main())


@pytest.mark.parametrize(("name", "kind"), [("credits", "sync"), ("upload", "async")])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_a_typed_error_in_time_without_unsafe_retries(
    fault: str, name: str, kind: str
) -> None:
    case = FAULTS[fault]
    call, repeatable = CALLS[name]
    started = time.monotonic()
    with raw_server(case.behave) as server:
        error = failing(kind, server.url, call)
        requests = len(server.heads)
    assert isinstance(error, case.expected)
    assert time.monotonic() - started < DEADLINE_S + 20  # fails for a hang, not for a slow machine
    assert requests == (3 if case.retried and repeatable else 1)
    assert TOKEN not in f"{error!s}{error!r}{vars(error)}"


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_reset_connection_is_described_in_words(kind: str) -> None:
    with raw_server(reset_in_body) as server:
        error = failing(kind, server.url, CALLS["session"][0])
    assert "reset" in error.message
    assert "ReadError" not in error.message


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_refused_connection_is_an_error_in_time(kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    error = failing(kind, url, CALLS["session"][0])
    assert isinstance(error, errors.APIConnectionError)
    assert not error.sent


@pytest.mark.parametrize(("kind", "status"), [("sync", "502 Bad Gateway"), ("async", "200 OK")])
def test_a_gzipped_gigabyte_is_not_decompressed(kind: str, status: str) -> None:
    data = gzipped(bomb(), status)
    ok = status.startswith("200")
    with raw_server(lambda c, head: c.sendall(data)) as server:
        tracemalloc.start()
        try:
            error = failing(kind, server.url, CALLS["session"][0])
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert isinstance(error, errors.MalformedResponseError if ok else errors.ServerError)
    assert peak < 300e6


def test_the_deadline_ends_an_upload_that_is_not_read(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"\0\0\0\x18ftypmp42" + bytes(20_000_000))
    upload = Upload(film, check=False)
    over = threading.Event()

    def hold(connection: socket.socket, head: bytes) -> None:
        over.wait(20)

    for kind in ("sync", "async"):
        over.clear()
        started = time.monotonic()
        with raw_server(hold) as server:
            error = failing(kind, server.url, lambda c: c.uploads.upload("1", upload))
            elapsed_s = time.monotonic() - started
            over.set()
        assert isinstance(error, errors.APITimeoutError)
        assert elapsed_s < DEADLINE_S + 20


def test_the_deadline_ends_a_call_whose_server_stalls_late() -> None:
    over, pause_s = threading.Event(), 1.2

    def late(connection: socket.socket, head: bytes) -> None:
        if not head.startswith(b"POST"):
            over.wait(pause_s)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
        over.wait(20)

    def slow(sent: int, total: int) -> None:
        if sent == total:
            over.wait(pause_s)

    calls: list[Callable[[Client], object]] = [
        lambda c: c.credits.balance(),
        lambda c: c.uploads.upload("1", PNG, on_progress=slow),
    ]
    with raw_server(late) as server, Client(TOKEN, base_url=server.url, deadline=1.5) as client:
        for call in calls:
            started = time.monotonic()
            with pytest.raises(errors.APITimeoutError) as caught:
                call(client)
            assert time.monotonic() - started < 1.5 + pause_s - 0.2
            assert caught.value.deadline_passed
        over.set()
