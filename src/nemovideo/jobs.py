"""Jobs that survive the process: `client.jobs`, `Job` and `AsyncJob` (docs/jobs.md)."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from nemovideo import _checkpoint, _settings
from nemovideo._checkpoint import Checkpoint, JobPhase, Service
from nemovideo._flows import job as flow
from nemovideo._progress import OnProgress, reporting
from nemovideo.errors import CheckpointError

if TYPE_CHECKING:
    from nemovideo import resources
    from nemovideo._files import Source
    from nemovideo._flows.remove_background import Background, Order
    from nemovideo.client import AsyncClient, Client
    from nemovideo.local import LocalBackend
    from nemovideo.models import RenderedVideo

_Path = str | os.PathLike[str]


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
    """What both kinds of jobs are: a checkpoint file, and perhaps an order."""

    def __init__(self, path: _Path, order: Order | None) -> None:
        self.path = _resolved(path)
        self._order = order

    @property
    def status(self) -> JobStatus:
        """How far the job is; read from the file each time.

        Raises:
            CheckpointError: The file cannot be read, or is no checkpoint.
        """
        found = _checkpoint.load(self.path)
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


class Job(_Base):
    """A job with a checkpoint: whatever stops it, another process can go on with it.

    Made by `client.jobs.remove_background()` and `client.jobs.load()`.

    Attributes:
        path: The checkpoint file.
    """

    def __init__(self, client: Client, path: _Path, order: Order | None = None) -> None:
        super().__init__(path, order)
        self._client = client

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
        order = self._order
        return perform(self._client, order, self.path, progress, deadline, send_again=send_again)

    @classmethod
    def resume(
        cls,
        path: _Path,
        client: Client | None = None,
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
        found = _found(_resolved(path))
        if (done := flow.delivered(found)) is not None:
            return done
        from nemovideo.client import Client

        home = _home(_resolved(path), found)
        made = (
            Client(base_url=home.base_url)
            if home.state_dir is None
            else Client.local(state_dir=home.state_dir)
        )
        with made:
            return made.jobs.resume(path, progress, deadline, send_again=send_again)


class AsyncJob(_Base):
    """A job of the async client; see `Job`.

    Attributes:
        path: The checkpoint file.
    """

    def __init__(self, client: AsyncClient, path: _Path, order: Order | None = None) -> None:
        super().__init__(path, order)
        self._client = client

    async def run(
        self,
        progress: bool | OnProgress | None = None,
        deadline: float | None = None,
        *,
        send_again: bool = False,
    ) -> RenderedVideo:
        """Do whatever is not done yet, and return the result; see `Job.run`."""
        return await perform_async(
            self._client, self._order, self.path, progress, deadline, send_again=send_again
        )

    @classmethod
    async def resume(
        cls,
        path: _Path,
        client: AsyncClient | None = None,
        progress: bool | OnProgress | None = None,
        deadline: float | None = None,
        *,
        send_again: bool = False,
    ) -> RenderedVideo:
        """Go on with a job, in any process, and return its result; see `Job.resume`."""
        if client is not None:
            return await client.jobs.resume(path, progress, deadline, send_again=send_again)
        from anyio import to_thread

        from nemovideo.client import AsyncClient

        found = await to_thread.run_sync(lambda: _found(_resolved(path)))
        done = await to_thread.run_sync(flow.delivered, found)
        if done is not None:
            return done
        home = _home(_resolved(path), found)
        made = (
            AsyncClient(base_url=home.base_url)
            if home.state_dir is None
            else await to_thread.run_sync(lambda: AsyncClient.local(state_dir=home.state_dir))
        )
        async with made:
            return await made.jobs.resume(path, progress, deadline, send_again=send_again)


class Jobs:
    """`client.jobs`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def remove_background(
        self,
        source: Source,
        *,
        checkpoint: _Path,
        background: Background = None,
        output: _Path | None = None,
        format: str | None = None,  # noqa: A002 - the protocol's word
        session: resources.Session | None = None,
        max_credits: float | None = None,
        overwrite: bool = False,
    ) -> Job:
        """Return the job of `Client.remove_background`, not begun: nothing is read or sent yet.

        Args:
            source: See `Client.remove_background`, here and below.
            checkpoint: The file to note every step in. If it is there, and of the same
                order, the job goes on from there.
            background: What comes behind the person.
            output: Where to write the file.
            format: "mp4", "webm" or "mov".
            session: A session to do it in.
            max_credits: Do not start if the edit is likely to use more than this.
            overwrite: Replace a file that is there already.

        Raises:
            InvalidRequestError: The arguments do not go together.
        """
        client = self._client
        order = client._order(  # noqa: SLF001 - the client's own
            source, background, output, format, session, max_credits, overwrite
        )
        return Job(client, checkpoint, order)

    def load(self, path: _Path) -> Job:
        """Return the job of a checkpoint, to look at or to go on with; nothing is done yet.

        Raises:
            CheckpointError: The file is not there, or cannot be used.
        """
        _found(_resolved(path))
        return Job(self._client, path)

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


class AsyncJobs:
    """`client.jobs` of the async client; see `Jobs`."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    def remove_background(
        self,
        source: Source,
        *,
        checkpoint: _Path,
        background: Background = None,
        output: _Path | None = None,
        format: str | None = None,  # noqa: A002 - the protocol's word
        session: resources.AsyncSession | None = None,
        max_credits: float | None = None,
        overwrite: bool = False,
    ) -> AsyncJob:
        """Return the job of `AsyncClient.remove_background`; not awaited, for nothing is sent."""
        client = self._client
        order = client._order(  # noqa: SLF001 - the client's own
            source, background, output, format, session, max_credits, overwrite
        )
        return AsyncJob(client, checkpoint, order)

    def load(self, path: _Path) -> AsyncJob:
        """Return the job of a checkpoint; not awaited, for it reads no more than a small file."""
        _found(_resolved(path))
        return AsyncJob(self._client, path)

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


def perform(
    client: Client,
    order: Order | None,
    checkpoint: _Path | None,
    progress: bool | OnProgress | None,
    deadline: float | None,
    *,
    send_again: bool = False,
) -> RenderedVideo:
    """Carry out an order, or what a checkpoint says, with the sync client."""
    path = None if checkpoint is None else _resolved(checkpoint)
    with _at_home(client, path) as doer, _holding(doer.backend, path), reporting(progress) as told:
        work = flow.run(
            doer._context,  # noqa: SLF001 - the client's own
            order,
            told,
            checkpoint=path,
            service=_service(doer),
            send_again=send_again,
        )
        return doer._driver.run(work, _limit(doer, deadline))  # noqa: SLF001 - the client's own


async def perform_async(
    client: AsyncClient,
    order: Order | None,
    checkpoint: _Path | None,
    progress: bool | OnProgress | None,
    deadline: float | None,
    *,
    send_again: bool = False,
) -> RenderedVideo:
    """Carry out an order, or what a checkpoint says, with the async client."""
    path = None if checkpoint is None else _resolved(checkpoint)
    async with _at_home_async(client, path) as doer:
        with _holding(doer.backend, path), reporting(progress) as told:
            work = flow.run(
                doer._context,  # noqa: SLF001 - the client's own
                order,
                told,
                checkpoint=path,
                service=_service(doer),
                send_again=send_again,
            )
            return await doer._driver.run(  # noqa: SLF001 - the client's own
                work, _limit(doer, deadline)
            )


@contextmanager
def _at_home(client: Client, path: Path | None) -> Iterator[Client]:
    """Give the client itself, or one with its backend on the state that the job began with."""
    state_dir = _other_state(client, path)
    if state_dir is None:
        yield client
    else:
        with client._beside(state_dir) as made:  # noqa: SLF001 - the client's own
            yield made


@asynccontextmanager
async def _at_home_async(client: AsyncClient, path: Path | None) -> AsyncIterator[AsyncClient]:
    state_dir = _other_state(client, path)
    if state_dir is None:
        yield client
    else:
        from anyio import to_thread

        made = await to_thread.run_sync(client._beside, state_dir)  # noqa: SLF001
        async with made:
            yield made


def _other_state(client: Client | AsyncClient, path: Path | None) -> Path | None:
    """Return the state directory of an unfinished local job, if the client's backend has another.

    Raises:
        CheckpointError: That directory is gone.
    """
    if path is None or client.backend is None:
        return None
    found = _checkpoint.load(path)
    noted = None if found is None else found.service.state_dir
    if noted is None or Path(noted) == client.backend.state_dir:
        return None
    return _kept_state(path, noted)


def _kept_state(path: Path, noted: str) -> Path:
    if not Path(noted).is_dir():
        raise _checkpoint.failure(
            path,
            f"is of a job of a local backend whose state, {noted}, is gone",
            remedy="Name another checkpoint= to start over; "
            "Client.local(state_dir=…) keeps its state where you say.",
        )
    return Path(noted)


@contextmanager
def _holding(backend: LocalBackend | None, path: Path | None) -> Iterator[None]:
    """Keep the temporary state of a local backend for a job that does not come to its end."""
    if backend is None or path is None:
        yield
        return
    backend.hold(str(path))
    state_dir = str(backend.state_dir)
    try:
        yield
    finally:
        found = None
        with suppress(CheckpointError):
            found = _checkpoint.load(path)
        if found is None or found.finished or found.service.state_dir != state_dir:
            backend.let_go(str(path))


def _home(path: Path, found: Checkpoint) -> Service:
    """Return the service that a job is done by, for a client from the environment.

    Raises:
        CheckpointError: The state of its local backend is gone; or it is done by another
            service than the environment names, which must not be sent its token.
    """
    noted = found.service
    if noted.state_dir is not None:
        return Service(noted.base_url, str(_kept_state(path, noted.state_dir)))
    environ = _settings.environment()
    usual = (environ.get("NEMO_API_URL") or _settings.API_URL).rstrip("/")
    trusted = noted.base_url == usual or _settings.is_loopback(
        _settings.origin_of(noted.base_url)[1]
    )
    if environ.get("NEMO_TOKEN") and not trusted:
        raise _checkpoint.failure(
            path,
            f"is of a job of {noted.base_url}, which NEMO_TOKEN may not be meant for",
            remedy="Pass client=Client(base_url=…), or set NEMO_API_URL.",
        )
    return noted


def _service(client: Client | AsyncClient) -> Service:
    context = client._context  # noqa: SLF001 - the client's own
    state_dir = None if context.state_dir is None else str(context.state_dir)
    return Service(context.settings.base_url, state_dir)


def _limit(client: Client | AsyncClient, deadline: float | None) -> float | None:
    settings = client._context.settings  # noqa: SLF001 - the client's own
    return settings.deadline_s if deadline is None else deadline


def _resolved(path: _Path) -> Path:
    return Path(path).expanduser().resolve()


def _found(path: Path) -> Checkpoint:
    found = _checkpoint.load(path)
    if found is None:
        raise _checkpoint.failure(path, "is not there", remedy="Check the path.")
    return found
