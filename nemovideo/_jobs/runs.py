"""Run a job with its service, and keep the state of a local backend for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from nemovideo._config import settings as env
from nemovideo._flows.context import Context
from nemovideo._jobs import checkpoints, flow
from nemovideo._jobs.checkpoints import Checkpoint
from nemovideo._jobs.contexts import ClientSpec, context_on, driving, driving_async
from nemovideo._jobs.result import delivered
from nemovideo._jobs.start import check_state
from nemovideo._progress.bar import OnProgress, reporting
from nemovideo._support.user_folders import absolute_path
from nemovideo._values.lines import quoted
from nemovideo._values.remedies import Code, Remedy
from nemovideo.errors import CheckpointError

if TYPE_CHECKING:
    from nemovideo._drivers.aio import AsyncDriver
    from nemovideo._drivers.sync import SyncDriver
    from nemovideo._jobs.job_spec import JobSpec
    from nemovideo.models import RenderedVideo

_Path = str | os.PathLike[str]


def perform(
    context: Context,
    driver: SyncDriver,
    spec: JobSpec | None,
    checkpoint: _Path | None,
    progress: bool | OnProgress | None,
    deadline: float | None,
    *,
    send_again: bool = False,
) -> RenderedVideo:
    """Run a new job, or that of a checkpoint, with a sync driver."""
    path = None if checkpoint is None else resolved(checkpoint)
    job_context = _context_for(context, path)
    with (
        nullcontext(driver) if job_context is context else driving(job_context) as job_driver,
        _keeping_state(job_context, path),
        reporting(progress) as on_progress,
    ):
        work = flow.run(job_context, spec, on_progress, checkpoint=path, send_again=send_again)
        return job_driver.run(work, job_context.settings.limit(deadline))


async def perform_async(
    context: Context,
    driver: AsyncDriver,
    spec: JobSpec | None,
    checkpoint: _Path | None,
    progress: bool | OnProgress | None,
    deadline: float | None,
    *,
    send_again: bool = False,
) -> RenderedVideo:
    """Run a new job, or that of a checkpoint, with an async driver."""
    from anyio import to_thread

    path = None if checkpoint is None else resolved(checkpoint)
    job_context = await to_thread.run_sync(_context_for, context, path)
    async with (
        nullcontext(driver) if job_context is context else driving_async(job_context) as job_driver
    ):
        with _keeping_state(job_context, path), reporting(progress) as on_progress:
            work = flow.run(job_context, spec, on_progress, checkpoint=path, send_again=send_again)
            return await job_driver.run(work, job_context.settings.limit(deadline))


def _context_for(context: Context, path: Path | None) -> Context:
    """Return the context for a job: the client's, or one whose backend uses the job's state.

    A finished job with a complete file needs no backend; a missing state is reported by the flow.
    """
    if path is None or context.backend is None:
        return context
    record = checkpoints.load(path)
    if record is None or record.service.state_dir is None:
        return context
    state_dir = Path(record.service.state_dir)
    if state_dir == context.state_dir or not state_dir.is_dir() or delivered(record) is not None:
        return context
    return context_on(context, state_dir)


@contextmanager
def _keeping_state(context: Context, path: Path | None) -> Iterator[None]:
    """Keep the temporary state of a local backend for a job that does not finish."""
    backend = context.backend
    if backend is None or path is None:
        yield
        return
    backend.hold(str(path))
    state_dir = str(backend.state_dir)
    try:
        yield
    finally:
        record = None
        with suppress(CheckpointError):
            record = checkpoints.load(path)
        if record is None or record.finished or record.service.state_dir != state_dir:
            backend.release(str(path))


def client_spec_of(path: Path, record: Checkpoint) -> ClientSpec:
    """Return the client arguments for a job's service, for a call without a client.

    Raises:
        CheckpointError: The state of its local backend no longer exists; or the environment's token
            may not be for the job's service.
    """
    service = record.service
    if service.state_dir is not None:
        check_state(path, service.state_dir)
        return ClientSpec(local=True, options={"state_dir": service.state_dir})
    if env.environment_token() and service.base_url != env.environment_url().rstrip("/"):
        raise checkpoints.failure(
            path,
            f"belongs to a job on {quoted(service.base_url)}, "
            "and NEMO_TOKEN may be for another service",
            remedy=Remedy("set NEMO_API_URL", ("pass ", Code("client=Client(base_url=…)"))),
        )
    return ClientSpec(local=False, options={"base_url": service.base_url})


def resolved(path: _Path) -> Path:
    """Return the real path of a checkpoint, so that a symlink to it is not replaced."""
    return absolute_path(path).resolve()


def load_existing(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        CheckpointError: It does not exist, or cannot be read.
    """
    record = checkpoints.load(path)
    if record is None:
        raise checkpoints.missing(path)
    return record
