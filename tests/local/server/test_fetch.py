"""Uploads by URL: allowed addresses, time limits, damage."""

from __future__ import annotations

import json
import queue
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx
import pytest

from nemovideo.local import Limits
from nemovideo.local.server import fetch
from nemovideo.local.server.fetch import Fetcher
from tests.support.app import VIDEO, Api, serving
from tests.support.origin import origin, reply

UPLOAD = "/api/upload-video/nemo_agent/me/{}"


SYN_SENT = 2


def upload_url(api: Api, session_id: str, *urls: str) -> httpx.Response:
    body = {"urls": list(urls), "source_type": "url"}
    return api.ask("POST", UPLOAD.format(session_id), json=body)


@pytest.mark.parametrize(
    "served",
    [
        reply(b"VIDEO half", length=100),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nVIDEO\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nVIDEO\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\nno more",
    ],
)
def test_a_truncated_file_is_rejected(served: bytes) -> None:
    with serving() as api, origin(served) as there:
        session_id = api.session()
        response = upload_url(api, session_id, f"{there.url}/a.mp4")
        assert response.status_code == 400
        assert "a.mp4" in response.text
        assert api.draft(session_id) is None


def test_an_unreachable_url_is_reported_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> object:
        raise socket.gaierror(-2, "Name or service not known")

    with serving() as api, origin(b"HTTP/1.1 404 Not Found\r\n\r\n") as there:
        session_id = api.session()
        url = f"{there.url}/a.mp4"
        missing = upload_url(api, session_id, url).json()
        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        unreachable = upload_url(api, session_id, "http://nowhere.example/a.mp4").json()
        other = upload_url(api, session_id, "ftp://nowhere.example/a.mp4").json()
    assert missing["detail"] == f"{url} could not be fetched: its server answered with HTTP 404."
    assert unreachable["detail"].endswith("a.mp4 could not be fetched: its host was not found.")
    assert "upload it" in missing["remedy"] == unreachable["remedy"] == other["remedy"]


def test_a_content_length_over_the_limit_is_rejected_before_the_body() -> None:
    with serving(max_upload_bytes=50) as api, origin(reply(b"", length=51), hold=True) as there:
        response = upload_url(api, api.session(), f"{there.url}/a.mp4")
        assert (response.status_code, response.json()["code"]) == (413, 4002)


@pytest.mark.parametrize(
    ("path", "requested"),
    [
        ("/my clip.mp4", "/my%20clip.mp4"),
        ("/说话 100%.mp4?von=Käse", "/%E8%AF%B4%E8%AF%9D%20100%25.mp4?von=K%C3%A4se"),
        ("/a%20b.mp4#part", "/a%20b.mp4"),
    ],
)
def test_urls_may_contain_spaces_and_unicode(path: str, requested: str) -> None:
    with serving() as api, origin(reply(VIDEO)) as there:
        response = upload_url(api, api.session(), there.url + path)
        assert response.status_code == 200, response.text
        assert there.requests.get(timeout=10) == f"GET {requested} HTTP/1.1"


def test_slow_urls_do_not_block_other_work() -> None:
    with (
        serving() as api,
        origin(reply(b"V", length=99), hold=True) as there,
        ThreadPoolExecutor(40) as pool,
    ):
        slow = api.session()
        for number in range(40):
            pool.submit(upload_url, api, slow, f"{there.url}/{number}.mp4")
        for _ in range(16):
            there.requests.get(timeout=10)
        other = api.session_with_video()
        api.events(other, "edit Hello")
        api.submit(other, "r", format="mp4")
        assert api.finished("r")["status"] == "completed"
        api.backend.stop()


def test_a_fetch_is_aborted_when_its_client_disconnects() -> None:
    with serving() as api, origin(reply(b"V", length=99), hold=True) as there:
        body = json.dumps({"urls": [f"{there.url}/a.mp4"], "source_type": "url"})
        request = (
            f"POST {UPLOAD.format(api.session())} HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: {api.http.headers['authorization']}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        )
        with socket.create_connection(("127.0.0.1", api.backend.port)) as client:
            client.sendall(request.encode())
            there.requests.get(timeout=10)
        there.disconnected.get(timeout=10)


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's TCP_INFO")
def test_an_attempt_to_connect_is_aborted() -> None:
    sockets: queue.Queue[socket.socket] = queue.Queue()

    class Watched(Fetcher):
        def register(self, current: socket.socket) -> None:
            super().register(current)
            sockets.put(current.dup())

    fetching = Watched(private_urls=True)
    with (
        ThreadPoolExecutor(1) as pool,
        socket.create_server(("127.0.0.1", 0), backlog=0) as full,
        socket.create_connection(full.getsockname()),
    ):
        connection = pool.submit(fetching.connect, *full.getsockname())
        with sockets.get(timeout=10) as connecting:
            while connecting.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO) != SYN_SENT:
                assert not connection.done()
        fetching.stop()
        with suppress(OSError):
            connection.result(timeout=10).getpeername()
            pytest.fail("it is connected")


def test_all_urls_of_a_request_share_a_time_limit() -> None:
    limits = Limits(url_upload_s=0.5)
    with serving(limits=limits) as api, origin(reply(b"V", length=99), hold=True) as there:
        response = upload_url(api, api.session(), f"{there.url}/a.mp4")
        assert (response.status_code, "within 0.5 s" in response.text) == (400, True)
        there.disconnected.get(timeout=10)


def test_private_addresses_can_be_rejected() -> None:
    with serving(private_urls=False) as api, origin(reply(VIDEO)) as there:
        response = upload_url(api, api.session(), f"{there.url}/a.mp4")
        assert (response.status_code, "public internet" in response.text) == (400, True)
        assert there.requests.empty()


def test_a_redirect_to_a_private_address_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "is_public", lambda address: address == "127.0.0.1")
    monkeypatch.setattr(fetch, "resolves_to_public", lambda host, port: True)  # as if rebound
    with (
        serving(private_urls=False) as api,
        origin(reply(VIDEO), host="127.0.0.2") as inside,
        origin(reply(b"", f"Location: {inside.url}/a.mp4", status="302 Found")) as there,
    ):
        response = upload_url(api, api.session(), f"{there.url}/a.mp4")
        assert (response.status_code, "public internet" in response.text) == (400, True)
        assert there.requests.get(timeout=10).startswith("GET /a.mp4")
        assert inside.requests.empty()


def test_the_body_of_a_redirect_is_not_read() -> None:
    served = reply(b"x", "Location: /b.mp4", status="302 Found", length=10**12)
    with serving() as api, origin(served) as there:
        response = upload_url(api, api.session(), f"{there.url}/a.mp4")
        assert (response.status_code, "redirects endlessly" in response.text) == (400, True)


def test_a_redirect_to_a_file_is_rejected() -> None:
    served = reply(b"", "Location: file:///etc/passwd", status="302 Found")
    with serving() as api, origin(served) as there:
        assert upload_url(api, api.session(), f"{there.url}/a.mp4").status_code == 400


@pytest.mark.parametrize(
    "url", ["http://user:secret@127.0.0.1/a.mp4", "http://\ud83d.test/a.mp4", "http://127.0.0.1:x/"]
)
def test_an_invalid_url_is_rejected(url: str) -> None:
    with serving() as api:
        body = json.dumps({"urls": [url], "source_type": "url"})
        response = api.ask("POST", UPLOAD.format(api.session()), content=body)
        assert response.status_code == 400
