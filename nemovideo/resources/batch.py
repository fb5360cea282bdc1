"""`client.batch`: many files in one call, with threads, tasks, or an executor of the user's."""

from __future__ import annotations

import os
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import TYPE_CHECKING

import attrs

from nemovideo._batch.coordinator import Coordinator
from nemovideo._batch.pace import Pace, PacedRetry
from nemovideo._batch.plan import Plan
from nemovideo._batch.running import run
from nemovideo._batch.sources import Sources
from nemovideo._drivers.resource import AsyncResource, Resource
from nemovideo._jobs.places import Place
from nemovideo._jobs.plan import Background, plan
from nemovideo._jobs.progress_bar import OnProgress, reporting
from nemovideo._jobs.runs import service_of
from nemovideo._uploads.trust import check_sources
from nemovideo.batch import BatchReport
from nemovideo.errors import InvalidRequestError

if TYPE_CHECKING:
    from nemovideo._flows.context import Context

_AT_A_TIME = 2
_ELSEWHERE = 8


class Batch(Resource):
    """Batches of the sync client."""

    def remove_backgrounds(
        self,
        sources: Sources,
        out_dir: str | os.PathLike[str],
        *,
        background: Background = None,
        format: str | None = None,  # noqa: A002 - the protocol's word
        recursive: bool = False,
        concurrency: int | None = None,
        executor: Executor | None = None,
        max_credits: float | None = None,
        manifest: str | os.PathLike[str] | None = None,
        progress: bool | OnProgress | None = None,
        overwrite: bool = False,
        deadline: float | None = None,
    ) -> BatchReport:
        """Remove the background of many videos; a second run does only what is missing.

        One file's failure does not stop the others: look at the report. What a run has
        done is noted in `out_dir`, by content, so it may be interrupted at any time and
        started again.

        Args:
            sources: A folder (its videos are taken), a file, a pattern ("clips/**/*.mov"), or
                paths.
            out_dir: Where the results go, named like their sources; it is made if need be.
            background: See `Client.remove_background`.
            format: "mp4", "webm" or "mov"; None is "webm" for "transparent", else "mp4".
            recursive: Take the folders below as well; the results get the same folders.
            concurrency: How many files at a time; None is 2, or what the executor has room
                for if it says so, else 8. Answers 429 lower it for a while.
            executor: Does the work elsewhere: any `concurrent.futures.Executor`.
            max_credits: Begin no file by which the batch is likely to use more than this.
            manifest: The file to note in what was done; None for one in `out_dir`.
            progress: True draws a bar; a callback gets `Progress` values of the whole batch.
            overwrite: Replace files that are in the way.
            deadline: Seconds for the whole batch; None for the client's own deadline.

        Raises:
            SourceNotFoundError: There is no such folder, or no video in it.
            UnsupportedFileError: The background is a file that is not taken.
            InvalidRequestError: The arguments do not go together, or another batch is at work
                on `out_dir`.
            OutputError: `out_dir` cannot be made, or the manifest cannot be written.
        """
        setup = _Setup(self._context, executor, concurrency)
        plan = setup.plan(
            sources,
            out_dir,
            background=background,
            format=format,
            recursive=recursive,
            max_credits=max_credits,
            manifest=manifest,
            overwrite=overwrite,
            deadline_s=deadline,
        )
        with reporting(progress) as on_progress:
            coordinator = Coordinator(setup.context, plan, setup.pace, on_progress)
            driver = self._driver.variant(setup.context.settings)
            return run(driver, coordinator, executor, setup.place)


class AsyncBatch(AsyncResource):
    """Batches of the async client."""

    async def remove_backgrounds(
        self,
        sources: Sources,
        out_dir: str | os.PathLike[str],
        *,
        background: Background = None,
        format: str | None = None,  # noqa: A002 - the protocol's word
        recursive: bool = False,
        concurrency: int | None = None,
        executor: Executor | None = None,
        max_credits: float | None = None,
        manifest: str | os.PathLike[str] | None = None,
        progress: bool | OnProgress | None = None,
        overwrite: bool = False,
        deadline: float | None = None,
    ) -> BatchReport:
        """Remove the background of many videos; see `Batch.remove_backgrounds`."""
        from nemovideo._batch.running_async import run

        setup = _Setup(self._context, executor, concurrency)
        plan = setup.plan(
            sources,
            out_dir,
            background=background,
            format=format,
            recursive=recursive,
            max_credits=max_credits,
            manifest=manifest,
            overwrite=overwrite,
            deadline_s=deadline,
        )
        with reporting(progress) as on_progress:
            coordinator = Coordinator(setup.context, plan, setup.pace, on_progress)
            driver = self._driver.variant(setup.context.settings)
            return await run(driver, coordinator, executor, setup.place)


class _Setup:
    """What a batch takes from its client, and from the executor."""

    def __init__(
        self, context: Context, executor: Executor | None, concurrency: int | None
    ) -> None:
        room = getattr(executor, "_max_workers", _ELSEWHERE)
        usual = _AT_A_TIME if executor is None else room
        ceiling = usual if concurrency is None else concurrency
        if ceiling < 1:
            raise InvalidRequestError(f"concurrency={ceiling} is not a number of files")
        settings = context.settings
        self._retry = PacedRetry.of(settings.retry)
        self.context = context.variant(attrs.evolve(settings, retry=self._retry))
        self.pace = Pace(settings.clock, ceiling, settings.retry)
        shared = executor is None or isinstance(executor, ThreadPoolExecutor)
        self._own_backends = context.backend is not None and not shared

    def plan(
        self,
        sources: Sources,
        out_dir: str | os.PathLike[str],
        *,
        background: Background,
        format: str | None,  # noqa: A002 - the protocol's word
        recursive: bool,
        max_credits: float | None,
        manifest: str | os.PathLike[str] | None,
        overwrite: bool,
        deadline_s: float | None,
    ) -> Plan:
        """Return the plan; see `Batch.remove_backgrounds`."""
        local_files = self.context.settings.local_files
        named = [sources] if isinstance(sources, (str, os.PathLike)) else [*sources]
        check_sources(named, local_files=local_files)
        return Plan(
            sources if isinstance(sources, (str, os.PathLike)) else named,
            out_dir,
            background=background,
            format=plan(background, None, format, local_files=local_files)[2],
            recursive=recursive,
            max_credits=max_credits,
            manifest=manifest,
            overwrite=overwrite,
            deadline_s=self.context.settings.deadline_s if deadline_s is None else deadline_s,
            service=service_of(self.context),
            own_backends=self._own_backends,
        )

    @property
    def place(self) -> Place:
        """Where other processes do the work; hooks and clock stay behind.

        A local backend listens on its own machine only, and rendering is what is to be spread, so
        each worker brings its own.
        """
        settings = self.context.settings
        policy = attrs.evolve(self._retry, on_retry=None)
        backend = self.context.backend
        if self._own_backends and backend is not None:
            limits = {
                "timeout_s": settings.timeout_s,
                "polling": settings.polling,
                "stream": settings.stream,
                "local_files": settings.local_files,
                "private_urls": settings.private_urls,
            }
            return Place(True, {**backend.options, **limits, "retry": policy})
        alone = attrs.evolve(settings, retry=policy, on_request=None, on_response=None)
        return Place(False, {}, settings=alone)
