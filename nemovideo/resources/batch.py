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
from nemovideo._batch.work import Recipe
from nemovideo._jobs.checkpoints import Service
from nemovideo._jobs.plan import Background, plan
from nemovideo._jobs.progress_bar import OnProgress, reporting
from nemovideo.batch import BatchReport
from nemovideo.errors import InvalidRequestError

if TYPE_CHECKING:
    from nemovideo.client import AsyncClient, Client
    from nemovideo.local import LocalBackend

_AT_A_TIME = 2
_ELSEWHERE = 8


class Batch:
    """Batches of the sync client."""

    def __init__(self, client: Client) -> None:
        self._client = client

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
        setup = _Setup(self._client, executor, concurrency)
        client = self._client.with_options(retry=setup.retry)
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
            coordinator = Coordinator(client._context, plan, setup.pace, on_progress)  # noqa: SLF001
            return run(client._driver, coordinator, executor, setup.recipe)  # noqa: SLF001


class AsyncBatch:
    """Batches of the async client."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

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

        setup = _Setup(self._client, executor, concurrency)
        client = self._client.with_options(retry=setup.retry)
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
            coordinator = Coordinator(client._context, plan, setup.pace, on_progress)  # noqa: SLF001
            return await run(client._driver, coordinator, executor, setup.recipe)  # noqa: SLF001


class _Setup:
    """What a batch takes from its client, and from the executor."""

    def __init__(
        self, client: Client | AsyncClient, executor: Executor | None, concurrency: int | None
    ) -> None:
        room = getattr(executor, "_max_workers", _ELSEWHERE)
        usual = _AT_A_TIME if executor is None else room
        ceiling = usual if concurrency is None else concurrency
        if ceiling < 1:
            raise InvalidRequestError(f"concurrency={ceiling} is no number of files at a time")
        settings = client._settings  # noqa: SLF001 - one house
        self._client = client
        self._settings = settings
        self.retry = PacedRetry.of(settings.retry)
        self.pace = Pace(settings.clock, ceiling, settings.retry)
        self._backend = _backend_of(client)
        shared = executor is None or isinstance(executor, ThreadPoolExecutor)
        self._own_backends = self._backend is not None and not shared

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
        state_dir = self._client._context.state_dir  # noqa: SLF001 - one house
        return Plan(
            sources,
            out_dir,
            background=background,
            format=plan(background, None, format)[2],
            recursive=recursive,
            max_credits=max_credits,
            manifest=manifest,
            overwrite=overwrite,
            deadline_s=self._settings.deadline_s if deadline_s is None else deadline_s,
            service=Service(self._settings.base_url, None if state_dir is None else str(state_dir)),
            own_backends=self._own_backends,
        )

    @property
    def recipe(self) -> Recipe:
        """How other processes make their clients; hooks and clock stay behind."""
        policy = attrs.evolve(self.retry, on_retry=None)
        if self._own_backends and self._backend is not None:
            limits = {
                name: value
                for name, value in self._client._options.items()  # noqa: SLF001 - one house
                if name in ("timeout_s", "polling", "stream")
            }
            return Recipe(True, {**self._backend.options, **limits, "retry": policy})
        options = self._client.__getstate__()["options"]
        kept = {n: v for n, v in options.items() if n not in ("on_request", "on_response")}
        return Recipe(False, {**kept, "retry": policy})


def _backend_of(client: Client | AsyncClient) -> LocalBackend | None:
    """Return the local backend of a client, or of the one that it is a copy of."""
    while client.backend is None and client._lender is not None:  # noqa: SLF001 - one house
        client = client._lender  # noqa: SLF001
    return client.backend
