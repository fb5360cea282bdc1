"""Render jobs: what was asked for, and how far it is."""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
from collections.abc import Callable, Sequence

import attrs

from nemovideo.local.store.database import Database
from nemovideo.local.store.text import json_text

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
        """The name of its file."""
        return file_name(self.file_token, self.format)


_COLUMNS = ", ".join(field.name for field in attrs.fields(Render))
_SELECT = f"SELECT {_COLUMNS} FROM renders"  # noqa: S608 - the names of our own fields


_NEXT = f"""{_SELECT} WHERE status = 'pending' AND (:most IS NULL OR :most > (
    SELECT count(*) FROM renders AS other
    WHERE other.user_id = renders.user_id AND other.status = 'processing'))
ORDER BY position LIMIT 1"""  # noqa: S608 - the names of our own fields


def file_name(file_token: str, format_: str) -> str:
    """Return the name of a job's file; only the checked format in it comes from outside."""
    return f"{file_token}.{format_}"


class RenderExistsError(Exception):
    """The render id was used before."""


class Renders:
    """The queue and the history of renders."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock
        self._guard = threading.Lock()
        self._progress: dict[str, int] = {}
        self._unsaved: dict[str, Render] = {}

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
                        json_text(draft),
                        format_,
                        quality,
                        secrets.token_urlsafe(18),
                        self._clock(),
                    ),
                )
            except sqlite3.IntegrityError as error:
                raise RenderExistsError from error
            row = connection.execute(f"{_SELECT} WHERE render_id = ?", (render_id,)).fetchone()
        return self._read(row)

    def find(self, render_id: str) -> Render | None:
        """Return the job, or None."""
        return self._one("render_id", render_id)

    def status(self, render_id: str) -> str:
        """Return the status alone, as often as one likes."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT status FROM renders WHERE render_id = ?", (render_id,)
            ).fetchone()
        return str(row["status"])

    def draft(self, render_id: str) -> dict[str, object]:
        """Return the draft that the job is to render."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT draft FROM renders WHERE render_id = ?", (render_id,)
            ).fetchone()
        draft: dict[str, object] = json.loads(row["draft"])
        return draft

    def by_file(self, file_token: str) -> Render | None:
        """Return the completed job behind a link, or None."""
        found = self._one("file_token", file_token)
        return found if found is not None and found.status == "completed" else None

    def of_session(self, session_id: str) -> list[Render]:
        """Return the session's jobs, oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(
                f"{_SELECT} WHERE session_id = ? ORDER BY position", (session_id,)
            ).fetchall()
        return [self._read(row) for row in rows]

    def unfinished(self, user_id: str) -> int:
        """Return how many of the user's jobs wait or run."""
        with self._database.reading() as connection:
            (count,) = connection.execute(
                "SELECT count(*) FROM renders"
                " WHERE user_id = ? AND status IN ('pending', 'processing')",
                (user_id,),
            ).fetchone()
        return int(count)

    def take(self, most_of_a_user: int | None = None) -> Render | None:
        """Mark the oldest pending job as processing and return it, or None if there is none.

        With `most_of_a_user` the jobs of a user who has as many under way wait.
        """
        with self._database.transaction() as connection:
            row = connection.execute(_NEXT, {"most": most_of_a_user}).fetchone()
            if row is None:
                return None
            connection.execute(
                "UPDATE renders SET status = 'processing', attempts = attempts + 1"
                " WHERE render_id = ?",
                (row["render_id"],),
            )
        return attrs.evolve(_render(row), status="processing")

    def set_progress(self, render_id: str, progress: int) -> None:
        """Note how far a running job is, in percent; kept in memory only."""
        with self._guard:
            self._progress[render_id] = progress

    def forget_progress(self, render_id: str) -> None:
        """Drop the progress of a job that no longer runs."""
        with self._guard:
            self._progress.pop(render_id, None)

    def complete(
        self, job: Render, *, duration_ms: int, size_bytes: int, warnings: Sequence[str] = ()
    ) -> None:
        """End a running job well; one that was cancelled meanwhile stays cancelled."""
        self._end(
            attrs.evolve(
                job,
                status="completed",
                progress=100,
                duration_ms=duration_ms,
                size_bytes=size_bytes,
                warnings=tuple(warnings),
                completed_at=self._clock(),
            )
        )

    def fail(self, job: Render, error: str) -> None:
        """End a running job with an error; one that was cancelled meanwhile stays cancelled."""
        self._end(attrs.evolve(job, status="failed", error=error, completed_at=self._clock()))

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

    def save_unsaved(self) -> bool:
        """Write the ends of jobs that a full disk kept from it; return whether none is left."""
        with self._guard:
            for job in list(self._unsaved.values()):
                try:
                    self._write_end(job)
                except sqlite3.OperationalError:
                    return False
                del self._unsaved[job.render_id]
        return True

    def _end(self, job: Render) -> None:
        """Write how a job ended; where the disk is full, now in memory and later on disk.

        Should the process end before that, the next one does the job again.
        """
        with self._guard:
            self._unsaved[job.render_id] = job
        self.save_unsaved()

    def _write_end(self, job: Render) -> None:
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE renders SET status = ?, progress = ?, duration_ms = ?, size_bytes = ?,"
                " error = ?, warnings = ?, completed_at = ?"
                " WHERE render_id = ? AND status = 'processing'",
                (
                    job.status,
                    job.progress,
                    job.duration_ms,
                    job.size_bytes,
                    job.error,
                    json_text(job.warnings),
                    job.completed_at,
                    job.render_id,
                ),
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

    def _one(self, column: str, value: str) -> Render | None:
        with self._database.reading() as connection:
            row = connection.execute(f"{_SELECT} WHERE {column} = ?", (value,)).fetchone()
        return None if row is None else self._read(row)

    def _read(self, row: sqlite3.Row) -> Render:
        """Return the job as it is now: what runs, and what could not be written, is in memory."""
        render = _render(row)
        if render.status != "processing":
            return render
        with self._guard:
            unsaved = self._unsaved.get(render.render_id)
            progress = self._progress.get(render.render_id, 0)
        return unsaved or attrs.evolve(render, progress=progress)


def _render(row: sqlite3.Row) -> Render:
    values = dict(row)
    values["warnings"] = tuple(json.loads(values["warnings"]))
    return Render(**values)
