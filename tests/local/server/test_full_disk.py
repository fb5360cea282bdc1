"""A full disk: it is reported, workers survive, and results are saved later."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from nemovideo import Client
from nemovideo.errors import ServerError
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.store import Database
from nemovideo.retry import RetryPolicy
from tests.support.app import Api, Rendered, Renderer, serving

LONG = "The file lacks much. " * 500


def database(api: Api) -> Database:
    running = api.backend._running
    assert running is not None
    return running.store.database


@contextmanager
def full(api: Api) -> Iterator[None]:
    """Leave SQLite no free page, which it reports as a full disk."""
    database(api).row("VACUUM")
    database(api).row("PRAGMA max_page_count = 1")  # capped at the current number
    while api.ask("POST", "/api/tasks/me/with-session/nemo_agent", json={}).status_code == 200:
        pass
    yield
    database(api).row("PRAGMA max_page_count = 1000000")


def test_a_full_disk_is_reported_to_clients() -> None:
    with serving() as api, full(api):
        response = api.ask("POST", "/api/tasks/me/with-session/nemo_agent", json={})
        assert (response.status_code, "disk" in response.json()["message"]) == (507, True)
        with Client(api.http.headers["authorization"][7:], base_url=api.backend.url) as client:
            with pytest.raises(ServerError, match="disk of the server is full") as caught:
                client.sessions.create(task_name="x" * 900)
            assert "--state-dir" in caught.value.remedy
            assert caught.value.status == 507


def test_a_full_disk_is_not_retried() -> None:
    full, busy = (ServerError("no", status=status) for status in (507, 503))
    assert not RetryPolicy().allows(full, attempt=1, repeatable=True, limited=0)
    assert RetryPolicy().allows(busy, attempt=1, repeatable=True, limited=0)


class LongWarning(Renderer):
    def __call__(self, *args: object, **kwargs: object) -> Rendered:
        result = super().__call__(*args, **kwargs)  # type: ignore[arg-type]
        return Rendered(result.duration_ms, result.size_bytes, (LONG,))


def test_a_result_is_reported_on_a_full_disk_and_saved_later() -> None:
    renderer = LongWarning()
    with serving(render=renderer) as api:
        session_id = api.session_with_video()
        api.submit(session_id, "r", format="mp4")
        assert renderer.begun.wait(10)
        with full(api):
            renderer.gate.set()
            job = api.finished("r")
            assert (job["status"], job["warnings"]) == ("completed", [LONG])
            assert stored_status(api, "r") == "processing"
        api.submit(session_id, "next", format="mp4")
        assert api.finished("next")["status"] == "completed"
        assert stored_status(api, "r") == "completed"


def stored_status(api: Api, render_id: str) -> str:
    (status,) = database(api).row("SELECT status FROM renders WHERE render_id = ?", (render_id,))
    return str(status)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device", "a.mp4"),
        sqlite3.OperationalError("database or disk is full"),
        SystemExit(1),
        MemoryError(),
        KeyboardInterrupt(),
    ],
)
def test_a_worker_survives_any_failure_of_its_job(error: BaseException) -> None:
    calls = 0

    def render(*args: object, **kwargs: object) -> Rendered:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise error
        done = Renderer()
        done.gate.set()
        return done(*args, **kwargs)  # type: ignore[arg-type]

    with serving(render=render, render_workers=1) as api:
        session_id = api.session_with_video()
        api.submit(session_id, "one", format="mp4")
        job = api.finished("one")
        assert job["status"] == "failed"
        assert ("disk" in job["error"]) == isinstance(error, (OSError, sqlite3.Error))
        api.submit(session_id, "two", format="mp4")
        assert api.finished("two")["status"] == "completed"


@pytest.mark.parametrize(
    ("number", "status", "text"),
    [
        (errno.EFBIG, 507, "disk of the server is full"),
        (errno.EMFILE, 503, "too many files"),
        (errno.ENFILE, 503, "too many files"),
    ],
)
def test_exhausted_resources_are_reported(number: int, status: int, text: str) -> None:
    def probe(*_: object, **__: object) -> MediaItem:
        raise OSError(number, "no")

    with serving(probe=probe) as api:
        path = f"/api/upload-video/nemo_agent/me/{api.session()}"
        response = api.ask("POST", path, files={"files": ("a.mp4", b"VIDEO")})
        assert (response.status_code, text in response.json()["message"]) == (status, True)
