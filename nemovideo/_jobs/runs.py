"""Carries a job out with a client: where it is done, and what of that place is kept for it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from nemovideo._config import settings as env
from nemovideo._jobs import checkpoints, flow
from nemovideo._jobs.checkpoints import Checkpoint, Service
from nemovideo._jobs.progress_bar import OnProgress, reporting
from nemovideo.errors import CheckpointError

if TYPE_CHECKING:
    from nemovideo._flows.steps import Flow
    from nemovideo._jobs.plan import Order
    from nemovideo.client import AsyncClient, Client
    from nemovideo.local import LocalBackend
    from nemovideo.models import RenderedVideo

_Path = str | os.PathLike[str]


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
    path = None if checkpoint is None else resolved(checkpoint)
    with _at_home(client, path) as doer, _holding(doer.backend, path), reporting(progress) as told:
        work = _work(doer, order, told, path, send_again=send_again)
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
    path = None if checkpoint is None else resolved(checkpoint)
    async with _at_home_async(client, path) as doer:
        with _holding(doer.backend, path), reporting(progress) as told:
            work = _work(doer, order, told, path, send_again=send_again)
            return await doer._driver.run(  # noqa: SLF001 - the client's own
                work, _limit(doer, deadline)
            )


def _work(
    doer: Client | AsyncClient,
    order: Order | None,
    on_progress: OnProgress | None,
    path: Path | None,
    *,
    send_again: bool,
) -> Flow[RenderedVideo]:
    """Return the flow of an order, or of what a checkpoint says, for the client that does it."""
    return flow.run(
        doer._context,  # noqa: SLF001 - the client's own
        order,
        on_progress,
        checkpoint=path,
        service=_service(doer),
        send_again=send_again,
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
    found = checkpoints.load(path)
    noted = None if found is None else found.service.state_dir
    if noted is None or Path(noted) == client.backend.state_dir:
        return None
    return _kept_state(path, noted)


def _kept_state(path: Path, noted: str) -> Path:
    if not Path(noted).is_dir():
        raise checkpoints.failure(
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
            found = checkpoints.load(path)
        if found is None or found.finished or found.service.state_dir != state_dir:
            backend.let_go(str(path))


def home_of(path: Path, found: Checkpoint) -> Service:
    """Return the service that a job is done by, for a client from the environment.

    Raises:
        CheckpointError: The state of its local backend is gone; or it is done by another
            service than the environment names, which must not be sent its token.
    """
    noted = found.service
    if noted.state_dir is not None:
        return Service(noted.base_url, str(_kept_state(path, noted.state_dir)))
    environ = env.environment()
    usual = (environ.get("NEMO_API_URL") or env.API_URL).rstrip("/")
    trusted = noted.base_url == usual or env.is_loopback(env.origin_of(noted.base_url)[1])
    if environ.get("NEMO_TOKEN") and not trusted:
        raise checkpoints.failure(
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


def resolved(path: _Path) -> Path:
    """Return where a checkpoint really is: a link to it stays a link when it is replaced."""
    return Path(path).expanduser().resolve()


def found_at(path: Path) -> Checkpoint:
    """Return what a checkpoint says.

    Raises:
        CheckpointError: It is not there, or cannot be used.
    """
    found = checkpoints.load(path)
    if found is None:
        raise checkpoints.failure(path, "is not there", remedy="Check the path.")
    return found
