"""Large downloads: complete, resumed, with a deadline, over TLS and through proxies."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import attrs
import pytest
import trustme

from nemovideo import errors
from nemovideo.retry import RetryPolicy
from tests.support.blocking import KINDS, client_of
from tests.support.downloads import Site, fetch, job_at, serving, some_bytes
from tests.support.servers import TOKEN, raw_server

LARGE = some_bytes(3 * 1024 * 1024)
SMALL = LARGE[:300_000]
ONCE = RetryPolicy(attempts=0)


@attrs.define
class KeepAliveServer:
    """Serves bodies by path, and keeps connections open."""

    bodies: dict[str, bytes]
    connections: int = 0

    def __call__(self, connection: socket.socket, head: bytes) -> None:
        self.connections += 1
        while head:
            body = self.bodies[head.split()[1].decode()]
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            head = b""
            while b"\r\n\r\n" not in head and (chunk := connection.recv(65536)):
                head += chunk


@pytest.mark.parametrize("kind", KINDS)
def test_downloads_reuse_one_connection(kind: str, tmp_path: Path) -> None:
    server = KeepAliveServer({"/small": SMALL, "/large": LARGE})
    with raw_server(server) as running:
        jobs = [job_at(running, path=path) for path in ("/small", "/small", "/large")]
        with client_of(kind, token=TOKEN, base_url=running.url) as client:
            for number, job in enumerate(jobs):
                client.render.download(job, tmp_path / str(number))
    assert server.connections == 1
    assert [(tmp_path / name).read_bytes() for name in "012"] == [SMALL, SMALL, LARGE]


@pytest.mark.parametrize("kind", KINDS)
def test_a_large_file_dropped_often_is_byte_identical(kind: str, tmp_path: Path) -> None:
    cuts = (1, 70_000, 1_200_000, 0, 200_000, 1)
    site = Site(LARGE, cuts=cuts)
    with serving(site) as server:
        path = fetch(kind, server.url, job_at(server), tmp_path / "film.mp4")
    assert path.read_bytes() == LARGE
    assert site.starts == [None, *(sum(cuts[: count + 1]) for count in range(len(cuts)))]


def close(connection: socket.socket) -> None:
    """Close the connection normally."""


def stall(connection: socket.socket) -> None:
    connection.recv(1)


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize(
    ("fault", "kind"), [(close, "trio"), (stall, "sync"), (stall, "asyncio"), (reset, "sync")]
)
def test_an_interrupted_download_reports_its_progress(
    fault: Callable[[socket.socket], None], kind: str, tmp_path: Path
) -> None:
    def half(connection: socket.socket, head: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n")
        connection.sendall(SMALL[:200_000])
        fault(connection)

    with (
        raw_server(half) as server,
        pytest.raises(errors.DownloadError, match="of 300,000 bytes") as caught,
    ):
        fetch(kind, server.url, job_at(server), tmp_path / "a", retry=ONCE, timeout_s=0.3)
    assert caught.value.interrupted


@pytest.mark.parametrize("kind", KINDS)
def test_the_deadline_ends_a_slow_download(kind: str, tmp_path: Path) -> None:
    def drip(connection: socket.socket, head: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n")
        connection.settimeout(0.02)
        while True:
            connection.sendall(b"x")
            try:
                connection.recv(1)
            except TimeoutError:
                continue
            return  # the client has disconnected

    with raw_server(drip) as server, pytest.raises(errors.APITimeoutError) as caught:
        fetch(kind, server.url, job_at(server), tmp_path / "film.mp4", deadline=0.3)
    assert caught.value.deadline_passed


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_in_the_progress_callback_ends_the_download(kind: str, tmp_path: Path) -> None:
    def fail(received: int, total: int | None) -> None:
        raise LookupError

    with serving(Site(LARGE)) as server, pytest.raises(LookupError):
        fetch(kind, server.url, job_at(server), tmp_path / "film.mp4", on_progress=fail)


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """The TLS context of a server that the clients of this test trust."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "files.test").configure_cert(context)
    return context


@pytest.mark.parametrize("kind", KINDS)
def test_a_large_file_is_downloaded_over_tls(
    kind: str, trusted: ssl.SSLContext, tmp_path: Path
) -> None:
    site = Site(LARGE, cuts=(1_500_000,))
    with raw_server(site, trusted) as server:
        path = fetch(kind, server.url, job_at(server), tmp_path / "film.mp4")
    assert path.read_bytes() == LARGE
    assert site.starts == [None, 1_500_000]


def tunnel(connection: socket.socket, head: bytes) -> None:
    """Act as a proxy that supports CONNECT."""
    _, _, port = head.split()[1].decode().partition(":")
    with socket.create_connection(("127.0.0.1", int(port))) as target:
        connection.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
        back = threading.Thread(target=pump, args=(target, connection), daemon=True)
        back.start()
        pump(connection, target)
        back.join()


def pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(65536):
            sink.sendall(chunk)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("kind", KINDS)
def test_a_large_file_is_downloaded_through_a_tunnel(
    kind: str, trusted: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with raw_server(Site(LARGE), trusted) as server, raw_server(tunnel) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        url = server.url.replace("127.0.0.1", "files.test")
        path = fetch(
            kind, url, attrs.evolve(job_at(server), url=f"{url}/film?sig=1"), tmp_path / "a"
        )
    assert path.read_bytes() == LARGE
    assert proxy.heads[0].startswith(b"CONNECT files.test:")


@pytest.mark.parametrize("kind", KINDS)
def test_a_large_file_is_downloaded_through_a_proxy(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(Site(LARGE)) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        job = attrs.evolve(job_at(proxy), url="http://files.test/film.mp4?sig=1")
        path = fetch(kind, "https://api.test", job, tmp_path / "film.mp4")
    assert path.read_bytes() == LARGE
    assert proxy.heads[0].startswith(b"GET http://files.test/film.mp4?sig=1 ")
