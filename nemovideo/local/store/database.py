"""The SQLite database of the local backend: lock, schema, transactions."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from nemovideo._support.filelock import FileLock
from nemovideo._values.remedies import Option, Remedy
from nemovideo.errors import LocalBackendError
from nemovideo.local.store.private import create_private, make_private

Values: TypeAlias = Sequence[object] | Mapping[str, object]

_FILE = "backend.sqlite3"
_SCHEMA_VERSION = 9
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
CREATE INDEX sessions_by_use ON sessions (used_at);
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
CREATE TABLE claims (
    hash TEXT PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions,
    expires_at REAL NOT NULL
);
"""
_RENDERS = """
CREATE TABLE renders (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    render_id TEXT NOT NULL,
    session_id TEXT NOT NULL REFERENCES sessions,
    user_id TEXT NOT NULL REFERENCES users,
    request BLOB NOT NULL,
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
    attempts INTEGER NOT NULL DEFAULT 0,
    UNIQUE (user_id, render_id)
);
CREATE INDEX renders_by_session ON renders (session_id);
"""
_USAGE = {
    "sessions": (
        "500 + length(CAST({row}.task_name AS BLOB)) + length(CAST({row}.language AS BLOB))",
        "{row}.user_id",
    ),
    "media": ("4096 + ifnull(json_extract({row}.facts, '$.size_bytes'), 0)", "{owner}"),
    "drafts": ("100 + length(CAST({row}.draft AS BLOB))", "{owner}"),
    "renders": (
        (
            "1000 + length(CAST({row}.request AS BLOB)) + length(CAST({row}.warnings AS BLOB))"
            " + ifnull(4096 + {row}.size_bytes, 0)"
        ),
        "{row}.user_id",
    ),
    "claims": ("300", "{owner}"),
}
"""For each table, the SQL expressions for a row's disk space and its owner."""
_CHANGES = ("added", "removed", "changed")


def _usage_script() -> str:
    """Return the table of every user's disk space, and the triggers that keep it up to date.

    Computing it for each check would read all rows of the user, who can create any number of them.
    """
    script = [
        *(f"DROP TRIGGER IF EXISTS {t}_{c};" for t in _USAGE for c in _CHANGES),
        "DROP TABLE IF EXISTS usage;",
        "CREATE TABLE usage (user_id TEXT PRIMARY KEY REFERENCES users, bytes INTEGER NOT NULL);",
        "CREATE INDEX IF NOT EXISTS renders_by_status ON renders (status, user_id);",
        "CREATE INDEX IF NOT EXISTS renders_by_completion ON renders (completed_at);",
        "CREATE INDEX IF NOT EXISTS claims_by_session ON claims (session_id);",
        "CREATE INDEX IF NOT EXISTS claims_by_expiry ON claims (expires_at);",
    ]
    for table, (size, user) in _USAGE.items():
        change: dict[str, str] = {}
        for row, sign in (("new", "+"), ("old", "-"), (table, "+")):
            owner = f"(SELECT user_id FROM sessions WHERE session_id = {row}.session_id)"  # noqa: S608
            change[row] = (
                f"SELECT {user.format(row=row, owner=owner)}, {sign}({size.format(row=row)})"
            )
        add = (
            "INSERT INTO usage {} ON CONFLICT (user_id)"
            " DO UPDATE SET bytes = bytes + excluded.bytes;"
        )
        added, removed = (add.format(f"{change[row]} WHERE true") for row in ("new", "old"))
        script += [
            add.format(f"{change[table]} FROM {table} WHERE true"),
            f"CREATE TRIGGER {table}_added AFTER INSERT ON {table} BEGIN {added} END;",
            f"CREATE TRIGGER {table}_removed AFTER DELETE ON {table} BEGIN {removed} END;",
        ]
        if table == "renders":
            columns = "request, warnings, size_bytes"
            script.append(
                f"CREATE TRIGGER {table}_changed AFTER UPDATE OF {columns} ON {table}"
                f" BEGIN {removed} {added} END;"
            )
    return " ".join(script)


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
    4: "UPDATE renders SET draft = '' WHERE status NOT IN ('pending', 'processing');",
    5: "",
    6: f"""
ALTER TABLE renders RENAME TO old_renders;
DROP INDEX renders_by_session;
{_RENDERS}
INSERT INTO renders SELECT position, render_id, session_id, user_id,
    CASE draft WHEN '' THEN '' ELSE '{{"draft":' || draft || '}}' END,
    format, quality, status, progress, file_token, duration_ms, size_bytes, error, created_at,
    completed_at, warnings, attempts FROM old_renders;
DROP TABLE old_renders;
""",  # noqa: S608 - constants
    7: "CREATE INDEX sessions_by_use ON sessions (used_at);",
    8: _usage_script(),
}
"""By version, the script that upgrades a database to the next version. The last one recomputes the
disk usage, which earlier versions may have computed incorrectly."""


class Database:
    """One connection, shared by all threads of the server, with one transaction at a time.

    Raises:
        LocalBackendError: Another server uses the directory, or it cannot be used.
    """

    def __init__(self, state_dir: Path) -> None:
        try:
            state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            make_private(state_dir)
            create_private(state_dir / _FILE)  # SQLite gives its other files the same mode
            self._directory_lock = _locked(state_dir / "server.lock")
        except OSError as error:
            raise LocalBackendError(
                f"The state directory {state_dir} cannot be used: {error}",
                remedy=Remedy(("choose another one with ", Option("state_dir"))),
            ) from error
        self.state_dir = state_dir
        self._lock = threading.RLock()
        self._in_transaction = False
        self._connection = sqlite3.connect(
            state_dir / _FILE, check_same_thread=False, isolation_level=None
        )
        self._connection.row_factory = sqlite3.Row
        try:
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.execute("PRAGMA foreign_keys=ON")
            self._create_or_upgrade()
        except LocalBackendError:
            self.close()
            raise
        except sqlite3.DatabaseError as error:
            self.close()
            raise LocalBackendError(
                f"The database in {state_dir} cannot be read: {error}",
                remedy="Choose another state directory, or remove this one.",
            ) from error

    def row(self, query: str, values: Values = ()) -> Any:  # noqa: ANN401 - as from fetchone()
        """Return the first row of a query, or None."""
        with self._lock:
            return self._connection.execute(query, values).fetchone()

    def rows(self, query: str, values: Values = ()) -> list[sqlite3.Row]:
        """Return all rows of a query."""
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    def write(self, statement: str, values: Values = ()) -> None:
        """Execute a statement as a transaction, or as part of the current one."""
        with self.transaction() as connection:
            connection.execute(statement, values)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run the block as one transaction; a nested block joins the outer one."""
        with self._lock:
            if self._in_transaction:
                yield self._connection
                return
            self._connection.execute("BEGIN IMMEDIATE")
            self._in_transaction = True
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # on a full disk, SQLite may have rolled back
                    self._connection.execute("ROLLBACK")
                raise
            finally:
                self._in_transaction = False

    def close(self) -> None:
        """Close the connection, then release the lock of the directory."""
        with self._lock:
            self._connection.close()
            self._directory_lock.release()

    def _create_or_upgrade(self) -> None:
        version = int(self._connection.execute("PRAGMA user_version").fetchone()[0])
        if version > _SCHEMA_VERSION:
            raise LocalBackendError(
                f"The state directory {self.state_dir} was created by a different version of "
                "nemovideo",
                remedy="Choose another state directory, or remove this one.",
            )
        if version < _SCHEMA_VERSION:
            upgrades = [_UPGRADES[step] for step in range(version, _SCHEMA_VERSION) if version]
            script = " ".join(upgrades) or _SCHEMA + _RENDERS + _usage_script()
            self._connection.executescript(
                f"BEGIN; {script} PRAGMA user_version = {_SCHEMA_VERSION}; COMMIT;"
            )


def _locked(path: Path) -> FileLock:
    """Lock the directory; the operating system releases the lock when the process ends."""
    lock = FileLock(path)
    if not lock.acquire():
        raise LocalBackendError(
            f"Another local backend, perhaps that of a running batch, is using {path.parent}",
            remedy=Remedy(
                "connect to that one",
                "stop it",
                ("choose another directory with ", Option("state_dir")),
            ),
        )
    return lock
