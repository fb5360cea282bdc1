"""The server: start, stop, restart, the Host header, and the command line."""

from __future__ import annotations

import asyncio
import http.client
import json
import logging
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from nemovideo.errors import LocalBackendError
from nemovideo.local import LocalBackend
from nemovideo.local.__main__ import main
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.server import listener
from tests.support.app import (
    SKILL,
    Api,
    Renderer,
    anonymous,
    client,
    complete_text,
    fast_backend,
    probe,
    read_events,
    run_body,
    serving,
)


@pytest.fixture(scope="module")
def shared() -> Iterator[Api]:
    """A backend for tests that do not change its state."""
    with serving() as api:
        yield api


def test_stopping_does_not_wait_for_requests_of_disconnected_clients(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listener, "_GRACE_S", 0)
    begun, gate, ended = (threading.Event() for _ in range(3))

    def slow(path: Path, name: str, *, id: str) -> MediaItem:  # noqa: A002
        begun.set()
        gate.wait(20)
        ended.set()
        return probe(path, name, id=id)

    with (
        ThreadPoolExecutor(1) as other,
        fast_backend(probe=slow) as backend,
        client(backend) as api,
    ):
        upload = other.submit(api.upload, api.session(), ("a.mp4", b"0000"))
        assert begun.wait(20)
        backend.stop()
        assert not ended.is_set()
        gate.set()
        with pytest.raises(httpx.TransportError):
            upload.result(20)


def test_stopping_does_not_pause_if_no_request_is_in_progress(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Uvicorn itself pauses for 0.1 s, which a short job with a local client would notice."""
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def recorded(seconds: float) -> None:
        if seconds and threading.current_thread().name == "nemovideo-local":
            pauses.append(seconds)
        await sleep(seconds)

    monkeypatch.setattr(asyncio, "sleep", recorded)
    with fast_backend() as backend, client(backend) as api:
        api.session()  # its connection stays open
        backend.stop()
    assert pauses == []


def test_a_stopped_backend_leaves_no_threads_and_no_files() -> None:
    before = set(threading.enumerate())
    backend = fast_backend()
    with backend:
        state_dir, port = backend.state_dir, backend.port
        with client(backend) as api:
            api.session_with_video()
    backend.stop()
    assert {t for t in threading.enumerate() if t.name.startswith("nemovideo")} <= before
    assert not state_dir.exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port)).close()
    with pytest.raises(LocalBackendError, match="not running"):
        _ = backend.url


def test_a_restart_on_the_same_directory_keeps_everything(tmp_path: Path) -> None:
    with fast_backend(tmp_path) as backend:
        token = backend.issue_token(credits=50)
        with client(backend, token) as api:
            session_id = api.session_with_video()
            api.events(session_id, "edit One")
            api.events(session_id, "edit Two")
            api.submit(session_id, "r", format="mp4")
            api.finished("r")
            draft, balance = api.draft(session_id), api.balance()
            visitor = anonymous(api, "visitor").json()["data"]["token"]
    with fast_backend(tmp_path) as backend, client(backend, token) as api:
        assert api.draft(session_id) == draft
        assert api.balance() == balance
        assert anonymous(api, "visitor").status_code == 429
        api.events(session_id, "undo")
        assert api.titles(session_id) == ["One"]
        state = api.data("GET", f"/api/state/nemo_agent/me/{session_id}/latest")["state"]
        link = state["video_infos"][0]["cdn_url"]
        assert link.startswith(backend.url)
        assert httpx.get(link).content.startswith(b"VIDEO")
        assert httpx.get(api.render("r")["output"]["url"]).content == b"0123456789"
        with client(backend, visitor) as again:
            assert again.balance() == (100, 0, 100)


def test_a_render_interrupted_by_stop_is_resumed(tmp_path: Path) -> None:
    renderer = Renderer()
    with fast_backend(tmp_path, render=renderer) as backend:
        token = backend.issue_token()
        with client(backend, token) as api:
            session_id = api.session_with_video()
            api.submit(session_id, "running", format="mp4")
            api.submit(session_id, "waiting", format="mp4")
            assert renderer.begun.wait(10)
    with fast_backend(tmp_path) as backend, client(backend, token) as api:
        assert api.finished("running")["status"] == "completed"
        assert api.finished("waiting")["status"] == "completed"


def test_two_servers_cannot_share_a_directory(tmp_path: Path) -> None:
    with (
        fast_backend(tmp_path),
        pytest.raises(LocalBackendError, match="perhaps that of a running batch") as caught,
        fast_backend(tmp_path),
    ):
        pass
    assert "state_dir" in caught.value.remedy
    with fast_backend(tmp_path):
        pass


def test_a_port_in_use_is_reported_and_the_directory_is_unlocked(tmp_path: Path) -> None:
    with fast_backend() as first, pytest.raises(LocalBackendError, match=f"Port {first.port}"):
        fast_backend(tmp_path, port=first.port).start()
    with fast_backend(tmp_path):
        pass


def test_a_damaged_database_is_reported(tmp_path: Path) -> None:
    (tmp_path / "backend.sqlite3").write_bytes(b"no database at all" * 100)
    with pytest.raises(LocalBackendError, match="cannot be read"):
        fast_backend(tmp_path).start()


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 404),
        ("127.0.0.1:80", 404),
        ("localhost:1234", 404),
        ("LOCALHOST", 404),
        ("[::1]:5", 404),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost:80:80", 421),
        ("user@127.0.0.1", 421),
        ("0.0.0.0", 421),
    ],
)
def test_only_host_names_of_this_machine_are_accepted(shared: Api, host: str, status: int) -> None:
    response = httpx.get(f"{shared.backend.url}/nowhere", headers={"Host": host})
    assert response.status_code == status
    assert "detail" in response.json()
    assert ("--api-key-file" in response.json().get("remedy", "")) == (status == 421)


def test_every_request_is_recorded() -> None:
    with serving() as api:
        httpx.get(f"{api.backend.url}/nowhere?secret=1")
        httpx.post(f"{api.backend.url}/run_sse")
        assert api.backend.requests == (("GET", "/nowhere", 404), ("POST", "/run_sse", 401))


def test_the_pytest_fixture_is_a_running_backend(nemovideo_backend: LocalBackend) -> None:
    with client(nemovideo_backend) as api:
        assert "You said" not in complete_text(api.events(api.session(), "hello"))


class ServerProcess:
    """The backend as a separate process."""

    def __init__(self, state_dir: Path, *options: str) -> None:
        command = [sys.executable, "-m", "nemovideo.local", "--port", "0"]
        self.process = subprocess.Popen(
            [*command, "--state-dir", str(state_dir), *options], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.banner = [self.process.stdout.readline()]
        while "with-session" not in self.banner[-1]:
            assert self.banner[-1], "the server ended"
            self.banner.append(self.process.stdout.readline())
        found = re.search(r"http://127\.0\.0\.1:(\d+)", "".join(self.banner))
        assert found
        self.port = int(found[1])

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send a request on a new connection, as curl does."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        content = body if isinstance(body, bytes) or body is None else json.dumps(body)
        try:
            connection.request(method, path, content, {**SKILL, **headers})
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        assert response.status == 200, text
        return json.loads(text) if response.headers["Content-Type"] == "application/json" else text

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        status = self.process.wait(20)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status


def test_a_killed_server_resumes_its_render_after_a_restart(tmp_path: Path, carphone: Path) -> None:
    served = ServerProcess(tmp_path, "--credits", "7")
    assert str(tmp_path) in "".join(served.banner)
    issued = served.call("POST", "/api/auth/anonymous-token", **{"X-Client-Id": "by-hand"})
    assert issued["data"]["credits"] == 7
    bearer = {"Authorization": f"Bearer {issued['data']['token']}"}
    task = {"task_name": "project", "language": "en"}
    created = served.call("POST", "/api/tasks/me/with-session/nemo_agent", task, **bearer)["data"]
    session_id = created["session_id"]
    form = (
        b'--b\r\nContent-Disposition: form-data; name="files"; filename="talk.mp4"\r\n\r\n'
        + carphone.read_bytes()
        + b"\r\n--b--\r\n"
    )
    upload = f"/api/upload-video/nemo_agent/me/{session_id}"
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    (file,) = served.call("POST", upload, form, **bearer, **kind)["data"]["files"]
    assert (file["width"], file["height"], file["file_type"]) == (176, 144, "video")
    message = run_body(session_id, "Trim the video to the first second.")
    events = read_events(served.call("POST", "/run_sse", message, **bearer).decode())
    assert any("draft" in event["actions"]["stateDelta"] for event in events)
    state = served.call("GET", f"/api/state/nemo_agent/me/{session_id}/latest", **bearer)["data"]
    draft = state["state"]["draft"]
    assert draft["d"] == 1000
    job = {"id": "render_by_hand", "sessionId": session_id, "draft": draft}
    output = {"output": {"format": "mp4", "quality": "high"}}
    served.call("POST", "/api/render/proxy/lambda", {**job, **output}, **bearer)
    served.end(signal.SIGKILL)

    served = ServerProcess(tmp_path)
    status = {"status": "pending"}
    while status["status"] in ("pending", "processing"):
        status = served.call("GET", "/api/render/proxy/lambda/render_by_hand", **bearer)
    assert status["status"] == "completed"
    video = served.call("GET", "/api/render/proxy/render_by_hand/download", **bearer)
    assert video[4:8] == b"ftyp"
    assert served.end(signal.SIGTERM) == 0


def test_the_loggers_of_a_service_under_uvicorn_stay_as_they_are(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    access, handler = logging.getLogger("uvicorn.access"), logging.NullHandler()
    access.addHandler(handler)
    try:
        with caplog.at_level(logging.INFO), LocalBackend(tmp_path, engine="fast") as backend:
            httpx.get(f"{backend.url}/healthz").raise_for_status()
        assert (access.handlers, access.propagate) == ([handler], True)
    finally:
        access.removeHandler(handler)
    assert not [record for record in caplog.records if record.name.startswith("uvicorn")]


@pytest.mark.usefixtures("_own_signals")
def test_an_invalid_faults_file_is_reported_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = tmp_path / "faults.json"
    rules.write_text('[{"kind": "earthquake"}]')
    assert main(["--faults", str(rules), "--state-dir", str(tmp_path)]) == 2
    reported = capsys.readouterr().err
    assert (reported.count("\n"), "earthquake" in reported) == (1, True)
