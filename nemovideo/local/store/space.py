"""Disk usage by user, and the removal of unused sessions and old results."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from nemovideo.local.store.database import Database
from nemovideo.local.store.renders import file_name

_OLD_SESSIONS = """
SELECT session_id FROM sessions WHERE used_at < ? AND NOT EXISTS (
    SELECT 1 FROM renders WHERE renders.session_id = sessions.session_id
    AND status IN ('pending', 'processing'))
"""
_OLD_RENDERS = "SELECT render_id, file_token, format FROM renders WHERE completed_at < ?"
_RENDERS_OF = """
SELECT render_id, file_token, format FROM renders WHERE session_id = ? AND completed_at >= ?
"""


class Space:
    """Disk usage of the state directory."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def used_bytes(self, user_id: str) -> int:
        """Return the size of a user's sessions, uploads, drafts and results.

        The database keeps the sum, so that this takes the same time for any number of them.
        """
        row = self._database.row("SELECT bytes FROM usage WHERE user_id = ?", (user_id,))
        return 0 if row is None else int(row["bytes"])

    def remove_older(self, keep_s: float) -> int:
        """Remove results older than `keep_s` and sessions unused for as long; return the number.

        Sessions with an unfinished render are kept.
        """
        before = self._clock() - keep_s
        root = self._database.state_dir
        removed: list[Path] = []
        with self._database.transaction() as connection:
            sessions = [row["session_id"] for row in connection.execute(_OLD_SESSIONS, (before,))]
            renders = connection.execute(_OLD_RENDERS, (before,)).fetchall()
            for session_id in sessions:
                removed.append(root / "media" / session_id)
                renders += connection.execute(_RENDERS_OF, (session_id, before)).fetchall()
            removed += [root / "renders" / file_name(r["file_token"], r["format"]) for r in renders]
            connection.executemany(
                "DELETE FROM renders WHERE render_id = ?", [(r["render_id"],) for r in renders]
            )
            for table in ("media", "drafts", "claims", "sessions"):
                connection.executemany(
                    f"DELETE FROM {table} WHERE session_id = ?",  # noqa: S608 - constants
                    [(session_id,) for session_id in sessions],
                )
            connection.execute("DELETE FROM claims WHERE expires_at < ?", (self._clock(),))
        for path in removed:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with suppress(OSError):
                    path.unlink(missing_ok=True)
        return len(sessions) + len(renders)
