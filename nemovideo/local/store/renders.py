"""Render jobs: queue, progress and results."""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
from collections.abc import Callable, Sequence
from typing import Any

import attrs

from nemovideo._support.json_text import read_json
from nemovideo.local.store.database import Database
from nemovideo.local.store.text import json_text

MAX_ATTEMPTS = 3
_CRASHED = (
    f"The local backend crashed {MAX_ATTEMPTS} times during this render, so it is not retried. "
    "One of its files may be damaged in a way that crashes the decoder."
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
    def file_name(self) -> str:
        """The name of the result in the folder of renders."""
        return file_name(self.file_token, self.format)


_COLUMNS = ", ".join(field.name for field in attrs.fields(Render))
_SELECT = f"SELECT {_COLUMNS} FROM renders"  # noqa: S608 - field names
_NEXT_PENDING = f"""{_SELECT} WHERE position = (
    SELECT min(position) FROM renders AS next WHERE status = 'pending' AND (:limit IS NULL
    OR :limit > (SELECT count(*) FROM renders AS other
        WHERE other.user_id = next.user_id AND other.status = 'processing')))"""  # noqa: S608 - field names


def file_name(file_token: str, format_: str) -> str:
    """Return the name of a job's result; the format must have been validated."""
    return f"{file_token}.{format_}"


class RenderExistsError(Exception):
    """The user has already used the render id."""


class Renders:
    """The queue and the history of render jobs.

    A job belongs to its user, who has chosen its id; another user may choose the same one.

    The request of a job, with a draft of up to 5 MB, is discarded when the job ends: SQLite would
    read it for every query of the columns after it.

    Progress is in memory only, and so are results that a full disk prevented from being saved,
    until `save_results` succeeds; if the process ends before that, the next one repeats the job.
    """

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._progress: dict[str, int] = {}
        self._unsaved: dict[str, Render] = {}

    def add(
        self,
        render_id: str,
        *,
        session_id: str,
        user_id: str,
        request: bytes,
        format_: str,
        quality: str,
        error: str | None = None,
    ) -> Render:
        """Queue a job; `request` is JSON with its "draft". With `error`, it has already failed.

        Raises:
            RenderExistsError: The user has already used the id.
        """
        added = Render(
            render_id=render_id,
            session_id=session_id,
            user_id=user_id,
            format=format_,
            quality=quality,
            status="pending" if error is None else "failed",
            progress=0,
            file_token=secrets.token_urlsafe(18),
            created_at=self._clock(),
            completed_at=None if error is None else self._clock(),
            error=error,
        )
        try:
            self._database.write(
                "INSERT INTO renders (render_id, session_id, user_id, request, format, quality,"
                " status, file_token, created_at, completed_at, error) VALUES (:render_id,"
                " :session_id, :user_id, :request, :format, :quality, :status, :file_token,"
                " :created_at, :completed_at, :error)",
                {**attrs.asdict(added), "request": b"" if error else request},
            )
        except sqlite3.IntegrityError as error:
            raise RenderExistsError from error
        return added

    def find(self, user_id: str, render_id: str) -> Render | None:
        """Return a job of the user, or None."""
        return self._find_one("user_id = ? AND render_id = ?", user_id, render_id)

    def status(self, job: Render) -> str:
        """Return the current status of a job; cheap enough for polling."""
        (status,) = self._database.row(
            "SELECT status FROM renders WHERE file_token = ?", (job.file_token,)
        )
        return str(status)

    def draft(self, job: Render) -> dict[str, object]:
        """Return the draft of an unfinished job.

        Raises:
            ValueError: The job has ended, for example because its user canceled it.
        """
        (request,) = self._database.row(
            "SELECT request FROM renders WHERE file_token = ?", (job.file_token,)
        )
        # Unlike `json.loads`, this parser lets other threads run.
        value: Any = read_json(request)
        draft: dict[str, object] = value["draft"]
        return draft

    def by_file(self, file_token: str) -> Render | None:
        """Return the completed job of a link, or None."""
        found = self._find_one("file_token = ?", file_token)
        return found if found is not None and found.status == "completed" else None

    def of_session(self, session_id: str, *, latest: int) -> list[Render]:
        """Return the session's latest jobs, oldest first."""
        rows = self._database.rows(
            f"{_SELECT} WHERE session_id = ? ORDER BY position DESC LIMIT ?", (session_id, latest)
        )
        return [self._read(row) for row in reversed(rows)]

    def unfinished(self, user_id: str) -> int:
        """Return the number of the user's pending and running jobs."""
        (count,) = self._database.row(
            "SELECT count(*) FROM renders"
            " WHERE user_id = ? AND status IN ('pending', 'processing')",
            (user_id,),
        )
        return int(count)

    def take(self, max_per_user: int | None = None) -> Render | None:
        """Mark the oldest pending job as processing and return it, or None if there is none.

        Jobs of a user with `max_per_user` running jobs are skipped.
        """
        with self._database.transaction():
            row = self._database.row(_NEXT_PENDING, {"limit": max_per_user})
            if row is None:
                return None
            self._database.write(
                "UPDATE renders SET status = 'processing', attempts = attempts + 1"
                " WHERE file_token = ?",
                (row["file_token"],),
            )
        return attrs.evolve(_render(row), status="processing")

    def set_progress(self, job: Render, progress: int) -> None:
        """Set the progress of a running job, in percent."""
        with self._lock:
            self._progress[job.file_token] = progress

    def clear_progress(self, job: Render) -> None:
        """Discard the progress of a job that is no longer running."""
        with self._lock:
            self._progress.pop(job.file_token, None)

    def complete(
        self, job: Render, *, duration_ms: int, size_bytes: int, warnings: Sequence[str] = ()
    ) -> None:
        """Complete a running job, unless it has been canceled."""
        self._finish(
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
        """Fail a running job, unless it has been canceled."""
        self._finish(attrs.evolve(job, status="failed", error=error, completed_at=self._clock()))

    def cancel(self, job: Render) -> None:
        """Cancel an unfinished job."""
        self._database.write(
            "UPDATE renders SET status = 'cancelled', request = '', completed_at = ?"
            " WHERE file_token = ? AND status IN ('pending', 'processing')",
            (self._clock(), job.file_token),
        )

    def requeue(self, job: Render) -> None:
        """Return an interrupted job to the queue, without counting the attempt."""
        self._database.write(
            "UPDATE renders SET status = 'pending', progress = 0, attempts = attempts - 1"
            " WHERE file_token = ? AND status = 'processing'",
            (job.file_token,),
        )

    def save_results(self) -> bool:
        """Save the results that are only in memory; return whether all are saved."""
        with self._lock:
            for job in list(self._unsaved.values()):
                try:
                    self._save_result(job)
                except sqlite3.OperationalError:
                    return False
                del self._unsaved[job.file_token]
        return True

    def _finish(self, job: Render) -> None:
        with self._lock:
            self._unsaved[job.file_token] = job
        self.save_results()

    def _save_result(self, job: Render) -> None:
        self._database.write(
            "UPDATE renders SET status = :status, request = '', progress = :progress,"
            " error = :error, duration_ms = :duration_ms, size_bytes = :size_bytes,"
            " warnings = :warnings, completed_at = :completed_at"
            " WHERE file_token = :file_token AND status = 'processing'",
            {**attrs.asdict(job), "warnings": json_text(job.warnings)},
        )

    def requeue_unfinished(self) -> None:
        """Return the jobs of a crashed server to the queue; fail those without attempts left."""
        with self._database.transaction():
            self._database.write(
                "UPDATE renders SET status = 'failed', request = '', error = ?, completed_at = ?"
                " WHERE status = 'processing' AND attempts >= ?",
                (_CRASHED, self._clock(), MAX_ATTEMPTS),
            )
            self._database.write(
                "UPDATE renders SET status = 'pending', progress = 0 WHERE status = 'processing'"
            )

    def _find_one(self, where: str, *values: str) -> Render | None:
        row = self._database.row(f"{_SELECT} WHERE {where}", values)
        return None if row is None else self._read(row)

    def _read(self, row: sqlite3.Row) -> Render:
        """Return the job of a row, with the progress or the unsaved result in memory."""
        render = _render(row)
        if render.status != "processing":
            return render
        with self._lock:
            unsaved = self._unsaved.get(render.file_token)
            progress = self._progress.get(render.file_token, 0)
        return unsaved or attrs.evolve(render, progress=progress)


def _render(row: sqlite3.Row) -> Render:
    values = dict(row)
    values["warnings"] = tuple(json.loads(values["warnings"]))
    return Render(**values)
