"""Render jobs of a server that crashed, the versions of drafts, and what is removed."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nemovideo.local.store import Store, space
from nemovideo.local.store.database import Database
from nemovideo.local.store.projects import Projects
from nemovideo.local.store.renders import MAX_ATTEMPTS, Renders
from nemovideo.local.store.space import Space


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path)
    with database.transaction() as connection:
        connection.execute("INSERT INTO users VALUES ('u', 'c', 0, 100, 0)")
        connection.execute("INSERT INTO sessions VALUES ('s', 't', 'u', 'project', 'en', 0, 0)")
    yield database
    database.close()


@pytest.fixture
def renders(database: Database) -> Renders:
    renders = Renders(database, lambda: 0.0)
    add(renders, "r")
    return renders


def add(renders: Renders, render_id: str, request: bytes = b"{}") -> None:
    renders.add(
        render_id, session_id="s", user_id="u", request=request, format_="mp4", quality="high"
    )


def cancel_all(renders: Renders) -> None:
    while (job := renders.take()) is not None:
        renders.cancel(job)


def test_a_job_that_crashes_every_server_fails_with_a_reason(renders: Renders) -> None:
    for _ in range(MAX_ATTEMPTS):
        assert renders.take() is not None
        renders.requeue_unfinished()  # as the next server does
    found = renders.find("u", "r")
    assert found is not None
    assert found.status == "failed"
    assert "crashed" in (found.error or "")
    assert renders.take() is None


def test_a_job_can_be_interrupted_any_number_of_times(renders: Renders) -> None:
    for _ in range(3 * MAX_ATTEMPTS):
        job = renders.take()
        assert job is not None
        renders.requeue(job)
        renders.requeue_unfinished()
        assert renders.status(job) == "pending"


def test_a_job_that_the_user_canceled_is_not_requeued(renders: Renders) -> None:
    job = renders.take()
    assert job is not None
    renders.cancel(job)
    renders.requeue(job)
    assert renders.status(job) == "cancelled"


def test_a_job_that_has_ended_keeps_no_draft_that_later_queries_would_read(
    database: Database, renders: Renders
) -> None:
    disk = Space(database, lambda: 0.0)
    big = b'{"draft": {"x": "%s"}}' % (b"x" * 10**6)
    for number, end in enumerate((renders.fail, renders.complete, None)):
        render_id = f"r{number}"
        add(renders, render_id, big)
        assert disk.used_bytes("u") > 10**6
        while (job := renders.take()) is not None and job.render_id != render_id:
            pass
        assert job is not None
        if end == renders.fail:
            renders.fail(job, "it is damaged")
        elif end == renders.complete:
            renders.complete(job, duration_ms=1, size_bytes=1)
        else:
            renders.cancel(job)
        assert disk.used_bytes("u") < 10**5


def test_a_users_disk_usage_is_updated_by_every_addition_and_removal(
    database: Database, renders: Renders
) -> None:
    disk = Space(database, lambda: 10.0**9)
    projects = Projects(database, lambda: 0.0)
    before = disk.used_bytes("u")
    assert 0 < before < 10_000
    session = projects.create("u", "project", "en")
    projects.save_draft(session.session_id, {"x": "x" * 50_000})
    projects.issue_claim(session.session_id)
    assert 50_000 < disk.used_bytes("u") - before < 52_000
    projects.undo(session.session_id)
    assert 0 < disk.used_bytes("u") - before < 2000
    cancel_all(renders)
    disk.remove_older(1.0)
    assert disk.used_bytes("u") == 0


def test_the_text_of_a_session_counts_in_bytes(
    database: Database,
) -> None:
    disk = Space(database, lambda: 0.0)
    before = disk.used_bytes("u")
    Projects(database, lambda: 0.0).create("u", "\0" + "\U0001f600" * 999, "\0" * 1000)
    assert disk.used_bytes("u") - before > 4000 + 1000


def test_a_small_result_counts_as_a_whole_disk_block(database: Database, renders: Renders) -> None:
    used = Space(database, lambda: 0.0).used_bytes
    before = used("u")
    job = renders.take()
    assert job is not None
    renders.complete(job, duration_ms=1, size_bytes=10)
    assert used("u") > before + 4000


def test_the_search_for_old_rows_does_not_read_the_others(
    database: Database, renders: Renders
) -> None:
    projects, steps = Projects(database, lambda: 5.0), 0

    def count() -> None:
        nonlocal steps
        steps += 1

    with database.transaction() as connection:
        for number in range(2000):
            session = projects.create("u", f"{number}", "en")
            projects.issue_claim(session.session_id)
            add(renders, f"r{number}")
        connection.execute("UPDATE renders SET status = 'failed', completed_at = 9.0")
        connection.execute("UPDATE sessions SET used_at = 9.0")
        connection.set_progress_handler(count, 1)
    try:
        assert Space(database, lambda: 5.0).remove_older(1.0) == 0
    finally:
        with database.transaction() as connection:
            connection.set_progress_handler(None, 0)
    assert steps < 2000


def test_old_rows_are_removed_in_short_transactions(
    database: Database, renders: Renders, monkeypatch: pytest.MonkeyPatch
) -> None:
    projects = Projects(database, lambda: 0.0)
    left: list[tuple[int, int]] = []
    for number in range(7):
        add(renders, f"r{number}")
        projects.issue_claim("s")

    cancel_all(renders)

    def pause(_seconds: float) -> None:
        with ThreadPoolExecutor(1) as other:  # the lock is free
            count = "SELECT (SELECT count(*) FROM renders), (SELECT count(*) FROM claims)"
            left.append(tuple(other.submit(database.row, count).result(10)))

    monkeypatch.setattr(space, "_BATCH", 3)
    monkeypatch.setattr("nemovideo.local.store.space.time.sleep", pause)
    assert Space(database, lambda: 10.0).remove_older(1.0) == 8 + 1
    assert left == [(5, 7), (2, 7), (0, 7), (0, 4), (0, 1), (0, 0), (0, 0)]
    assert database.row("SELECT count(*) FROM sessions")[0] == 0


def test_a_session_of_many_drafts_is_removed_in_short_transactions(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    projects = Projects(database, lambda: 0.0)
    left: list[int] = []
    for number in range(5):
        projects.save_draft("s", {"x": number})
    count = "SELECT count(*) FROM drafts"
    monkeypatch.setattr(
        "nemovideo.local.store.space.time.sleep", lambda _: left.append(*database.row(count))
    )
    assert Space(database, lambda: 10.0).remove_older(1.0) == 1
    assert left == [3, 1, 0]


def test_a_session_that_is_used_during_its_removal_keeps_its_draft(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    projects = Projects(database, lambda: 10.0)
    for number in range(5):
        projects.save_draft("s", {"x": number})
    monkeypatch.setattr(
        "nemovideo.local.store.space.time.sleep",
        lambda _: database.write("UPDATE sessions SET used_at = 10.0"),
    )
    assert Space(database, lambda: 10.0).remove_older(1.0) == 0
    assert (projects.versions("s"), projects.draft("s")) == ([3, 4, 5], {"x": 4})


def test_the_last_fifty_versions_of_a_draft_are_kept(database: Database) -> None:
    projects = Projects(database, lambda: 0.0)
    for number in range(1, 71):
        projects.save_draft("s", {"x": number})
    count = "SELECT count(*) FROM drafts"
    assert (projects.versions("s"), *database.row(count)) == (list(range(21, 71)), 50)
    assert projects.version("s", 21) == {"x": 21}
    projects.undo("s")
    projects.save_draft("s", {"x": "new"})
    projects.save_draft("s", {"x": "newer"}, replace_last=True)
    assert (len(projects.versions("s")), projects.draft("s")) == (50, {"x": "newer"})


def test_thousands_of_versions_of_an_earlier_release_are_deleted_a_few_at_a_time(
    database: Database,
) -> None:
    projects = Projects(database, lambda: 0.0)
    rows = [("s", version, "{}") for version in range(1, 1001)]
    with database.transaction() as connection:
        connection.executemany("INSERT INTO drafts VALUES (?, ?, ?)", rows)
    for _ in range(10):
        projects.save_draft("s", {})
    assert database.row("SELECT count(*) FROM drafts")[0] == 990
    assert projects.versions("s") == list(range(961, 1011))


def test_partial_files_of_a_crashed_server_are_removed(tmp_path: Path) -> None:
    folder = tmp_path / "renders"
    folder.mkdir()
    for name in (".a.mp4.7.part", "b.mp4"):
        (folder / name).write_bytes(b"0123456789")
    Store(tmp_path, clock=lambda: 0.0).close()
    assert [path.name for path in folder.iterdir()] == ["b.mp4"]
