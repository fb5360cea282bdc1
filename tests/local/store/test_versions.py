"""State directories of other versions of the package."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from nemovideo.errors import LocalBackendError
from nemovideo.local.store.database import Database
from nemovideo.local.store.renders import Renders
from nemovideo.local.store.space import Space


def renders_of(state_dir: Path) -> tuple[Database, Renders]:
    database = Database(state_dir)
    return database, Renders(database, lambda: 0.0)


def add_user_and_session(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute("INSERT INTO users VALUES ('u', 'c', 0, 100, 0)")
        connection.execute("INSERT INTO sessions VALUES ('s', 't', 'u', 'project', 'en', 0, 0)")


OLD_RENDERS = """
ALTER TABLE renders RENAME TO new_renders;
CREATE TABLE renders (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    render_id TEXT NOT NULL UNIQUE,
    session_id TEXT NOT NULL REFERENCES sessions,
    user_id TEXT NOT NULL REFERENCES users,
    draft TEXT NOT NULL,
    format TEXT NOT NULL,
    quality TEXT NOT NULL,
    status TEXT NOT NULL,
    progress INTEGER NOT NULL DEFAULT 0,
    file_token TEXT NOT NULL UNIQUE,
    duration_ms INTEGER,
    size_bytes INTEGER,
    error TEXT,
    created_at REAL NOT NULL,
    completed_at REAL,
    warnings TEXT NOT NULL DEFAULT '[]',
    attempts INTEGER NOT NULL DEFAULT 0
);
INSERT INTO renders SELECT * FROM new_renders;
UPDATE renders SET draft = json_extract(draft, '$.draft') WHERE draft <> '';
DROP TABLE new_renders;
CREATE INDEX renders_by_user ON renders (user_id);
CREATE INDEX renders_by_session ON renders (session_id);
"""


def restore_version_4(connection: sqlite3.Connection) -> None:
    """Undo what later versions of the schema changed."""
    triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
    for (name,) in triggers.fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute("DROP TABLE usage")
    connection.execute("DROP INDEX claims_by_session")
    connection.execute("DROP INDEX claims_by_expiry")
    connection.execute("DROP INDEX sessions_by_use")
    connection.executescript(OLD_RENDERS)


def test_an_upgrade_computes_disk_usage_and_discards_the_drafts_of_ended_jobs(
    tmp_path: Path,
) -> None:
    database, renders = renders_of(tmp_path)
    add_user_and_session(database)
    for render_id in ("ended", "pending"):
        renders.add(
            render_id,
            session_id="s",
            user_id="u",
            request=b'{"draft": {"x": "%s"}}' % (b"x" * 10**6),
            format_="mp4",
            quality="high",
        )
    with database.transaction() as connection:
        connection.execute("UPDATE renders SET status = 'failed' WHERE render_id = 'ended'")
    database.close()
    with sqlite3.connect(tmp_path / "backend.sqlite3") as connection:
        restore_version_4(connection)
        connection.execute("PRAGMA user_version = 4")
    connection.close()
    database, renders = renders_of(tmp_path)
    assert 10**6 < Space(database, lambda: 0.0).used_bytes("u") < 1.1 * 10**6
    job = renders.find("u", "pending")
    assert job is not None
    assert len(renders.draft(job)["x"]) == 10**6  # type: ignore[arg-type]
    database.close()


def test_an_upgrade_from_version_5_recomputes_disk_usage(tmp_path: Path) -> None:
    database, _ = renders_of(tmp_path)
    add_user_and_session(database)
    used = Space(database, lambda: 0.0).used_bytes("u")
    database.close()
    with sqlite3.connect(tmp_path / "backend.sqlite3") as connection:
        restore_version_4(connection)
        connection.execute("CREATE TABLE usage (user_id TEXT PRIMARY KEY, bytes INTEGER NOT NULL)")
        connection.execute("INSERT INTO usage VALUES ('u', 1)")
        connection.execute("PRAGMA user_version = 5")
    connection.close()
    database, _ = renders_of(tmp_path)
    assert Space(database, lambda: 0.0).used_bytes("u") == used
    database.write("DELETE FROM sessions")
    assert Space(database, lambda: 0.0).used_bytes("u") == 0
    database.close()


def test_a_database_of_the_first_version_is_upgraded(tmp_path: Path) -> None:
    database, renders = renders_of(tmp_path)
    add_user_and_session(database)
    renders.add(
        "r", session_id="s", user_id="u", request=b'{"draft": {}}', format_="mp4", quality="high"
    )
    database.close()
    with sqlite3.connect(tmp_path / "backend.sqlite3") as connection:
        restore_version_4(connection)
        connection.execute("ALTER TABLE renders DROP COLUMN warnings")
        connection.execute("ALTER TABLE renders DROP COLUMN attempts")
        connection.execute("ALTER TABLE sessions DROP COLUMN used_at")
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    database, renders = renders_of(tmp_path)
    found = renders.find("u", "r")
    assert found is not None
    assert found.warnings == ()
    assert renders.take() is not None
    job = renders.find("u", "r")
    assert job is not None
    renders.complete(job, duration_ms=1, size_bytes=1, warnings=["It is dark."])
    database.close()
    database, renders = renders_of(tmp_path)
    found = renders.find("u", "r")
    assert found is not None
    assert found.warnings == ("It is dark.",)
    database.close()


def test_a_later_version_is_refused(tmp_path: Path) -> None:
    Database(tmp_path).close()
    with sqlite3.connect(tmp_path / "backend.sqlite3") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(LocalBackendError, match="a different version"):
        Database(tmp_path)
