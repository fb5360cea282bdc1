"""Disk usage by user, and the removal of unused sessions and old results."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from nemovideo.local.store.database import Database
from nemovideo.local.store.renders import file_name

_IS_OLD = """
used_at < ? AND NOT EXISTS (
    SELECT 1 FROM renders WHERE renders.session_id = sessions.session_id
    AND status IN ('pending', 'processing'))
"""
_NEXT_OLD_SESSIONS = f"""
SELECT session_id, used_at, rowid AS number FROM sessions
WHERE (used_at, rowid) > (?, ?) AND {_IS_OLD} ORDER BY used_at, rowid LIMIT ?
"""  # noqa: S608 - constants
_OLDER_DRAFTS = f"""
session_id = ? AND version < (SELECT max(version) FROM drafts AS last
    WHERE last.session_id = drafts.session_id)
AND EXISTS (SELECT 1 FROM sessions WHERE sessions.session_id = drafts.session_id AND {_IS_OLD})
ORDER BY version
"""  # noqa: S608 - constants
_RENDERS_OF = "SELECT file_token, format FROM renders WHERE session_id = ?"
_BATCH = 100
_DRAFTS_BATCH = 2
"""Few at a time, since SQLite reads drafts to delete them."""
_PAUSE_S = 0.001
"""Without a pause, this thread would take the database's lock again before waiting threads do."""


class Space:
    """Disk usage of the state directory."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def used_bytes(self, user_id: str) -> int:
        """Return the size of a user's sessions, uploads, drafts and results.

        The database keeps the sum up to date, so this takes constant time.
        """
        row = self._database.row("SELECT bytes FROM usage WHERE user_id = ?", (user_id,))
        return 0 if row is None else int(row["bytes"])

    def remove_older(self, keep_s: float) -> int:
        """Remove results older than `keep_s` and sessions unused for as long; return the number.

        Sessions with an unfinished render are kept. There can be millions of rows, so they are
        removed in short transactions, between which requests are answered.
        """
        before = self._clock() - keep_s
        count = 0
        for renders in self._batches("renders", "completed_at < ?", before):
            self._unlink(renders)
            count += len(renders)
        for _ in self._batches("claims", "expires_at < ?", self._clock()):
            pass
        last = (0.0, 0)
        while rows := self._database.rows(_NEXT_OLD_SESSIONS, (*last, before, _BATCH)):
            for row in rows:
                session_id = row["session_id"]
                for _ in self._batches("claims", "session_id = ?", session_id):
                    pass
                for _ in self._batches("drafts", _OLDER_DRAFTS, session_id, before):
                    pass  # if the session was used again, it keeps its current draft
                count += self._remove_session(session_id, before)
            last = (rows[-1]["used_at"], rows[-1]["number"])
            time.sleep(_PAUSE_S)
        return count

    def _batches(self, table: str, where: str, *values: object) -> Iterator[list[sqlite3.Row]]:
        """Delete the rows of a table in short transactions, and yield those of each."""
        columns = ", file_token, format" if table == "renders" else ""
        limit = _DRAFTS_BATCH if table == "drafts" else _BATCH
        while True:
            with self._database.transaction() as connection:
                rows = connection.execute(
                    f"SELECT rowid AS number{columns} FROM {table} WHERE {where} LIMIT {limit}",  # noqa: S608 - constants
                    values,
                ).fetchall()
                connection.executemany(
                    f"DELETE FROM {table} WHERE rowid = ?",  # noqa: S608 - constants
                    [(row["number"],) for row in rows],
                )
            if not rows:
                return
            yield rows
            time.sleep(_PAUSE_S)

    def _remove_session(self, session_id: str, before: float) -> int:
        """Remove a session unless it has been used again; return the number of removals."""
        with self._database.transaction() as connection:
            found = connection.execute(
                f"SELECT 1 FROM sessions WHERE {_IS_OLD} AND session_id = ?",  # noqa: S608 - constants
                (before, session_id),
            )
            if found.fetchone() is None:
                return 0
            renders = connection.execute(_RENDERS_OF, (session_id,)).fetchall()
            for table in ("renders", "media", "drafts", "claims", "sessions"):
                connection.execute(
                    f"DELETE FROM {table} WHERE session_id = ?",  # noqa: S608 - constants
                    (session_id,),
                )
        shutil.rmtree(self._database.state_dir / "media" / session_id, ignore_errors=True)
        self._unlink(renders)
        return 1 + len(renders)

    def _unlink(self, renders: Iterable[sqlite3.Row]) -> None:
        for render in renders:
            name = file_name(render["file_token"], render["format"])
            with suppress(OSError):
                (self._database.state_dir / "renders" / name).unlink(missing_ok=True)
