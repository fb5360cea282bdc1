"""Render jobs: what was asked for, and how far it is."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Callable, Sequence

import attrs

from nemovideo.local.store.database import Database

FINISHED = ("completed", "failed", "cancelled")
MOST_ATTEMPTS = 3
_GIVEN_UP = (
    "The local backend ended each time it worked on this render, so it is not tried again. "
    "One of its files may be damaged in a way that ends the decoder."
)


@attrs.frozen
class Render:
    """A render job. `progress` is 0..100; times are in epoch seconds."""

    render_id: str
    session_id: str
    user_id: str
    draft: dict[str, object] = attrs.field(repr=False)
    format: str
    quality: str
    status: str
    progress: int
    file_token: str = attrs.field(repr=False)
    created_at: float
    completed_at: float | None = None
    duration_ms: int | None = None
    size_bytes: int | None = None
    error: str | None = None
    warnings: tuple[str, ...] = ()

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in FINISHED

    @property
    def file_name(self) -> str:
        """The name of its file; nothing in it comes from outside but the checked format."""
        return f"{self.file_token}.{self.format}"


class RenderExistsError(Exception):
    """The render id was used before."""


class Renders:
    """The queue and the history of renders."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def add(
        self,
        render_id: str,
        *,
        session_id: str,
        user_id: str,
        draft: dict[str, object],
        format_: str,
        quality: str,
    ) -> Render:
        """Queue a job.

        Raises:
            RenderExistsError: The id is taken.
        """
        with self._database.transaction() as connection:
            try:
                connection.execute(
                    "INSERT INTO renders (render_id, session_id, user_id, draft, format, quality,"
                    " status, file_token, created_at) VALUES (?, ?, ?, ?, ?, ?, 'pending', ?, ?)",
                    (
                        render_id,
                        session_id,
                        user_id,
                        json.dumps(draft, ensure_ascii=False),
                        format_,
                        quality,
                        secrets.token_urlsafe(18),
                        self._clock(),
                    ),
                )
            except sqlite3.IntegrityError as error:
                raise RenderExistsError from error
            row = connection.execute(
                "SELECT * FROM renders WHERE render_id = ?", (render_id,)
            ).fetchone()
        return _render(row)

    def find(self, render_id: str) -> Render | None:
        """Return the job, or None."""
        return self._one("SELECT * FROM renders WHERE render_id = ?", render_id)

    def status(self, render_id: str) -> str:
        """Return the status alone, as often as one likes."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT status FROM renders WHERE render_id = ?", (render_id,)
            ).fetchone()
        return str(row["status"])

    def by_file(self, file_token: str) -> Render | None:
        """Return the completed job behind a link, or None."""
        return self._one(
            "SELECT * FROM renders WHERE status = 'completed' AND file_token = ?", file_token
        )

    def of_session(self, session_id: str) -> list[Render]:
        """Return the session's jobs, oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT * FROM renders WHERE session_id = ? ORDER BY position", (session_id,)
            ).fetchall()
        return [_render(row) for row in rows]

    def take(self) -> Render | None:
        """Mark the oldest pending job as processing and return it, or None if there is none."""
        with self._database.transaction() as connection:
            row = connection.execute(
                "SELECT * FROM renders WHERE status = 'pending' ORDER BY position LIMIT 1"
            ).fetchone()
            if row is None:
                return None
            connection.execute(
                "UPDATE renders SET status = 'processing', attempts = attempts + 1"
                " WHERE position = ?",
                (row["position"],),
            )
        return attrs.evolve(_render(row), status="processing")

    def set_progress(self, render_id: str, progress: int) -> None:
        """Note how far a job is, in percent."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE renders SET progress = ? WHERE render_id = ? AND status = 'processing'",
                (progress, render_id),
            )

    def complete(
        self, render_id: str, *, duration_ms: int, size_bytes: int, warnings: Sequence[str] = ()
    ) -> None:
        """End a job well; one that was cancelled meanwhile stays cancelled."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE renders SET status = 'completed', progress = 100, duration_ms = ?,"
                " size_bytes = ?, completed_at = ?, warnings = ?"
                " WHERE render_id = ? AND status = 'processing'",
                (
                    duration_ms,
                    size_bytes,
                    self._clock(),
                    json.dumps([*warnings], ensure_ascii=False),
                    render_id,
                ),
            )

    def fail(self, render_id: str, error: str) -> None:
        """End a job with an error; one that was cancelled meanwhile stays cancelled."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE renders SET status = 'failed', error = ?, completed_at = ?"
                " WHERE render_id = ? AND status = 'processing'",
                (error, self._clock(), render_id),
            )

    def cancel(self, render_id: str) -> None:
        """End a job that has not finished."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE renders SET status = 'cancelled', completed_at = ?"
                " WHERE render_id = ? AND status IN ('pending', 'processing')",
                (self._clock(), render_id),
            )

    def put_back(self, render_id: str) -> None:
        """Return a job to the queue that was interrupted on purpose: it was no attempt."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE renders SET status = 'pending', progress = 0, attempts = attempts - 1"
                " WHERE render_id = ? AND status = 'processing'",
                (render_id,),
            )

    def requeue_unfinished(self) -> None:
        """Put jobs back into the queue during which their server died; fail those that it kills."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE renders SET status = 'failed', error = ?, completed_at = ?"
                " WHERE status = 'processing' AND attempts >= ?",
                (_GIVEN_UP, self._clock(), MOST_ATTEMPTS),
            )
            connection.execute(
                "UPDATE renders SET status = 'pending', progress = 0 WHERE status = 'processing'"
            )

    def _one(self, query: str, value: str) -> Render | None:
        with self._database.reading() as connection:
            row = connection.execute(query, (value,)).fetchone()
        return None if row is None else _render(row)


def _render(row: sqlite3.Row) -> Render:
    values = dict(row)
    del values["position"], values["attempts"]
    values["draft"] = json.loads(values["draft"])
    values["warnings"] = tuple(json.loads(values["warnings"]))
    return Render(**values)
