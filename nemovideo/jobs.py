"""Jobs that survive the process: `client.jobs`, `Job` and `AsyncJob` (docs/jobs.md)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import attrs

from nemovideo._drivers.resource import AsyncResource, Resource
from nemovideo._jobs import checkpoints
from nemovideo._jobs.checkpoints import JobPhase
from nemovideo._jobs.places import driving, driving_async
from nemovideo._jobs.plan import Background, Order, Trim, order_for
from nemovideo._jobs.progress_bar import OnProgress
from nemovideo._jobs.result import delivered
from nemovideo._jobs.runs import found_at, perform, perform_async, place_of, resolved
from nemovideo._support.annotations import Late
from nemovideo.files import Source
from nemovideo.models import RenderedVideo

if TYPE_CHECKING:
    from nemovideo._drivers import aio, sync
    from nemovideo._flows import context as contexts
    from nemovideo.resources import sessions
else:
    aio, sync = Late("nemovideo._drivers.aio"), Late("nemovideo._drivers.sync")
    contexts = Late("nemovideo._flows.context")
    sessions = Late("nemovideo.resources.sessions")

_Path = str | os.PathLike[str]


class HasJobs(Protocol):
    """A client, as far as jobs need it."""

    @property
    def jobs(self) -> Jobs:
        """Its jobs."""
        ...


class HasAsyncJobs(Protocol):
    """An async client, as far as jobs need it."""

    @property
    def jobs(self) -> AsyncJobs:
        """Its jobs."""
        ...


@attrs.frozen
class JobStatus:
    """How far a job is, as its checkpoint tells.

    Attributes:
        phase: What it does next: "new", "upload", "edit", "render", "download"; or "done".
        fraction: How much of the whole is done, 0.0 to 1.0.
        elapsed_s: The seconds that it took until then, in all its processes.
        source: The name of the file that it is made from.
        output: Where the result goes; None for a link only.
        session_id: The session, once there is one.
        render_id: The render, once there is one.
        updated_at: When the last step was noted, in seconds since the epoch; None for a new job.
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


class _Base:
    """What both kinds of jobs have: a checkpoint file, and perhaps an order."""

    path: Path
    _order: Order | None

    @property
    def status(self) -> JobStatus:
        """How far the job is; read from the file each time.

        Raises:
            CheckpointError: The file cannot be read, or is no checkpoint.
        """
        found = checkpoints.load(self.path)
        if found is None:
            return JobStatus("new", output=None if self._order is None else self._order.output)
        return JobStatus(
            found.phase,
            found.fraction,
            found.elapsed_s,
            found.order.source.name,
            found.output,
            found.session_id,
            found.render_id,
            found.updated_at,
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"


class Job(_Base, Resource):
    """A job with a checkpoint: whatever stops it, another process can go on with it.

    Made by `client.jobs.remove_background()` and `client.jobs.load()`.

    Attributes:
        path: The checkpoint file.
    """

    def __init__(
        self,
        context: contexts.Context,
        driver: sync.SyncDriver,
        path: _Path,
        order: Order | None = None,
    ) -> None:
        Resource.__init__(self, context, driver)
        self.path: Path = resolved(path)
        self._order = order

    def run(
        self,
        progress: bool | OnProgress | None = None,
        deadline: float | None = None,
        *,
        send_again: bool = False,
    ) -> RenderedVideo:
        """Do whatever is not done yet, and return the result.

        Args:
            progress: True draws a bar; a callback gets `Progress` values, of the whole job.
            deadline: Seconds for this call; None for the client's own deadline.
            send_again: Send the message again where nobody can say what came of it: it
                may be charged again.

        Raises:
            JobRunningError: Another process, or thread, is at it.
            CheckpointError: The file is damaged, of a newer version, or of another job.
            StreamInterruptedError: Nobody can say what came of the message; see `send_again`.
            NemoError: Whatever `Client.remove_background` raises; its remedy names the file.
        """
        return perform(
            self._context,
            self._driver,
            self._order,
            self.path,
            progress,
            deadline,
            send_again=send_again,
        )

    @classmethod
    def resume(
        cls,
        path: _Path,
        client: HasJobs | None = None,
        progress: bool | OnProgress | None = None,
        deadline: float | None = None,
        *,
        send_again: bool = False,
    ) -> RenderedVideo:
        """Go on with a job, in any process, and return its result.

        Args:
            path: The checkpoint file.
            client: Who does it. None makes a client from the environment, for the service
                that the job is done by; a local backend is started on the job's own state.
            progress: See `run`.
            deadline: See `run`.
            send_again: See `run`.

        Raises:
            CheckpointError: The file is not there or cannot be used, or the state of the
                local backend is gone; and whatever `run` raises.
        """
        if client is not None:
            return client.jobs.resume(path, progress, deadline, send_again=send_again)
        found = found_at(resolved(path))
        if (done := delivered(found)) is not None:
            return done
        context = place_of(resolved(path), found).context()
        with driving(context) as driver:
            return cls(context, driver, path).run(progress, deadline, send_again=send_again)


class AsyncJob(_Base, AsyncResource):
    """A job of the async client; see `Job`.

    Attributes:
        path: The checkpoint file.
    """

    def __init__(
        self,
        context: contexts.Context,
        driver: aio.AsyncDriver,
        path: _Path,
        order: Order | None = None,
    ) -> None:
        AsyncResource.__init__(self, context, driver)
        self.path: Path = resolved(path)
        self._order = order

    async def run(
        self,
        progress: bool | OnProgress | None = None,
        deadline: float | None = None,
        *,
        send_again: bool = False,
    ) -> RenderedVideo:
        """Do whatever is not done yet, and return the result; see `Job.run`."""
        return await perform_async(
            self._context,
            self._driver,
            self._order,
            self.path,
            progress,
            deadline,
            send_again=send_again,
        )

    @classmethod
    async def resume(
        cls,
        path: _Path,
        client: HasAsyncJobs | None = None,
        progress: bool | OnProgress | None = None,
        deadline: float | None = None,
        *,
        send_again: bool = False,
    ) -> RenderedVideo:
        """Go on with a job, in any process, and return its result; see `Job.resume`."""
        if client is not None:
            return await client.jobs.resume(path, progress, deadline, send_again=send_again)
        from anyio import to_thread

        found = await to_thread.run_sync(lambda: found_at(resolved(path)))
        done = await to_thread.run_sync(delivered, found)
        if done is not None:
            return done
        context = await to_thread.run_sync(place_of(resolved(path), found).context)
        async with driving_async(context) as driver:
            job = cls(context, driver, path)
            return await job.run(progress, deadline, send_again=send_again)


class Jobs(Resource):
    """`client.jobs`."""

    def remove_background(
        self,
        source: Source,
        *,
        checkpoint: _Path,
        background: Background = None,
        edit: str | None = None,
        trim: Trim | None = None,
        output: _Path | None = None,
        format: str | None = None,  # noqa: A002 - the protocol's word
        quality: str = "high",
        metadata: bool = True,
        session: sessions.Session | None = None,
        max_credits: float | None = None,
        overwrite: bool = False,
    ) -> Job:
        """Return the job of `Client.remove_background`, not begun: nothing is read or sent yet.

        Args:
            source: See `Client.remove_background`, here and below.
            checkpoint: The file to note every step in. If it is there, and of the same
                order, the job goes on from there.
            background: What comes behind the person.
            edit: More wishes in words.
            trim: The stretch to keep, as (start, end) in seconds.
            output: Where to write the file.
            format: "mp4", "webm" or "mov".
            quality: How good.
            metadata: Whether the recording's date, location and title are kept.
            session: A session to do it in.
            max_credits: Do not start if the edit is likely to use more than this.
            overwrite: Replace a file that is there already.

        Raises:
            InvalidRequestError: The arguments do not go together.
        """
        order = order_for(
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
        return Job(self._context, self._driver, checkpoint, order)

    def load(self, path: _Path) -> Job:
        """Return the job of a checkpoint, to look at or to go on with; nothing is done yet.

        Raises:
            CheckpointError: The file is not there, or cannot be used.
        """
        found_at(resolved(path))
        return Job(self._context, self._driver, path)

    def resume(
        self,
        path: _Path,
        progress: bool | OnProgress | None = None,
        deadline: float | None = None,
        *,
        send_again: bool = False,
    ) -> RenderedVideo:
        """Go on with the job of a checkpoint, and return its result; see `Job.run`."""
        return self.load(path).run(progress, deadline, send_again=send_again)


class AsyncJobs(AsyncResource):
    """`client.jobs` of the async client; see `Jobs`."""

    def remove_background(
        self,
        source: Source,
        *,
        checkpoint: _Path,
        background: Background = None,
        edit: str | None = None,
        trim: Trim | None = None,
        output: _Path | None = None,
        format: str | None = None,  # noqa: A002 - the protocol's word
        quality: str = "high",
        metadata: bool = True,
        session: sessions.AsyncSession | None = None,
        max_credits: float | None = None,
        overwrite: bool = False,
    ) -> AsyncJob:
        """Return the job of `AsyncClient.remove_background`; not awaited, for nothing is sent."""
        order = order_for(
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
        return AsyncJob(self._context, self._driver, checkpoint, order)

    def load(self, path: _Path) -> AsyncJob:
        """Return the job of a checkpoint; not awaited, for it reads no more than a small file."""
        found_at(resolved(path))
        return AsyncJob(self._context, self._driver, path)

    async def resume(
        self,
        path: _Path,
        progress: bool | OnProgress | None = None,
        deadline: float | None = None,
        *,
        send_again: bool = False,
    ) -> RenderedVideo:
        """Go on with the job of a checkpoint, and return its result; see `Job.run`."""
        return await self.load(path).run(progress, deadline, send_again=send_again)
