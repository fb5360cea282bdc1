"""Resumable jobs: `client.jobs`, `Job` and `AsyncJob` (docs/jobs.md)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import attrs

from nemovideo._drivers.resource import AsyncResource, BaseResource, Resource
from nemovideo._jobs import checkpoints
from nemovideo._jobs.checkpoints import JobPhase
from nemovideo._jobs.contexts import driving, driving_async
from nemovideo._jobs.job_spec import Background, JobSpec, Trim, spec_for
from nemovideo._jobs.result import delivered
from nemovideo._jobs.runs import client_spec_of, load_existing, perform, perform_async, resolved
from nemovideo._progress.bar import OnProgress
from nemovideo._support.annotations import LazyModule
from nemovideo.files import Source
from nemovideo.models import RenderedVideo

if TYPE_CHECKING:
    from nemovideo._drivers import aio, sync
    from nemovideo._flows import context as contexts
    from nemovideo.resources import sessions
else:
    aio, sync = LazyModule("nemovideo._drivers.aio"), LazyModule("nemovideo._drivers.sync")
    contexts = LazyModule("nemovideo._flows.context")
    sessions = LazyModule("nemovideo.resources.sessions")

D = TypeVar("D")

FilePath = str | os.PathLike[str]


class HasJobs(Protocol):
    """The part of a client that jobs need."""

    @property
    def jobs(self) -> Jobs:
        """The client's jobs."""
        ...


class HasAsyncJobs(Protocol):
    """The part of an async client that jobs need."""

    @property
    def jobs(self) -> AsyncJobs:
        """The client's jobs."""
        ...


@attrs.frozen
class JobStatus:
    """The state of a job in its checkpoint.

    Attributes:
        phase: The next step: "new", "upload", "edit", "render" or "download"; or "done".
        fraction: The progress of the whole job, 0.0 to 1.0.
        elapsed_s: The seconds spent so far, across all processes that ran it.
        source: The name of the source file.
        output: The path of the result; None if only its URL was requested.
        session_id: The session, once there is one.
        render_id: The render job, once there is one.
        updated_at: The time of the last step, in seconds since the epoch; None for a new job.
    """

    phase: JobPhase
    fraction: float = 0.0
    elapsed_s: float = 0.0
    source: str | None = None
    output: Path | None = None
    session_id: str | None = None
    render_id: str | None = None
    updated_at: float | None = None

    @property
    def done(self) -> bool:
        """Whether the result has been delivered."""
        return self.phase == "done"


class _Base(BaseResource[D]):
    """Base of both kinds of jobs: a checkpoint file, and a specification for a new job."""

    def __init__(
        self, context: contexts.Context, driver: D, path: FilePath, spec: JobSpec | None = None
    ) -> None:
        super().__init__(context, driver)
        self.path: Path = resolved(path)
        self._spec = spec

    @property
    def status(self) -> JobStatus:
        """The state of the job, read from the file each time.

        Raises:
            CheckpointError: The file cannot be read, or is not a checkpoint.
        """
        found = checkpoints.load(self.path)
        if found is None:
            return JobStatus("new", output=None if self._spec is None else self._spec.output)
        return JobStatus(
            found.phase,
            found.fraction,
            found.elapsed_s,
            found.spec.source.name,
            found.output,
            found.session_id,
            found.render_id,
            found.updated_at,
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"


class Job(_Base["sync.SyncDriver"], Resource):
    """A job with a checkpoint, which can be resumed from another process.

    Created by `client.jobs.remove_background()` and `client.jobs.load()`.

    Attributes:
        path: The checkpoint file.
    """

    def run(
        self,
        progress: bool | OnProgress | None = None,
        deadline: float | None = None,
        *,
        send_again: bool = False,
    ) -> RenderedVideo:
        """Do the remaining steps, and return the result.

        Args:
            progress: True shows a bar; a callback receives `Progress` values of the whole job.
            deadline: Seconds for this call; None for the client's own deadline.
            send_again: Send the message again if its effect is unknown; it may be charged again.

        Raises:
            JobRunningError: The job is running in another process or thread.
            CheckpointError: The file is damaged, from a newer version, or of another job.
            StreamInterruptedError: The effect of the message is unknown; see `send_again`.
            NemoError: See `Client.remove_background`; the remedy names the checkpoint file.
        """
        return perform(
            self._context,
            self._driver,
            self._spec,
            self.path,
            progress,
            deadline,
            send_again=send_again,
        )

    @classmethod
    def resume(
        cls,
        path: FilePath,
        client: HasJobs | None = None,
        progress: bool | OnProgress | None = None,
        deadline: float | None = None,
        *,
        send_again: bool = False,
    ) -> RenderedVideo:
        """Resume a job in any process, and return its result.

        Args:
            path: The checkpoint file.
            client: The client to use. None creates one from the environment for the job's service;
                a local backend is started with the job's own state directory.
            progress: See `run`.
            deadline: See `run`.
            send_again: See `run`.

        Raises:
            CheckpointError: The file does not exist or cannot be used, or the local backend's
                state was deleted.
            NemoError: See `run`.
        """
        if client is not None:
            return client.jobs.resume(path, progress, deadline, send_again=send_again)
        found = load_existing(resolved(path))
        if (done := delivered(found)) is not None:
            return done
        context = client_spec_of(resolved(path), found).context()
        with driving(context) as driver:
            return cls(context, driver, path).run(progress, deadline, send_again=send_again)


class AsyncJob(_Base["aio.AsyncDriver"], AsyncResource):
    """A job of the async client; see `Job`.

    Attributes:
        path: The checkpoint file.
    """

    async def run(
        self,
        progress: bool | OnProgress | None = None,
        deadline: float | None = None,
        *,
        send_again: bool = False,
    ) -> RenderedVideo:
        """Do the remaining steps, and return the result; see `Job.run`."""
        return await perform_async(
            self._context,
            self._driver,
            self._spec,
            self.path,
            progress,
            deadline,
            send_again=send_again,
        )

    @classmethod
    async def resume(
        cls,
        path: FilePath,
        client: HasAsyncJobs | None = None,
        progress: bool | OnProgress | None = None,
        deadline: float | None = None,
        *,
        send_again: bool = False,
    ) -> RenderedVideo:
        """Resume a job in any process, and return its result; see `Job.resume`."""
        if client is not None:
            return await client.jobs.resume(path, progress, deadline, send_again=send_again)
        from anyio import to_thread

        found = await to_thread.run_sync(lambda: load_existing(resolved(path)))
        done = await to_thread.run_sync(delivered, found)
        if done is not None:
            return done
        context = await to_thread.run_sync(client_spec_of(resolved(path), found).context)
        async with driving_async(context) as driver:
            job = cls(context, driver, path)
            return await job.run(progress, deadline, send_again=send_again)


class Jobs(Resource):
    """`client.jobs`."""

    def remove_background(
        self,
        source: Source,
        *,
        checkpoint: FilePath,
        background: Background = None,
        edit: str | None = None,
        trim: Trim | None = None,
        output: FilePath | None = None,
        format: str | None = None,  # noqa: A002 - the protocol's name
        quality: str = "high",
        metadata: bool = True,
        session: sessions.Session | None = None,
        max_credits: float | None = None,
        overwrite: bool = False,
    ) -> Job:
        """Return a job for `Client.remove_background`, without reading or sending anything yet.

        Args:
            source: The source; for details of all arguments, see `Client.remove_background`.
            checkpoint: The file that records every step. If it exists, for the same job, the
                job is resumed.
            background: The new background.
            edit: A description of more edits.
            trim: The part to keep, as (start, end) in seconds.
            output: The path of the result.
            format: "mp4", "webm" or "mov".
            quality: The quality of the result.
            metadata: Whether to keep the recording's date, location and title.
            session: The session to use.
            max_credits: Do not start if the edit would probably use more than this.
            overwrite: Replace an existing file.

        Raises:
            InvalidRequestError: The arguments conflict.
        """
        spec = spec_for(
            source,
            background,
            output,
            format,
            session,
            max_credits,
            overwrite,
            edit=edit,
            trim=trim,
            quality=quality,
            metadata=metadata,
            local_files=self._context.settings.local_files,
        )
        return Job(self._context, self._driver, checkpoint, spec)

    def load(self, path: FilePath) -> Job:
        """Return the job recorded in a checkpoint file, without running it.

        Raises:
            CheckpointError: The file does not exist, or cannot be used.
        """
        load_existing(resolved(path))
        return Job(self._context, self._driver, path)

    def resume(
        self,
        path: FilePath,
        progress: bool | OnProgress | None = None,
        deadline: float | None = None,
        *,
        send_again: bool = False,
    ) -> RenderedVideo:
        """Resume the job recorded in a checkpoint file; see `Job.run`."""
        return self.load(path).run(progress, deadline, send_again=send_again)


class AsyncJobs(AsyncResource):
    """`client.jobs` of the async client; see `Jobs`."""

    def remove_background(
        self,
        source: Source,
        *,
        checkpoint: FilePath,
        background: Background = None,
        edit: str | None = None,
        trim: Trim | None = None,
        output: FilePath | None = None,
        format: str | None = None,  # noqa: A002 - the protocol's name
        quality: str = "high",
        metadata: bool = True,
        session: sessions.AsyncSession | None = None,
        max_credits: float | None = None,
        overwrite: bool = False,
    ) -> AsyncJob:
        """Return a job for `AsyncClient.remove_background`; not a coroutine."""
        spec = spec_for(
            source,
            background,
            output,
            format,
            session,
            max_credits,
            overwrite,
            edit=edit,
            trim=trim,
            quality=quality,
            metadata=metadata,
            local_files=self._context.settings.local_files,
        )
        return AsyncJob(self._context, self._driver, checkpoint, spec)

    def load(self, path: FilePath) -> AsyncJob:
        """Return the job recorded in a checkpoint file; not a coroutine."""
        load_existing(resolved(path))
        return AsyncJob(self._context, self._driver, path)

    async def resume(
        self,
        path: FilePath,
        progress: bool | OnProgress | None = None,
        deadline: float | None = None,
        *,
        send_again: bool = False,
    ) -> RenderedVideo:
        """Resume the job recorded in a checkpoint file; see `Job.run`."""
        return await self.load(path).run(progress, deadline, send_again=send_again)
