"""`client.batch`: many files in one call, with threads, tasks, or your own executor."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from nemovideo._batch.coordinator import Coordinator
from nemovideo._batch.pace import Pace
from nemovideo._batch.plan import Plan
from nemovideo._batch.running import run
from nemovideo._batch.sources import Sources, listed
from nemovideo._drivers.resource import AsyncResource, Resource
from nemovideo._flows.render import check_quality
from nemovideo._jobs.contexts import ClientSpec
from nemovideo._jobs.job_spec import Background, Trim, is_transparent, spec_for
from nemovideo._progress.bar import OnProgress, reporting
from nemovideo._support.annotations import LazyModule
from nemovideo._support.numbers import check_number
from nemovideo._support.outputs import DEFAULT_QUALITY, default_format
from nemovideo._uploads.trust import check_sources
from nemovideo.batch import BatchReport, BatchRow

if TYPE_CHECKING:
    from nemovideo._flows import context as contexts
else:
    contexts = LazyModule("nemovideo._flows.context")

OnFile = Callable[[BatchRow], None]

_THREADS = 2
_EXECUTOR_WORKERS = 8


class Batch(Resource):
    """Batches of the sync client."""

    def remove_backgrounds(
        self,
        sources: Sources,
        out_dir: str | os.PathLike[str],
        *,
        background: Background = None,
        edit: str | None = None,
        trim: Trim | None = None,
        format: str | None = None,  # noqa: A002 - the protocol's name
        quality: str = DEFAULT_QUALITY,
        metadata: bool = True,
        name: str = "{stem}{suffix}",
        recursive: bool = False,
        concurrency: int | None = None,
        executor: Executor | None = None,
        max_credits: float | None = None,
        progress: bool | OnProgress | None = None,
        on_file: OnFile | None = None,
        overwrite: bool = False,
        deadline: float | None = None,
        file_deadline: float | None = None,
    ) -> BatchReport:
        """Remove the background from many videos; a second run does only what is missing.

        One file's failure does not stop the others: see the report. Checkpoints in `out_dir` record
        what is done, and recognize files by their content, so a batch can be interrupted at any
        time and run again.

        Args:
            sources: A folder (for its videos), a file, a pattern ("clips/**/*.mov"), or the paths
                of files or of folders.
            out_dir: The folder for the results; it is created if necessary.
            background: See `Client.remove_background`.
            edit: A description of more edits for every file.
            trim: The part of every file to keep, as (start, end) in seconds. If the end is past
                the end of a video, that video's end is used, with a note.
            format: "mp4", "webm" or "mov"; None means "webm" for "transparent", else "mp4".
            quality: "high", "medium" or "low".
            metadata: Whether the results keep the recording's date, location and title.
            name: The pattern of the results' names, such as "{stem}-clean{suffix}".
            recursive: Search subfolders too; the results get the same subfolders.
            concurrency: How many files at a time. None means 2; with an executor, its number of
                workers, or 8 if that is unknown. A 429 lowers it for a while.
            executor: What runs the work: any `concurrent.futures.Executor`.
            max_credits: Do not start a file that would probably take the batch over this.
            progress: True shows a bar; a callback receives `Progress` values of the whole batch.
            on_file: Called with each file's row as soon as its outcome is known.
            overwrite: Replace existing files.
            deadline: Seconds for the whole batch; None for the client's own deadline.
            file_deadline: Seconds for each file; one that takes longer fails, the others continue.

        Raises:
            SourceNotFoundError: There is no such folder, or no video in it.
            UnsupportedFileError: The background is a file of an unsupported type.
            InvalidRequestError: The arguments conflict.
            JobRunningError: Another batch uses `out_dir`.
            OutputError: `out_dir` cannot be created or written to.
            KeyboardInterrupt: After Ctrl-C, as `nemovideo.batch.BatchInterrupted`, which says how
                many files are done.
        """
        setup = _Setup(self._context, executor, concurrency)
        plan = setup.plan(
            sources,
            background,
            format,
            edit=edit,
            trim=trim,
            quality=quality,
            metadata=metadata,
            overwrite=overwrite,
            out_dir=out_dir,
            name=name,
            recursive=recursive,
            max_credits=max_credits,
            deadline_s=self._limit(deadline),
            file_deadline_s=file_deadline,
        )
        with reporting(progress) as on_progress:
            coordinator = Coordinator(setup.context, plan, setup.pace, on_progress, on_file)
            driver = self._driver.variant(setup.context.settings)
            return run(driver, coordinator, executor, setup.spec)


class AsyncBatch(AsyncResource):
    """Batches of the async client."""

    async def remove_backgrounds(
        self,
        sources: Sources,
        out_dir: str | os.PathLike[str],
        *,
        background: Background = None,
        edit: str | None = None,
        trim: Trim | None = None,
        format: str | None = None,  # noqa: A002 - the protocol's name
        quality: str = DEFAULT_QUALITY,
        metadata: bool = True,
        name: str = "{stem}{suffix}",
        recursive: bool = False,
        concurrency: int | None = None,
        executor: Executor | None = None,
        max_credits: float | None = None,
        progress: bool | OnProgress | None = None,
        on_file: OnFile | None = None,
        overwrite: bool = False,
        deadline: float | None = None,
        file_deadline: float | None = None,
    ) -> BatchReport:
        """Remove the background from many videos; see `Batch.remove_backgrounds`."""
        from nemovideo._batch.running_async import run

        setup = _Setup(self._context, executor, concurrency)
        plan = setup.plan(
            sources,
            background,
            format,
            edit=edit,
            trim=trim,
            quality=quality,
            metadata=metadata,
            overwrite=overwrite,
            out_dir=out_dir,
            name=name,
            recursive=recursive,
            max_credits=max_credits,
            deadline_s=self._limit(deadline),
            file_deadline_s=file_deadline,
        )
        with reporting(progress) as on_progress:
            coordinator = Coordinator(setup.context, plan, setup.pace, on_progress, on_file)
            driver = self._driver.variant(setup.context.settings)
            return await run(driver, coordinator, executor, setup.spec)


class _Setup:
    """The parts of a batch that depend on the client and the executor."""

    def __init__(
        self, context: contexts.Context, executor: Executor | None, concurrency: int | None
    ) -> None:
        if concurrency is None:
            workers = getattr(executor, "_max_workers", _EXECUTOR_WORKERS)
            concurrency = _THREADS if executor is None else workers
        check_number("concurrency", concurrency, at_least=1)
        settings = context.settings
        # The pace of the whole batch handles 429.
        self._retry = attrs.evolve(settings.retry, rate_limit_retries=0)
        self.context = context.variant(attrs.evolve(settings, retry=self._retry))
        self.pace = Pace(settings.clock, concurrency, settings.retry)
        shared = executor is None or isinstance(executor, ThreadPoolExecutor)
        self._own_backends = context.backend is not None and not shared

    def plan(
        self,
        sources: Sources,
        background: Background,
        format: str | None,  # noqa: A002 - the protocol's name
        *,
        edit: str | None,
        trim: Trim | None,
        quality: str,
        metadata: bool,
        overwrite: bool,
        **given: Any,  # noqa: ANN401 - other arguments of `Plan`
    ) -> Plan:
        """Return the plan; see `Batch.remove_backgrounds`."""
        local_files = self.context.settings.local_files
        fallback = default_format(still=False, transparent=is_transparent(background))
        spec = spec_for(
            Path(),
            background,
            format=format or fallback,
            overwrite=overwrite,
            edit=edit,
            trim=trim,
            quality=quality,
            metadata=metadata,
            local_files=local_files,
        )
        check_quality(self.context, quality)
        files = listed(sources)
        check_sources(files if isinstance(files, list) else [files], local_files=local_files)
        return Plan(
            spec=spec,
            sources=files,
            own_backends=self._own_backends,
            **given,
        )

    @property
    def spec(self) -> ClientSpec:
        """The arguments for clients in other processes, without this client's hooks.

        A local backend only serves its own machine, and rendering is the work to distribute, so
        each worker starts a backend.
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
            return ClientSpec(True, {**backend.options, **limits, "retry": policy})
        alone = attrs.evolve(settings, retry=policy, on_request=None, on_response=None)
        return ClientSpec(False, {}, settings=alone)
