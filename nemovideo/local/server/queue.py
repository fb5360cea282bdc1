"""The render queue: worker threads that run the jobs of the store."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from nemovideo._values.lines import size_text
from nemovideo.errors import NemoError, RenderCancelledError, RenderFailedError
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.server.limits import OVER_QUOTA
from nemovideo.local.server.messages import failure_text, without_paths
from nemovideo.local.store import Render, Store
from nemovideo.local.timeline import Timeline

_log = logging.getLogger("nemovideo.local")
_SIZE_CHECK_INTERVAL_S = 0.5


class Rendered(Protocol):
    """The result of a renderer."""

    @property
    def duration_ms(self) -> int:
        """The file's duration."""
        ...

    @property
    def size_bytes(self) -> int:
        """The file's size."""
        ...

    @property
    def warnings(self) -> Sequence[str]:
        """Warnings about the file, in full sentences."""
        ...


class Renderer(Protocol):
    """Renders a timeline to a file; `nemovideo.local.work.Work.render`."""

    def __call__(
        self,
        timeline: Timeline,
        media: Mapping[str, MediaItem],
        output: Path,
        *,
        format: str,  # noqa: A002 - the renderer's own keyword
        quality: str,
        on_progress: Callable[[float], None],
        cancelled: Callable[[], bool],
    ) -> Rendered:
        """Write the file; `on_progress` gets fractions (0..1).

        Once `cancelled` returns true, stop with any exception, or return.
        """
        ...


class RenderQueue:
    """Runs renders in `workers` threads between start() and stop().

    With `shared`, no user can occupy all workers if there are several. A failure affects only its
    own job. A job fails if its user exceeds the quota of `disk_bytes`. A job that stop() interrupts
    is repeated by the next server on the same directory.
    """

    def __init__(
        self,
        store: Store,
        render: Renderer,
        *,
        workers: int = 1,
        shared: bool = False,
        disk_bytes: int | None = None,
        retry_s: float = 2.0,
    ) -> None:
        self._store = store
        self._render = render
        self._max_per_user = max(1, workers - 1) if shared else None
        self._disk_bytes = disk_bytes
        self._sizes: dict[str, tuple[str, int]] = {}
        self._retry_s = retry_s
        self._wake = threading.Condition()
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._work, name=f"nemovideo-render-{n}", daemon=True)
            for n in range(workers)
        ]

    def start(self) -> None:
        """Start the workers."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Interrupt running jobs, and wait for the workers."""
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def notify(self) -> None:
        """Wake a worker for a new job."""
        with self._wake:
            self._wake.notify()

    @property
    def alive(self) -> bool:
        """Whether all workers are running."""
        return all(thread.is_alive() for thread in self._threads)

    def path(self, render: Render) -> Path:
        """Return the path of the job's file, which may not exist yet."""
        return self._store.folder("renders") / render.file_name

    def _work(self) -> None:
        while (job := self._next()) is not None:
            self._run(job)

    def _next(self) -> Render | None:
        """Wait for a job and return it, or None after stop().

        While the store cannot be written to, retry every `retry_s` seconds.
        """
        with self._wake:
            while not self._stopping:
                try:
                    saved = self._store.renders.save_results()
                    if (job := self._store.renders.take(self._max_per_user)) is not None:
                        return job
                except sqlite3.Error as error:
                    _log.warning("the render queue cannot be written to: %s", error)
                    saved = False
                self._wake.wait(None if saved else self._retry_s)
        return None

    def _run(self, job: Render) -> None:
        try:
            self._render_job(job)
        except BaseException:  # noqa: BLE001 - the worker must survive
            _log.exception("the result of a render could not be saved")

    def _render_job(self, job: Render) -> None:
        renders = self._store.renders
        output = self.path(job)
        checked_s = 0.0
        asked_to_stop = False

        def set_progress(fraction: float) -> None:
            renders.set_progress(job, min(99, int(fraction * 100)))

        def cancelled() -> bool:
            nonlocal checked_s, asked_to_stop
            if time.monotonic() - checked_s >= _SIZE_CHECK_INTERVAL_S:
                self._check_size(job, output)
                checked_s = time.monotonic()
            asked_to_stop = self._stopping or renders.status(job) == "cancelled"
            return asked_to_stop

        try:
            media = {f.item.id: f.item for f in self._store.projects.files(job.session_id)}
            result = self._render(
                Timeline.from_draft(renders.draft(job)),
                media,
                output,
                format=job.format,
                quality=job.quality,
                on_progress=set_progress,
                cancelled=cancelled,
            )
            output.chmod(0o600)
            self._check_size(job, output)
            self._sizes.pop(job.file_token, None)  # the database counts it from now on
            renders.complete(
                job,
                duration_ms=result.duration_ms,
                size_bytes=result.size_bytes,
                warnings=[without_paths(sentence) for sentence in result.warnings],
            )
            if renders.status(job) == "cancelled":  # after its last frame
                _remove(output)
        except BaseException as error:  # noqa: BLE001 - the worker must survive
            _remove(output)
            interrupted = asked_to_stop or isinstance(error, RenderCancelledError)
            if interrupted or renders.status(job) == "cancelled":
                renders.requeue(job)  # no effect if the user canceled it
                return
            if not isinstance(error, (NemoError, ValueError)):
                _log.exception("the local renderer failed")
            renders.fail(job, failure_text(error))
        finally:
            renders.clear_progress(job)
            self._sizes.pop(job.file_token, None)

    def _check_size(self, job: Render, output: Path) -> None:
        """Check the user's disk usage, including the files that are being rendered.

        Raises:
            RenderFailedError: It exceeds the quota.
        """
        if (quota := self._disk_bytes) is None:
            return
        parts = (output, *output.parent.glob(f".{output.name}.*"))
        self._sizes[job.file_token] = job.user_id, sum(map(_size_bytes, parts))
        sizes = [size for user_id, size in list(self._sizes.values()) if user_id == job.user_id]
        if self._store.space.used_bytes(job.user_id) + sum(sizes) > quota:
            raise RenderFailedError(
                f"the file exceeds your disk quota on the server, {size_text(quota)}",
                remedy=OVER_QUOTA,
            )


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # it does not exist yet, or was renamed
        return 0


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)
