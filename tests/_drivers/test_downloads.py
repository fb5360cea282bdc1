"""Large downloads, whose bytes pass the HTTP library by: the same file, the same errors."""

from __future__ import annotations

import re
import socket
import ssl
import struct
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import anyio
import attrs
import httpcore
import httpx
import pytest
import trustme

from nemovideo import AsyncClient, Client, errors
from nemovideo._drivers import downloads
from nemovideo.retry import RetryPolicy
from tests.support.downloads import KINDS, Site, fetch, job_at, serving, some_bytes
from tests.support.servers import TOKEN, raw_server

LARGE = some_bytes(3 * downloads.LARGE_BYTES)
SMALL = LARGE[:300_000]
ONCE = RetryPolicy(attempts=0)


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the smallest body large."""
    monkeypatch.setattr(downloads, "LARGE_BYTES", 1)


@attrs.define
class Lasting:
    """Serves bodies by path, as many as are wanted over one connection."""

    bodies: dict[str, bytes]
    connections: int = 0
    ended: threading.Event = attrs.Factory(threading.Event)

    def __call__(self, connection: socket.socket, head: bytes) -> None:
        self.connections += 1
        while head:
            body = self.bodies[head.split()[1].decode()]
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            head = b""
            while b"\r\n\r\n" not in head and (chunk := connection.recv(65536)):
                head += chunk
        self.ended.set()


@pytest.mark.parametrize("kind", KINDS)
def test_the_connection_of_a_large_file_is_closed_and_that_of_a_small_one_is_kept(
    kind: str, tmp_path: Path
) -> None:
    server = Lasting({"/small": SMALL, "/large": LARGE})
    with raw_server(server) as running:
        jobs = [job_at(running, path=path) for path in ("/small", "/small", "/large")]

        async def main() -> None:
            async with AsyncClient(TOKEN, base_url=running.url) as client:
                for number, job in enumerate(jobs):
                    await client.render.download(job, tmp_path / str(number))
                assert (server.connections, server.ended.wait(20)) == (1, True)
                await client.render.download(jobs[0], tmp_path / "more")

        if kind == "sync":
            with Client(TOKEN, base_url=running.url) as client:
                for number, job in enumerate(jobs):
                    client.render.download(job, tmp_path / str(number))
                assert (server.connections, server.ended.wait(20)) == (1, True)
                client.render.download(jobs[0], tmp_path / "more")
        else:
            anyio.run(main, backend=kind)
    assert server.connections == 2
    assert [(tmp_path / name).read_bytes() for name in ("0", "1", "2", "more")] == [
        *(SMALL, SMALL, LARGE, SMALL)
    ]


BODY = some_bytes(40)
MESSAGE = b"HTTP/1.1 200 OK\r\nETag: 1\r\nContent-Length: 40\r\n\r\n" + BODY
PIECES = {
    **{f"cut at {at}": [MESSAGE[:at], MESSAGE[at:]] for at in range(1, len(MESSAGE))},
    "whole": [MESSAGE],
    "byte by byte": [MESSAGE[at : at + 1] for at in range(len(MESSAGE))],
    "after a 103": [b"HTTP/1.1 103 Early Hints\r\n\r\n" + MESSAGE[:-9], MESSAGE[-9:]],
}


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("name", PIECES)
def test_wherever_the_answer_is_cut_into_pieces_each_byte_comes_once(name: str) -> None:
    transport = httpx.HTTPTransport(verify=False)
    transport._pool = httpcore.ConnectionPool(
        network_backend=httpcore.MockBackend(list(PIECES[name]))
    )
    with (
        httpx.Client(transport=transport) as client,
        client.stream("GET", "http://files.test") as response,
    ):
        assert b"".join(downloads.body_of(response, ours=True)) == BODY


@pytest.mark.anyio
@pytest.mark.usefixtures("always")
async def test_wherever_the_answer_is_cut_each_byte_comes_once_to_the_async_client() -> None:
    for pieces in PIECES.values():
        transport = httpx.AsyncHTTPTransport(verify=False)
        transport._pool = httpcore.AsyncConnectionPool(
            network_backend=httpcore.AsyncMockBackend(list(pieces))
        )
        async with (
            httpx.AsyncClient(transport=transport) as client,
            client.stream("GET", "http://files.test") as response,
        ):
            body = [chunk async for chunk in downloads.body_of_async(response, ours=True)]
        assert b"".join(body) == BODY


class Dripping(Site):
    """A site whose answers go out in pieces of so many bytes."""

    def __init__(self, data: bytes, count: int) -> None:
        super().__init__(data)
        self._count = count

    def __call__(self, connection: socket.socket, head: bytes) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().__call__(_Slow(connection, self._count), head)  # type: ignore[arg-type]


@attrs.frozen
class _Slow:
    connection: socket.socket
    count: int

    def sendall(self, data: bytes) -> None:
        for start in range(0, len(data), self.count):
            self.connection.sendall(data[start : start + self.count])


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("count", [1, 7, 1000])
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_drips_in_is_whole(kind: str, count: int, tmp_path: Path) -> None:
    data = LARGE[: 3000 * min(count, 20)]
    with serving(Dripping(data, count)) as server:
        assert fetch(kind, server.url, job_at(server), tmp_path / "a").read_bytes() == data


@pytest.mark.parametrize("kind", KINDS)
def test_a_large_file_cut_often_is_byte_identical(kind: str, tmp_path: Path) -> None:
    cuts = (1, 70_000, 1_200_000, 0, 200_000, 1)
    site = Site(LARGE, cuts=cuts)
    with serving(site) as server:
        path = fetch(kind, server.url, job_at(server), tmp_path / "film.mp4")
    assert path.read_bytes() == LARGE
    assert site.starts == [None, *(sum(cuts[: count + 1]) for count in range(len(cuts)))]


def cut_off(connection: socket.socket) -> None:
    """End the answer too early, as it should end."""


def silent(connection: socket.socket) -> None:
    connection.recv(1)


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("trouble", [cut_off, silent, reset])
def test_what_goes_wrong_is_told_in_the_same_words(
    trouble: Callable[[socket.socket], None],
    kind: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def half(connection: socket.socket, head: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n")
        connection.sendall(SMALL[:200_000])
        trouble(connection)

    def told() -> list[tuple[type[BaseException], str]]:
        with raw_server(half) as server, pytest.raises(errors.DownloadError) as caught:
            fetch(kind, server.url, job_at(server), tmp_path / "a", retry=ONCE, timeout_s=0.1)
        assert caught.value.interrupted
        found: list[tuple[type[BaseException], str]] = []
        error: BaseException | None = caught.value
        while error is not None and len(found) < 3:
            found.append((type(error), re.sub(r"\d+", "#", str(error))))
            error = error.__cause__
        return found

    usual = told()
    monkeypatch.setattr(downloads, "LARGE_BYTES", 1)
    assert told() == usual
    assert issubclass(usual[2][0], httpx.TransportError)


@pytest.mark.parametrize("kind", KINDS)
def test_the_deadline_ends_a_large_file_that_drips_in(kind: str, tmp_path: Path) -> None:
    def drip(connection: socket.socket, head: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n")
        connection.settimeout(0.02)
        while True:
            connection.sendall(b"x")
            try:
                connection.recv(1)
            except TimeoutError:
                continue
            return  # the client has gone

    with raw_server(drip) as server, pytest.raises(errors.APITimeoutError) as caught:
        fetch(kind, server.url, job_at(server), tmp_path / "film.mp4", deadline=0.3)
    assert caught.value.deadline_passed


@pytest.mark.parametrize("kind", KINDS)
def test_a_large_file_that_its_user_does_not_want_any_more(kind: str, tmp_path: Path) -> None:
    def refuse(received: int, total: int | None) -> None:
        raise LookupError

    with serving(Site(LARGE)) as server, pytest.raises(LookupError):
        fetch(kind, server.url, job_at(server), tmp_path / "film.mp4", on_progress=refuse)


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """What a server needs that the clients of this test trust."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.mark.parametrize("kind", KINDS)
def test_a_large_file_comes_over_tls(kind: str, trusted: ssl.SSLContext, tmp_path: Path) -> None:
    site = Site(LARGE, cuts=(1_500_000,))
    with raw_server(site, trusted) as server:
        path = fetch(kind, server.url, job_at(server), tmp_path / "film.mp4")
    assert path.read_bytes() == LARGE
    assert site.starts == [None, 1_500_000]


def tunnel(connection: socket.socket, head: bytes) -> None:
    """Be a proxy that is asked to CONNECT."""
    host, _, port = head.split()[1].decode().partition(":")
    with socket.create_connection((host, int(port))) as beyond:
        connection.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
        back = threading.Thread(target=pump, args=(beyond, connection), daemon=True)
        back.start()
        pump(connection, beyond)
        back.join()


def pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(65536):
            sink.sendall(chunk)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("kind", KINDS)
def test_a_large_file_comes_through_a_tunnel(
    kind: str, trusted: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with raw_server(Site(LARGE), trusted) as server, raw_server(tunnel) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        path = fetch(kind, server.url, job_at(server), tmp_path / "film.mp4")
    assert path.read_bytes() == LARGE
    assert proxy.heads[0].startswith(b"CONNECT 127.0.0.1:")


@pytest.mark.parametrize("kind", KINDS)
def test_a_large_file_comes_through_a_proxy(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(Site(LARGE)) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        job = attrs.evolve(job_at(proxy), url="http://files.test/film.mp4")
        path = fetch(kind, "https://api.test", job, tmp_path / "film.mp4")
    assert path.read_bytes() == LARGE
    assert proxy.heads[0].startswith(b"GET http://files.test/film.mp4 ")


class Counted(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that its user looks at as it passes."""

    def __init__(self, body: object, seen: list[int]) -> None:
        self._body = body
        self._seen = seen

    def __iter__(self) -> Iterator[bytes]:
        assert isinstance(self._body, httpx.SyncByteStream)
        for chunk in self._body:
            self._seen.append(len(chunk))
            yield chunk

    async def __aiter__(self) -> AsyncIterator[bytes]:
        assert isinstance(self._body, httpx.AsyncByteStream)
        async for chunk in self._body:
            self._seen.append(len(chunk))
            yield chunk


class Counting(httpx.HTTPTransport):
    def __init__(self, seen: list[int]) -> None:
        super().__init__()
        self._seen = seen

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        response.stream = Counted(response.stream, self._seen)
        return response


class AsyncCounting(httpx.AsyncHTTPTransport):
    def __init__(self, seen: list[int]) -> None:
        super().__init__()
        self._seen = seen

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        response.stream = Counted(response.stream, self._seen)
        return response


def test_nothing_passes_by_a_client_that_the_user_brought(tmp_path: Path) -> None:
    seen: list[int] = []
    with (
        serving(Site(LARGE)) as server,
        httpx.Client(transport=Counting(seen)) as given,
        Client(TOKEN, base_url=server.url, http_client=given) as client,
    ):
        client.render.download(job_at(server), tmp_path / "film.mp4")
    assert sum(seen) == len(LARGE)


@pytest.mark.anyio
async def test_nothing_passes_by_an_async_client_that_the_user_brought(tmp_path: Path) -> None:
    seen: list[int] = []
    with serving(Site(LARGE)) as server:
        async with (
            httpx.AsyncClient(transport=AsyncCounting(seen)) as given,
            AsyncClient(TOKEN, base_url=server.url, http_client=given) as client,
        ):
            await client.render.download(job_at(server), tmp_path / "film.mp4")
    assert sum(seen) == len(LARGE)


ELSEWHERE: dict[str, dict[str, object]] = {
    "another httpcore": {},
    "HTTP/2": {"http_version": b"HTTP/2"},
    "a stream of another kind": {"network_stream": object()},
    "no stream": {"network_stream": None},
}


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("name", ELSEWHERE)
def test_where_it_is_not_safe_httpx_reads_it_all(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "another httpcore":
        monkeypatch.setattr(downloads, "_IS_KNOWN", False)
    with (
        raw_server(Lasting({"/": LARGE})) as server,
        httpx.Client() as client,
        client.stream("GET", server.url) as response,
    ):
        response.extensions.update(ELSEWHERE[name])
        assert b"".join(downloads.body_of(response, ours=True)) == LARGE
        assert response.num_bytes_downloaded == len(LARGE)
