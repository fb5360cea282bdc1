"""A backend with child processes, over real sockets: results, crashes, and what users read."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from nemovideo import Client
from nemovideo.errors import (
    LocalBackendError,
    NemoError,
    RenderCancelledError,
    RenderFailedError,
    UnsupportedFileError,
)
from nemovideo.local import LocalBackend
from nemovideo.local.work import Work
from nemovideo.models import RenderJob
from nemovideo.resources.sessions import Session
from nemovideo.retry import Polling
from tests.support import isolated_calls as calls
from tests.support.render import make_video

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
POLLING = Polling(first_s=0.02, interval_s=0.02)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video(tmp_path_factory.mktemp("clips") / "talk.mp4", seconds=0.4)


@pytest.fixture(scope="module")
def isolated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalBackend]:
    folder = tmp_path_factory.mktemp("state")
    logging.getLogger("nemovideo.local").setLevel(logging.INFO)
    with LocalBackend(folder, engine="fast", isolate=True, render_workers=1) as backend:
        yield backend
    logging.getLogger("nemovideo.local").setLevel(logging.NOTSET)


@pytest.fixture
def client(isolated: LocalBackend) -> Iterator[Client]:
    with Client(isolated.issue_token(), base_url=isolated.url, polling=POLLING) as connected:
        yield connected
    assert httpx.get(f"{isolated.url}/healthz").json()["status"] == "ok"


def edited(client: Client, video: Path) -> Session:
    session = client.sessions.create()
    session.upload(video)
    session.send("replace the background with green")
    return session


def submit(client: Client, session: Session) -> RenderJob:
    draft = session.state().draft
    assert draft is not None
    return client.render.submit(session.id, draft)


def wait_for_progress(client: Client, job: RenderJob) -> None:
    """Wait until the job has made progress."""
    while not client.render.get(job.id).progress:
        threading.Event().wait(0.01)


def results(backend: LocalBackend) -> set[Path]:
    folder = backend.state_dir / "renders"
    return set(folder.iterdir()) if folder.is_dir() else set()


def rendered(backend: LocalBackend, video: Path) -> bytes:
    with Client(backend.issue_token(), base_url=backend.url, polling=POLLING) as client:
        session = edited(client, video)
        before = results(backend)
        client.render.wait(submit(client, session))
        (output,) = results(backend) - before
        return output.read_bytes()


def test_results_are_those_of_a_backend_without_processes_and_the_engine_is_kept(
    isolated: LocalBackend, video: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "nemovideo.local")
    with LocalBackend(tmp_path, engine="fast") as plain:
        expected = rendered(plain, video)
    caplog.clear()
    assert [rendered(isolated, video) for _ in range(2)] == [expected, expected]
    assert caplog.text.count("rendered 10 frames") == 2
    assert "loaded in" not in caplog.text  # start() had loaded it


def test_an_upload_that_crashes_the_decoder_is_refused(
    client: Client, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = client.sessions.create()
    monkeypatch.setattr(Work, "probe", calls.abort)
    with pytest.raises(UnsupportedFileError) as caught:
        session.upload(video)
    assert caught.value.code == 4001
    assert caught.value.message == "talk.mp4 cannot be examined: a media library crashed"
    monkeypatch.undo()
    assert session.upload(video)[0].width == 160


def test_a_preview_that_crashes_the_decoder_fails(
    client: Client, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = edited(client, video)
    monkeypatch.setattr(Work, "preview", calls.abort)
    with pytest.raises(NemoError, match="the preview failed: a media library crashed"):
        session.preview()
    monkeypatch.undo()
    assert session.preview().after.startswith(b"\x89PNG")


def test_a_render_that_crashes_does_not_affect_the_others_and_leaves_no_file(
    isolated: LocalBackend, client: Client, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = edited(client, video)
    files = results(isolated)
    monkeypatch.setattr(Work, "render", calls.render_half_and_abort)
    with pytest.raises(RenderFailedError, match="the render failed: a media library crashed"):
        client.render.wait(submit(client, session))
    assert results(isolated) == files
    monkeypatch.undo()
    assert client.render.wait(submit(client, session)).status == "completed"


def test_a_render_that_hangs_can_be_canceled(
    isolated: LocalBackend, client: Client, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = edited(client, video)
    files = results(isolated)
    monkeypatch.setattr(Work, "render", calls.render_half)
    job = submit(client, session)
    wait_for_progress(client, job)
    client.render.cancel(job)
    with pytest.raises(RenderCancelledError):
        client.render.wait(job)
    monkeypatch.undo()
    assert client.render.wait(submit(client, session)).status == "completed"
    assert len(results(isolated) - files) == 1


def test_a_render_interrupted_by_stop_is_resumed(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Work, "render", calls.render_half)
    with LocalBackend(tmp_path, isolate=True) as backend:
        token = backend.issue_token()
        with Client(token, base_url=backend.url, polling=POLLING) as client:
            session = client.sessions.create()
            session.upload(video)
            job = submit(client, session)
            wait_for_progress(client, job)
    monkeypatch.undo()
    with (
        LocalBackend(tmp_path, isolate=True) as backend,
        Client(token, base_url=backend.url, polling=POLLING) as client,
    ):
        assert client.render.wait(job).status == "completed"


def test_an_engine_that_cannot_be_pickled_is_refused(tmp_path: Path) -> None:
    class Local:
        def mask(self, picture: object) -> object:
            raise AssertionError

    with pytest.raises(LocalBackendError, match="cannot be sent to another process"):
        LocalBackend(tmp_path, engine=Local(), isolate=True).start()  # type: ignore[arg-type]


def test_an_engine_that_cannot_be_loaded_is_reported_at_startup(tmp_path: Path) -> None:
    with pytest.raises(LocalBackendError, match="there is no engine 'none'"):
        LocalBackend(tmp_path, engine="none", isolate=True).start()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can limit memory")
@pytest.mark.parametrize("limit", ["1M", "60M"])
def test_too_little_memory_for_the_engine_is_reported_at_startup(
    limit: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "nemovideo.local", "--port", "0", "--max-memory", limit]
    ended = subprocess.run(
        [*command, "--state-dir", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert f"more than {limit[:-1]} MB of memory" in ended.stderr
    assert "Raise --max-memory" in ended.stderr


def test_the_processes_of_the_command_line_end_with_it(video: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "nemovideo.local", "--port", "0"]
    with subprocess.Popen(
        [*command, "--state-dir", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        assert server.stdout is not None
        url = server.stdout.readline().split()[-1]
        with Client(base_url=url, web_url=url) as client:
            client.sessions.create().upload(video)
        server.kill()
        # reads to EOF, so no child process still holds the pipe
        assert "State:" in server.stdout.read()
