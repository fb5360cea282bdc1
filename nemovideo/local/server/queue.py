"""The render queue: worker threads that take jobs from the store and make files."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from nemovideo.errors import LocalBackendError, NemoError, RenderCancelledError
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.store import Render, Store
from nemovideo.local.timeline import Timeline

_log = logging.getLogger("nemovideo.local")


class Rendered(Protocol):
    """What is read of a renderer's result."""

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
        """What the user should know of the file, in whole sentences."""
        ...


class Renderer(Protocol):
    """Makes a file from a timeline; `nemovideo.local.render.render`, with its engine bound."""

    def __call__(
        self,
        timeline: Timeline,
        media: Mapping[str, MediaItem],
        output: Path,
        *,
        format: str,  # noqa: A002 - the renderer's own keyword
        quality: str,
        on_progress: Callable[[float], None] | None,
        cancelled: Callable[[], bool] | None,
    ) -> Rendered:
        """Write the file; on_progress gets fractions of 1."""
        ...


class RenderQueue:
    """Runs renders in `workers` threads between start() and stop().

    A job that stop() interrupts stays in the store and is taken up by the next
    server on the same directory.
    """

    def __init__(self, store: Store, render: Renderer, *, workers: int = 1) -> None:
        self._store = store
        self._render = render
        self._wake = threading.Condition()
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._work, name=f"nemovideo-render-{n}", daemon=True)
            for n in range(workers)
        ]

    def start(self) -> None:
        """Start the workers; jobs that wait already are taken at once."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Interrupt what runs, and wait for the workers to end."""
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def notify(self) -> None:
        """Tell the workers that there is a new job."""
        with self._wake:
            self._wake.notify()

    def path(self, render: Render) -> Path:
        """Return where the job's file is, or will be."""
        return self._store.folder("renders") / render.file_name

    def _work(self) -> None:
        while True:
            with self._wake:
                if self._stopping:
                    return
                job = self._store.renders.take()
                if job is None:
                    self._wake.wait()
                    continue
            self._run(job)

    def _run(self, job: Render) -> None:
        renders = self._store.renders
        output = self.path(job)
        percent = 0

        def note(fraction: float) -> None:
            nonlocal percent
            if (now := min(99, int(fraction * 100))) > percent:
                percent = now
                renders.set_progress(job.render_id, now)

        def cancelled() -> bool:
            return self._stopping or renders.status(job.render_id) == "cancelled"

        try:
            media = {f.item.id: f.item for f in self._store.projects.files(job.session_id)}
            result = self._render(
                Timeline.from_draft(job.draft),
                media,
                output,
                format=job.format,
                quality=job.quality,
                on_progress=note,
                cancelled=cancelled,
            )
            renders.complete(
                job.render_id,
                duration_ms=result.duration_ms,
                size_bytes=result.size_bytes,
                warnings=result.warnings,
            )
        except RenderCancelledError:
            output.unlink(missing_ok=True)
            renders.put_back(job.render_id)  # unless it is the user who cancelled it
        except (NemoError, ValueError) as error:
            output.unlink(missing_ok=True)
            renders.fail(job.render_id, _reason(error))
        except Exception as error:  # noqa: BLE001 - a worker outlives any failure of a job
            _log.exception("the local renderer failed")
            output.unlink(missing_ok=True)
            renders.fail(job.render_id, f"{type(error).__name__}: {error}")


def _reason(error: NemoError | ValueError) -> str:
    """Return why a render failed; a remedy only where it is for this machine, not for the draft."""
    if isinstance(error, NemoError) and not isinstance(error, LocalBackendError):
        return error.message
    return str(error)
