"""A backend that serves other machines: API keys, limits, access log, cleanup."""

from __future__ import annotations

import base64
import json
import logging
import os
import re
import signal
import socket
import sqlite3
import sys
import threading
import time
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
import anyio.lowlevel
import httpx
import pytest
from starlette.responses import PlainTextResponse

from nemovideo import Client, local
from nemovideo.errors import (
    APIError,
    AuthenticationError,
    InvalidRequestError,
    RenderCancelledError,
)
from nemovideo.hooks import ResponseInfo
from nemovideo.local import Limits, LocalBackend, work
from nemovideo.local.__main__ import _parser, main
from nemovideo.local.server import accounts, listener, uploads
from nemovideo.local.server.forms import Problem
from nemovideo.local.server.limits import PendingUploads
from nemovideo.local.server.listener import Server
from nemovideo.local.server.pools import Pool, Pools, UserSlots
from nemovideo.local.store import Projects
from nemovideo.local.timeline import Timeline
from nemovideo.models import Preview
from tests.support import ROOT
from tests.support.app import (
    VIDEO,
    Api,
    Clock,
    Renderer,
    anonymous,
    client,
    fast_backend,
    probe,
    serving,
)
from tests.support.origin import origin, reply

KEY, OTHER = "key-of-anna", "key-of-ben"
DAY_S = 24 * 3600.0


@pytest.fixture
def anyio_backend() -> str:
    """Return the event loop of the server."""
    return "asyncio"


@pytest.fixture(scope="module")
def shared() -> Iterator[Api]:
    """A backend with two API keys, and a client with one of them."""
    with (
        serving(host="0.0.0.0", api_key=[KEY, OTHER]) as api,
        client(api.backend, KEY) as anna,
    ):
        yield anna


@pytest.mark.parametrize(
    "options",
    [
        {"host": "0.0.0.0"},
        {"host": "::"},
        {"host": "192.168.1.5"},
        {"host": "my-machine"},
        {"api_key": KEY},
        {"host": "0.0.0.0", "api_key": ""},
        {"host": "0.0.0.0", "api_key": []},
        {"host": "0.0.0.0", "api_key": "two words"},
        {"host": "0.0.0.0", "api_key": "schlüssel"},
        {"host": "0.0.0.0", "api_key": "1234567"},
    ],
)
def test_serving_others_requires_a_host_and_a_valid_key(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError):
        fast_backend(**options)


def test_only_api_keys_are_accepted_as_tokens(shared: Api) -> None:
    with Client(KEY, base_url=shared.backend.url) as anna:
        assert anna.credits.balance().total == 100
    assert anonymous(shared).status_code == 401
    with client(shared.backend, shared.backend.issue_token(registered=False)) as visitor:
        assert visitor.ask("GET", "/api/credits/balance/simple").json()["code"] == 1001
    with (
        Client("wrong", base_url=shared.backend.url) as stranger,
        pytest.raises(AuthenticationError),
    ):
        stranger.sessions.create()


def test_a_client_without_a_key_gets_a_clear_error(shared: Api, tmp_path: Path) -> None:
    with (
        Client("", base_url=shared.backend.url, config_dir=tmp_path) as stranger,
        pytest.raises(AuthenticationError, match="API key"),
    ):
        stranger.sessions.create()


def test_each_key_is_a_separate_user(shared: Api) -> None:
    session_id = shared.session()
    with client(shared.backend, OTHER) as ben:
        response = ben.ask("GET", f"/api/state/nemo_agent/me/{session_id}/latest")
        assert response.json()["code"] == 1002


def test_two_keys_can_use_the_same_render_id_without_seeing_each_others_render(shared: Api) -> None:
    assert shared.submit(shared.session_with_video(), "same id").status_code == 400
    assert shared.submit(shared.session_with_video(), "same-id").status_code == 200
    assert shared.submit(shared.session_with_video(), "same-id").status_code == 409
    job = shared.finished("same-id")
    with client(shared.backend, OTHER) as ben:
        assert ben.ask("GET", "/api/render/proxy/lambda/same-id").status_code == 404
        assert ben.submit(ben.session_with_video(), "same-id").status_code == 200
        assert ben.finished("same-id")["output"] != job["output"]
    assert shared.render("same-id") == job


def test_faults_cannot_be_set_over_http_and_any_host_name_is_accepted(shared: Api) -> None:
    assert shared.ask("POST", "/__faults__", json={"kind": "drop"}).status_code == 404
    response = shared.ask("GET", "/healthz", headers={"Host": "video.example"})
    assert (response.status_code, response.json()) == (200, {"status": "ok", "previews": True})


def test_a_removed_key_is_revoked_and_the_other_keeps_its_sessions(
    tmp_path: Path,
) -> None:
    both = fast_backend(tmp_path, host="127.0.0.1", api_key=[KEY, OTHER])
    with both as backend, client(backend, KEY) as anna:
        session_id = anna.session()
    one = fast_backend(tmp_path, host="127.0.0.1", api_key=KEY)
    with one as backend, client(backend, KEY) as anna, client(backend, OTHER) as ben:
        assert anna.draft(session_id) is None
        assert ben.ask("GET", "/api/credits/balance/simple").status_code == 401
    with serving(tmp_path) as api, client(api.backend, KEY) as anna:
        assert anna.ask("GET", "/api/credits/balance/simple").status_code == 401


def test_uploads_by_url_are_limited_to_the_public_internet(shared: Api) -> None:
    with origin(reply(VIDEO)) as inside:
        body = {"urls": [f"{inside.url}/a.mp4"], "source_type": "url"}
        path = f"/api/upload-video/nemo_agent/me/{shared.session()}"
        assert shared.ask("POST", path, json=body).status_code == 400
        assert inside.requests.empty()


def test_the_number_of_a_users_unfinished_renders_is_limited() -> None:
    renderer = Renderer()
    with serving(render=renderer, limits=Limits(renders=2)) as api:
        session_id = api.session_with_video()
        responses = [api.submit(session_id, f"r{n}", format="mp4") for n in range(3)]
        assert [response.status_code for response in responses] == [200, 200, 429]
        assert responses[2].headers["retry-after"] == "10"
        with client(api.backend) as other:
            assert other.submit(other.session_with_video(), "o", format="mp4").status_code == 200
        renderer.gate.set()
        api.finished("r1")
        assert api.submit(session_id, "r2", format="mp4").status_code == 200


def test_the_message_for_a_limit_of_one_render_uses_the_singular() -> None:
    renderer = Renderer()
    with serving(render=renderer, limits=Limits(renders=1)) as api:
        session_id = api.session_with_video()
        api.submit(session_id, "r1", format="mp4")
        assert "You already have 1 unfinished render; " in api.submit(session_id, "r2").text
        renderer.gate.set()
        api.finished("r1")


def test_one_user_cannot_occupy_all_render_workers() -> None:
    renderer = Renderer()
    with (
        serving(host="127.0.0.1", api_key=[KEY, OTHER], render=renderer) as api,
        client(api.backend, KEY) as anna,
        client(api.backend, OTHER) as ben,
    ):
        session_id = anna.session_with_video()
        for n in range(3):
            anna.submit(session_id, f"a{n}", format="mp4")
        assert renderer.begun.wait(20)
        renderer.begun.clear()
        ben.submit(ben.session_with_video(), "b", format="mp4")
        assert renderer.begun.wait(20)
        path = "/api/render/proxy/lambda"
        of_anna = [anna.ask("GET", f"{path}/a{n}").json()["status"] for n in range(3)]
        assert of_anna == ["processing", "pending", "pending"]
        assert ben.ask("GET", f"{path}/b").json()["status"] == "processing"
        renderer.gate.set()
        assert anna.finished("a2")["status"] == "completed"


def test_a_user_has_a_disk_quota() -> None:
    with serving(limits=Limits(disk_bytes=7000)) as api:
        session_id = api.session()
        assert api.upload(session_id, ("a.mp4", VIDEO.ljust(1500))).status_code == 200
        response = api.upload(session_id, ("b.mp4", VIDEO.ljust(1500)))
        assert response.status_code == 507
        assert response.json()["message"] == "Your disk quota on the server, 6.8 KB, is used up."
        assert "--max-disk" in response.json()["remedy"]
        assert list((api.backend.state_dir / "incoming").iterdir()) == []
        with client(api.backend) as other:
            assert other.upload(other.session(), ("c.mp4", VIDEO)).status_code == 200
        while api.run(session_id, "edit more").status_code == 200:
            pass
        assert api.run(session_id, "edit more").json()["code"] == 507
        assert api.submit(session_id, "r", format="mp4").status_code == 507


def test_a_small_file_counts_as_a_whole_disk_block() -> None:
    with serving(limits=Limits(disk_bytes=40_000)) as api:
        session_id = api.session()
        codes = [api.upload(session_id, ("a.mp4", VIDEO)).status_code for _ in range(12)]
        assert (codes[0], codes[-1]) == (200, 507)


def test_the_number_of_files_in_a_session_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MAX_SESSION_FILES", 2)
    with serving() as api:
        session_id = api.session()
        assert api.upload(session_id, ("a.mp4", VIDEO), ("b.mp4", VIDEO)).status_code == 200
        response = api.upload(session_id, ("c.mp4", VIDEO))
        assert (response.status_code, "at most 2 files" in response.text) == (400, True)
        assert len(list(api.backend.state_dir.rglob("*.mp4"))) == 2


def test_a_session_removed_during_an_upload_is_not_found_and_leaves_no_file(
    tmp_path: Path,
) -> None:
    def probing(path: Path, name: str, *, id: str) -> Any:  # noqa: A002
        with sqlite3.connect(tmp_path / "backend.sqlite3") as database:
            database.execute("DELETE FROM sessions")
        database.close()
        return probe(path, name, id=id)

    with serving(tmp_path, probe=probing) as api:
        response = api.upload(api.session(), ("a.mp4", VIDEO))
        assert (response.status_code, response.json()["code"]) == (404, 1002)
    assert list(tmp_path.rglob("*.mp4")) == []


def test_a_key_cannot_occupy_all_connections(shared: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "MAX_CONNECTIONS", 8)
    head = f"POST /run_sse HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
    path = "/api/credits/balance/simple"
    with ExitStack() as stack:
        for _ in range(2):
            held = stack.enter_context(socket.create_connection(("127.0.0.1", shared.backend.port)))
            held.sendall(f"{head}Content-Length: 9\r\n\r\n".encode())
        while (response := shared.ask("GET", path)).status_code == 200:
            pass
        assert (response.status_code, "2 requests in progress" in response.text) == (429, True)
        with client(shared.backend, OTHER) as ben:
            assert ben.ask("GET", path).status_code == 200
    while shared.ask("GET", path).status_code == 429:
        pass


def test_several_keys_leave_connections_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "MAX_CONNECTIONS", 16)
    greedy, held = [f"greedy-{n}" for n in range(3)], []
    path = "/api/credits/balance/simple"
    with serving(host="127.0.0.1", api_key=[KEY, *greedy]) as api, ExitStack() as stack:
        for key in greedy:
            asks = stack.enter_context(client(api.backend, key))
            head = f"POST /run_sse HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
            while asks.ask("GET", path).status_code == 200:
                address = "127.0.0.1", api.backend.port
                held.append(stack.enter_context(socket.create_connection(address, timeout=10)))
                held[-1].sendall(
                    f"{head}Content-Length: 9\r\nExpect: 100-continue\r\n\r\n".encode()
                )
                assert held[-1].recv(12) == b"HTTP/1.1 100"
        assert len(held) == 4 + 3 + 3
        with client(api.backend, KEY) as anna:
            assert anna.ask("GET", path).status_code == 200


@pytest.mark.skipif(sys.platform != "linux", reason="needs several loopback addresses")
def test_one_address_cannot_close_the_connections_of_others() -> None:
    server = Server("127.0.0.1", 0, shared=True, max_connections=4)
    server.start(PlainTextResponse("hello"))
    address = "127.0.0.1", server.port
    try:
        with ExitStack() as opened:
            quiet = opened.enter_context(socket.create_connection(address, timeout=10))
            for _ in range(9):
                stranger = socket.create_connection(address, 10, ("127.0.0.2", 0))
                opened.enter_context(stranger)
                with suppress(ConnectionError):
                    stranger.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                    stranger.recv(4)
            quiet.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert quiet.recv(4) == b"HTTP"
    finally:
        server.stop()


def test_links_cannot_occupy_all_connections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts, "MAX_CONNECTIONS", 8)
    large = os.urandom(24 * 1024**2)
    with (
        serving(tmp_path, host="0.0.0.0", api_key=[KEY]) as api,
        client(api.backend, KEY) as anna,
        ExitStack() as stack,
    ):
        url = anna.upload(anna.session(), ("a.mp4", VIDEO)).json()["data"]["files"][0]["cdn_url"]
        request = f"GET {urlsplit(url).path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        (stored,) = tmp_path.glob("media/*/*")
        stored.write_bytes(large)
        for _ in range(2):
            held = stack.enter_context(socket.create_connection(("127.0.0.1", api.backend.port)))
            held.sendall(request)
            assert held.recv(12) == b"HTTP/1.1 200"
        assert httpx.get(url).status_code == 429
        assert anna.ask("GET", "/api/credits/balance/simple").status_code == 200
        stack.close()
        while (response := httpx.get(url)).status_code == 429:
            pass
        assert response.content == large


@pytest.mark.anyio
async def test_one_user_cannot_occupy_all_threads() -> None:
    pool, gate = Pool(2), threading.Event()
    try:
        async with anyio.create_task_group() as tasks:
            for _ in range(8):
                tasks.start_soon(partial(pool.run, lambda: gate.wait(30), user_id="anna"))
            await anyio.lowlevel.checkpoint()
            with anyio.fail_after(10):
                assert await pool.run(lambda: "done", user_id="ben") == "done"
            assert not gate.is_set()
            gate.set()
    finally:
        gate.set()


@pytest.mark.anyio
async def test_a_user_can_have_only_a_limited_number_of_runs_at_a_time() -> None:
    slots = UserSlots(2)
    async with slots.of("anna"), slots.of("anna"):
        with anyio.move_on_after(0.01) as waiting:
            async with slots.of("anna"):
                raise AssertionError("there is no third slot")
        assert waiting.cancelled_caught
        async with slots.of("ben"), slots.of(None), slots.of(None), slots.of(None):
            pass
    async with slots.of("anna"):
        pass


@pytest.mark.anyio
async def test_a_client_that_disconnects_does_not_free_its_thread() -> None:
    pool, gate, running = Pool(4), threading.Event(), threading.Semaphore(0)

    def hold() -> None:
        running.release()
        gate.wait(30)

    try:
        async with anyio.create_task_group() as leaving:
            for _ in range(2):
                leaving.start_soon(partial(pool.run, hold, user_id="anna"))
            for _ in range(2):
                assert await anyio.to_thread.run_sync(partial(running.acquire, timeout=30))
            leaving.cancel_scope.cancel()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(pool.run, hold, user_id="anna"))
            with anyio.fail_after(10):
                for _ in range(10):
                    assert await pool.run(lambda: "done", user_id="ben") == "done"
            assert not running.acquire(blocking=False)
            gate.set()
        assert running.acquire(blocking=False)
    finally:
        gate.set()


def test_one_user_cannot_delay_the_uploads_of_another(
    shared: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, gate, running = uploads.UploadWriter.begin, threading.Event(), threading.Semaphore(0)

    def hold(writer: uploads.UploadWriter, name: str, size_bytes: int | None = None) -> None:
        if name == "slow.mp4":
            running.release()
            gate.wait(30)
        begin(writer, name, size_bytes)

    monkeypatch.setattr(uploads.UploadWriter, "begin", hold)
    session_id = shared.session()
    with client(shared.backend, OTHER) as ben, ThreadPoolExecutor(6) as threads:
        try:
            slow = [
                threads.submit(shared.upload, session_id, ("slow.mp4", VIDEO)) for _ in range(6)
            ]
            for _ in range(2):
                assert running.acquire(timeout=30)
            for _ in range(3):
                assert ben.upload(ben.session(), ("a.mp4", VIDEO)).status_code == 200
            assert not running.acquire(blocking=False)
            assert not gate.is_set()
        finally:
            gate.set()
        assert [each.result().status_code for each in slow] == [200] * 6


@pytest.mark.anyio
async def test_one_user_cannot_delay_the_previews_of_another() -> None:
    previews, gate, running = Pools().previews, threading.Event(), threading.Semaphore(0)

    def hold() -> None:
        running.release()
        gate.wait(30)

    try:
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(partial(previews.run, hold, user_id="anna"))
            assert await anyio.to_thread.run_sync(partial(running.acquire, timeout=30))
            with anyio.fail_after(10):
                assert await previews.run(lambda: "done", user_id="ben") == "done"
            assert not running.acquire(blocking=False)
            gate.set()
    finally:
        gate.set()


def test_reading_a_large_session_does_not_delay_other_requests(
    shared: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id, gate, begun = shared.session(), threading.Event(), threading.Semaphore(0)
    state = f"/api/state/nemo_agent/me/{session_id}/latest"
    session = {"session_id": session_id, "task_id": shared.data("GET", state)["task_id"]}
    claim = shared.data("POST", "/api/auth/claim-token", json=session)["claim_token"]

    def draft(*_: object) -> None:
        begun.release()
        assert gate.wait(20)

    monkeypatch.setattr(Projects, "draft", draft)
    with ThreadPoolExecutor(3) as pool:
        responses = [
            pool.submit(shared.ask, "GET", state),
            pool.submit(shared.ask, "GET", f"/workspace/claim?ct={claim}"),
            pool.submit(shared.ask, "POST", "/api/local/preview", json={"sessionId": session_id}),
        ]
        assert begun.acquire(timeout=20)
        assert begun.acquire(timeout=20)
        assert shared.ask("GET", "/api/credits/balance/simple").status_code == 200
        assert not any(response.done() for response in responses)
        gate.set()
        assert [response.result().status_code for response in responses] == [200, 200, 400]


def test_a_preview_that_is_not_read_is_not_kept_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = bytes(12 * 1024**2)
    preview = Preview(picture, picture, (), sheet=b"", basis="local engine", warnings=())
    monkeypatch.setattr(work, "preview_draft", lambda *_: preview)
    with serving(tmp_path) as api:
        body = json.dumps({"sessionId": api.session_with_video()}).encode()
        head = f"POST /api/local/preview HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}"
        token = api.http.headers["authorization"]
        tracemalloc.start()
        try:
            with socket.create_connection(("127.0.0.1", api.backend.port)) as slow:
                slow.sendall(f"{head}\r\nAuthorization: {token}\r\n\r\n".encode() + body)
                assert b" 200 " in slow.recv(100)
                assert tracemalloc.get_traced_memory()[0] < 5 * 1024**2
        finally:
            tracemalloc.stop()
        response = api.ask("POST", "/api/local/preview", content=body)
        assert len(base64.b64decode(response.json()["after"])) == len(picture)


def test_a_preview_counts_against_the_disk_quota(monkeypatch: pytest.MonkeyPatch) -> None:
    preview = Preview(None, bytes(100_000), (), sheet=b"", basis="local engine", warnings=())
    monkeypatch.setattr(work, "preview_draft", lambda *_: preview)
    with serving(limits=Limits(disk_bytes=50_000)) as api:
        body = {"sessionId": api.session_with_video()}
        assert api.ask("POST", "/api/local/preview", json=body).status_code == 507


def test_a_render_over_the_disk_quota_fails_while_it_is_written() -> None:
    class EndlessRenderer(Renderer):
        """Writes an endless file."""

        def __call__(self, timeline: Timeline, media: Any, output: Path, **options: Any) -> Any:
            with output.with_name(f".{output.name}.part").open("wb") as part:
                while not options["cancelled"]():
                    part.write(bytes(10**6))
                    part.flush()
                    self.begun.wait(0.01)
            raise RenderCancelledError("cancelled")

    with serving(limits=Limits(disk_bytes=20 * 10**6), render=EndlessRenderer()) as api:
        session_id = api.session_with_video()
        api.submit(session_id, "r", format="mp4")
        job = api.finished("r")
        assert (job["status"], "disk quota" in job["error"]) == ("failed", True)


def test_sessions_and_results_unused_for_a_week_are_removed(tmp_path: Path) -> None:
    clock = Clock()
    with serving(tmp_path, clock=clock, keep_s=7 * DAY_S) as api:
        token = api.http.headers["authorization"].removeprefix("Bearer ")
        old, used = api.session_with_video(), api.session_with_video()
        for render_id, session_id in (("old", old), ("used", used)):
            api.submit(session_id, render_id, format="mp4")
            api.finished(render_id)
        clock.now += 6 * DAY_S
        api.events(used, "edit Hello")
        clock.now += 2 * DAY_S
    later = fast_backend(tmp_path, clock=clock, keep_s=7 * DAY_S)
    with later as backend, client(backend, token) as api:
        gone = api.ask("GET", f"/api/state/nemo_agent/me/{old}/latest")
        assert gone.json()["code"] == 1002
        assert api.titles(used) == ["Hello"]
        assert api.ask("GET", "/api/render/proxy/lambda/used").status_code == 404
        assert [path.parent.name for path in tmp_path.rglob("*.mp4")] == [used]


def test_a_session_that_is_being_rendered_is_not_removed(tmp_path: Path) -> None:
    clock, renderer = Clock(), Renderer()
    with serving(tmp_path, clock=clock, render=renderer) as api:
        token = api.http.headers["authorization"].removeprefix("Bearer ")
        session_id = api.session_with_video()
        api.submit(session_id, "r", format="mp4")
        assert renderer.begun.wait(10)
    clock.now += 30 * DAY_S
    later = fast_backend(tmp_path, clock=clock, keep_s=DAY_S)
    with later as backend, client(backend, token) as api:
        assert api.finished("r")["status"] == "completed"


def test_each_request_is_one_log_line_without_secrets(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.DEBUG, "nemovideo.local.access"), serving() as api:
        (file,) = api.upload(api.session(), ("a\nb.mp4", VIDEO)).json()["data"]["files"]
        httpx.get(file["cdn_url"])
        httpx.get(f"{api.backend.url}/workspace/claim?ct=clm_secret")
    lines = [r.getMessage() for r in caplog.records if r.name == "nemovideo.local.access"]
    assert len(lines) == 4
    line = r"127\.0\.0\.1 user_\w+ POST /api/\S+ 200 \d+ B \d+\.\d{3} s [0-9a-f]{16}"
    assert re.fullmatch(line, lines[0])
    token = httpx.URL(file["cdn_url"]).path.split("/")[2]
    authorization = api.http.headers["authorization"].removeprefix("Bearer ")
    assert not any(s in "".join(lines) for s in (token, authorization, "clm_secret", "\n"))


def test_polls_of_renders_are_logged_at_debug_unless_they_fail(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with (
        caplog.at_level(logging.DEBUG, "nemovideo.local.access"),
        serving(access_level=logging.INFO) as api,
    ):
        api.submit(api.session_with_video(), "r1", format="mp4")
        api.finished("r1")
        api.render("unknown")
    polls = {
        (r.levelname, r.getMessage().split()[4])
        for r in caplog.records
        if " GET /api/render/proxy/lambda/" in r.getMessage()
    }
    assert polls == {("DEBUG", "200"), ("INFO", "404")}
    submit = next(r for r in caplog.records if " POST /api/render/proxy/lambda " in r.getMessage())
    assert submit.levelname == "INFO"


def test_the_request_id_of_an_error_is_in_the_access_log(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[ResponseInfo] = []
    with (
        caplog.at_level(logging.DEBUG, "nemovideo.local.access"),
        serving() as api,
        Client(base_url=api.backend.url, on_response=seen.append) as user,
        pytest.raises(APIError) as caught,
    ):
        user.render.get("unknown")
    lines = [r.getMessage() for r in caplog.records if r.name == "nemovideo.local.access"]
    assert caught.value.request_id == seen[-1].request_id == lines[-1].split()[-1]
    assert len({info.request_id for info in seen}) == len(seen)


@pytest.mark.parametrize(
    ("sent", "accepted"),
    [
        ("order-17.retry_2", True),
        ("a" * 128, True),
        ("a" * 129, False),
        ("two words", False),
        ("100%0a127.0.0.1", False),
        ("\N{LATIN SMALL LETTER E WITH ACUTE}", False),
        ("", False),
    ],
)
def test_a_well_formed_request_id_of_the_client_is_kept(
    sent: str, accepted: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "nemovideo.local.access"), serving() as api:
        header = {b"X-Request-Id": sent.encode("latin-1")}
        response = httpx.get(f"{api.backend.url}/healthz", headers=header)
    given = response.headers["x-request-id"]
    assert (given == sent) == accepted
    assert accepted or re.fullmatch(r"[0-9a-f]{16}", given)
    lines = [r.getMessage() for r in caplog.records if r.name == "nemovideo.local.access"]
    assert lines[-1].split()[-1] == given
    assert len(lines[-1].split()) == 10


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: x"])
def test_a_connection_without_a_request_is_closed(sent: bytes) -> None:
    server = Server("127.0.0.1", 0, shared=True, request_head_s=0.05)
    server.start(PlainTextResponse("hello"))
    try:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as silent:
            silent.sendall(sent)
            with suppress(ConnectionResetError):
                assert silent.recv(1) == b""
        assert httpx.get(f"http://127.0.0.1:{server.port}").text == "hello"
    finally:
        server.stop()


def test_a_new_connection_replaces_the_oldest_idle_one() -> None:
    server = Server("127.0.0.1", 0, shared=True, max_connections=4)
    server.start(PlainTextResponse("hello"))
    try:
        with ExitStack() as opened:
            address = "127.0.0.1", server.port
            silent = [
                opened.enter_context(socket.create_connection(address, timeout=10))
                for _ in range(4)
            ]
            for _ in range(9):
                assert httpx.get(f"http://127.0.0.1:{server.port}").text == "hello"
            with suppress(ConnectionResetError):
                assert silent[0].recv(1) == b""  # the oldest
            silent[3].sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert silent[3].recv(4) == b"HTTP"
    finally:
        server.stop()


def test_an_active_connection_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "_KEEP_ALIVE_S", 1)
    server = Server("127.0.0.1", 0, shared=True, request_head_s=0.2)
    server.start(PlainTextResponse("hello"))
    used = HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        until = time.monotonic() + 1.6
        while time.monotonic() < until:
            used.request("GET", "/")
            assert used.getresponse().read() == b"hello"
    finally:
        used.close()
        server.stop()


def test_sessions_count_against_the_disk_quota() -> None:
    with serving(limits=Limits(disk_bytes=500)) as api:
        path = "/api/tasks/me/with-session/nemo_agent"
        responses = [api.ask("POST", path, json={}).status_code for _ in range(9)]
        assert (responses[0], responses[-1]) == (200, 507)


def test_a_finished_upload_is_no_longer_counted() -> None:
    uploads = PendingUploads()
    with uploads.count("u") as add:
        assert add(5) == 5
    with pytest.raises(Problem):
        add(7)  # from an abandoned thread
    with uploads.count("u") as again:
        assert again(1) == 1


def test_long_paths_and_forged_clients_are_truncated_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.DEBUG, "nemovideo.local.access"), serving() as api:
        api.ask("GET", "/" + "x" * 3000)
        forged = "8.8.8.8 key_anna GET /files 200 " + "x" * 10_000
        api.ask("GET", "/healthz", headers={"X-Forwarded-For": forged})
        assert len(api.backend.requests[0].path) == 1000
    lines = [r.getMessage() for r in caplog.records if r.name == "nemovideo.local.access"]
    assert max(map(len, lines)) < 1200
    assert [line.split(" ")[2] for line in lines] == ["GET", "GET"]
    assert lines[1].startswith("8.8.8.8%20key_anna")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--host", "0.0.0.0"], "--api-key"),
        (["--api-key", KEY], "--host 0.0.0.0"),
    ],
)
def test_the_command_line_reports_missing_options_as_flags(
    arguments: list[str], text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--state-dir", str(tmp_path)]) == 2
    reported = capsys.readouterr().err
    assert text in reported
    assert "host=" not in reported


@pytest.mark.usefixtures("_own_signals")
@pytest.mark.parametrize(
    ("keys", "status", "text"),
    [
        (["--api-key-file", "missing"], 2, "The key file missing does not exist. Create it"),
        (["--api-key", "long-enough", "--faults", "no.json"], 2, "no.json cannot be read"),
        (["--api-key-file", "keys.txt"], 2, "line 3 of keys.txt is shorter than 8 characters"),
        (["--api-key", "two words"], 2, "ASCII"),
    ],
)
def test_the_command_line_reports_keys_that_cannot_be_used(
    keys: list[str],
    status: int,
    text: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("keys.txt").write_text(f"# ours\n{KEY}\nsecret\n")
    assert main(["--host", "0.0.0.0", *keys, "--state-dir", str(tmp_path)]) == status
    reported = capsys.readouterr().err
    assert text in reported
    assert "secret\n" not in reported


def test_limits_that_allow_nothing_are_refused() -> None:
    for limits in ({"renders": 0}, {"disk_bytes": 0}, {"probe_s": "5"}):
        with pytest.raises(InvalidRequestError, match=f"{next(iter(limits))}="):
            Limits(**limits)


@pytest.mark.parametrize("arguments", [["--keep", "7"], ["--max-disk", "-1G"], ["--keep", "nan d"]])
def test_the_command_line_rejects_invalid_times_and_sizes(arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        main(arguments)


def test_a_server_with_keys_says_which_token_it_requires(tmp_path: Path) -> None:
    with (
        serving(host="0.0.0.0", api_key=[KEY]) as api,
        Client(base_url=api.backend.url, config_dir=tmp_path) as nobody,
        Client("unknown", base_url=api.backend.url, config_dir=tmp_path) as stranger,
    ):
        for user in (nobody, stranger):
            with pytest.raises(AuthenticationError) as caught:
                user.credits.balance()
            assert caught.value.remedy == (
                "Use an API key of this server: pass it as the token, or set NEMO_TOKEN to it."
            )


def test_the_page_on_serving_lists_every_option() -> None:
    page = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(--[a-z-]+)", page, re.M)
    options = set(_parser("")._option_string_actions)
    assert sorted(listed) == sorted(options - {"-h", "--help"})


@pytest.mark.usefixtures("_own_signals")
@pytest.mark.parametrize(("host", "others"), [("127.0.0.1", False), ("0.0.0.0", True)])
def test_the_banner_mentions_other_machines_only_if_they_are_served(
    host: str,
    others: bool,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Stopping(LocalBackend):
        """A backend that is stopped as soon as it has started."""

        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **{**options, "engine": "fast", "isolate": False})

        def __enter__(self) -> LocalBackend:
            started = super().__enter__()
            signal.raise_signal(signal.SIGTERM)
            return started

    monkeypatch.setattr(local, "LocalBackend", Stopping)
    options = ["--host", host, "--api-key", KEY, "--port", "0", "--state-dir", str(tmp_path)]
    assert main(options) == 0
    banner = capsys.readouterr().out
    assert "http://127.0.0.1:" in banner
    assert ("other machines" in banner) == others
