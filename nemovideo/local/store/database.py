"""The SQLite file of the local backend: opening, locking, schema, transactions."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nemovideo._support.filelock import FileLock
from nemovideo.errors import LocalBackendError
from nemovideo.local.store.private import make_private, private_file

_FILE = "backend.sqlite3"
_SCHEMA_VERSION = 4
_SCHEMA = """
CREATE TABLE users (
    user_id TEXT PRIMARY KEY,
    client_id TEXT UNIQUE,
    registered INTEGER NOT NULL,
    available INTEGER NOT NULL,
    frozen INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE tokens (
    hash TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users,
    scopes TEXT NOT NULL,
    expires_at REAL
);
CREATE TABLE sessions (
    session_id TEXT PRIMARY KEY,
    task_id TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users,
    task_name TEXT NOT NULL,
    language TEXT NOT NULL,
    silent_edits INTEGER NOT NULL DEFAULT 0,
    used_at REAL NOT NULL DEFAULT 0
);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE TABLE media (
    session_id TEXT NOT NULL REFERENCES sessions,
    position INTEGER NOT NULL,
    file_token TEXT NOT NULL UNIQUE,
    facts TEXT NOT NULL,
    PRIMARY KEY (session_id, position)
);
CREATE TABLE drafts (
    session_id TEXT NOT NULL REFERENCES sessions,
    version INTEGER NOT NULL,
    draft TEXT NOT NULL,
    PRIMARY KEY (session_id, version)
);
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
CREATE INDEX renders_by_user ON renders (user_id);
CREATE INDEX renders_by_session ON renders (session_id);
CREATE TABLE claims (
    hash TEXT PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions,
    expires_at REAL NOT NULL
);
"""

_UPGRADES = {
    1: "ALTER TABLE renders ADD COLUMN warnings TEXT NOT NULL DEFAULT '[]';",
    2: "ALTER TABLE renders ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;",
    3: """
ALTER TABLE sessions ADD COLUMN used_at REAL NOT NULL DEFAULT 0;
UPDATE sessions SET used_at = CAST(strftime('%s', 'now') AS REAL);
CREATE INDEX IF NOT EXISTS sessions_by_user ON sessions (user_id);
CREATE INDEX IF NOT EXISTS renders_by_user ON renders (user_id);
CREATE INDEX IF NOT EXISTS renders_by_session ON renders (session_id);
""",
}
"""What brings a database of a version to the next one."""


class Database:
    """One connection, shared by all threads of the server, one transaction at a time."""

    def __init__(self, state_dir: Path) -> None:
        try:
            state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            make_private(state_dir)
            private_file(state_dir / _FILE)  # SQLite gives its other files the same mode
            self._lock = _take_lock(state_dir / "server.lock")
        except OSError as error:
            raise LocalBackendError(
                f"The state directory {state_dir} cannot be used: {error}",
                remedy="Name another one with state_dir= or --state-dir.",
            ) from error
        self.state_dir = state_dir
        self._guard = threading.RLock()
        self._depth = 0
        self._connection = sqlite3.connect(
            state_dir / _FILE, check_same_thread=False, isolation_level=None
        )
        self._connection.row_factory = sqlite3.Row
        try:
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.execute("PRAGMA foreign_keys=ON")
            self._make_schema()
        except (sqlite3.DatabaseError, LocalBackendError) as error:
            self.close()
            if isinstance(error, LocalBackendError):
                raise
            raise LocalBackendError(
                f"The database in {state_dir} cannot be read: {error}",
                remedy="Name another state directory, or remove this one.",
            ) from error

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give the connection for one query, which needs no transaction of its own."""
        with self._guard:
            yield self._connection

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run the block as one transaction; a block inside another one joins it."""
        with self._guard:
            if self._depth:
                yield self._connection
                return
            self._connection.execute("BEGIN IMMEDIATE")
            self._depth = 1
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                # A full disk makes SQLite roll back by itself, or leaves that to us.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            finally:
                self._depth = 0

    def close(self) -> None:
        """Close the connection, then give up the lock."""
        with self._guard:
            self._connection.close()
            self._lock.release()

    def _make_schema(self) -> None:
        version = int(self._connection.execute("PRAGMA user_version").fetchone()[0])
        if version == _SCHEMA_VERSION:
            return
        if version in _UPGRADES:
            steps = " ".join(_UPGRADES[step] for step in range(version, _SCHEMA_VERSION))
            self._connection.executescript(
                f"BEGIN; {steps} PRAGMA user_version = {_SCHEMA_VERSION}; COMMIT;"
            )
            return
        if version:
            raise LocalBackendError(
                f"The state directory {self.state_dir} was made by another version of nemovideo",
                remedy="Name another state directory, or remove this one.",
            )
        self._connection.executescript(
            f"BEGIN; {_SCHEMA} PRAGMA user_version = {_SCHEMA_VERSION}; COMMIT;"
        )


def _take_lock(path: Path) -> FileLock:
    """Lock the directory; the operating system frees the lock when the process ends."""
    lock = FileLock(path)
    if not lock.acquire():
        raise LocalBackendError(
            f"Another local backend is using {path.parent}",
            remedy="Connect to that one, stop it, or name another directory with state_dir=.",
        )
    return lock
