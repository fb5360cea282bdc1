"""Render jobs of a server that crashed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nemovideo.local.store.database import Database
from nemovideo.local.store.renders import MAX_ATTEMPTS, Renders


@pytest.fixture
def renders(tmp_path: Path) -> Iterator[Renders]:
    database = Database(tmp_path)
    with database.transaction() as connection:
        connection.execute("INSERT INTO users VALUES ('u', 'c', 0, 100, 0)")
        connection.execute("INSERT INTO sessions VALUES ('s', 't', 'u', 'project', 'en', 0, 0)")
    renders = Renders(database, lambda: 0.0)
    renders.add("r", session_id="s", user_id="u", draft={}, format_="mp4", quality="high")
    yield renders
    database.close()


def test_a_job_that_crashes_every_server_fails_with_a_reason(renders: Renders) -> None:
    for _ in range(MAX_ATTEMPTS):
        assert renders.take() is not None
        renders.requeue_unfinished()  # as the next server does
    found = renders.find("r")
    assert found is not None
    assert found.status == "failed"
    assert "crashed" in (found.error or "")
    assert renders.take() is None


def test_a_job_can_be_interrupted_any_number_of_times(renders: Renders) -> None:
    for _ in range(3 * MAX_ATTEMPTS):
        assert renders.take() is not None
        renders.requeue("r")
        renders.requeue_unfinished()
    assert renders.status("r") == "pending"


def test_a_job_that_the_user_cancelled_is_not_requeued(renders: Renders) -> None:
    renders.take()
    renders.cancel("r")
    renders.requeue("r")
    assert renders.status("r") == "cancelled"
