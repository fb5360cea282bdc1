"""Helpers of the tests of the agent's stream: a message, its reply, clients and faults."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress

import anyio
import anyio.to_thread

from nemovideo import AsyncClient, Client, errors
from nemovideo.events import (
    AgentEvent,
)
from nemovideo.local import LocalBackend
from nemovideo.local.server.faults import Fault
from nemovideo.testing import FakeClock
from tests.support import blocking
from tests.support.service import Service

TITLE = "create a 5 second title card that says 'Number 17'"
"""A request with two stages that needs no upload."""
STAGES = (
    "Done! I can't film or draw footage, so I've made a plain title video of 5 s.",
    "I've added the title “Number 17”.",
)
TEXT = "\n\n".join(STAGES)
RAW = f"{TEXT} Preview it in the timeline, then click the Export button in the top right."


def runs(backend: LocalBackend) -> int:
    return sum(seen.path == "/run_sse" for seen in backend.requests)


def add_fault(backend: LocalBackend, kind: str, **more: object) -> None:
    backend.faults.add(Fault(kind=kind, path="/run_sse", **more))  # type: ignore[arg-type]


def sync_client(backend: LocalBackend, **more: object) -> Client:
    return Client(base_url=backend.url, web_url=backend.url, **more)  # type: ignore[arg-type]


def async_client(backend: LocalBackend, **more: object) -> AsyncClient:
    return AsyncClient(base_url=backend.url, web_url=backend.url, **more)  # type: ignore[arg-type]


def client_of(
    kind: str, backend: LocalBackend | Service, **more: object
) -> AbstractContextManager[Client]:
    """Return a client of a kind in `KINDS`."""
    return blocking.client_of(kind, base_url=backend.url, web_url=backend.url, **more)


async def runs_seen(backend: LocalBackend, count: int) -> None:
    """Wait until the backend has received `count` runs, for at most 10 s."""
    with anyio.fail_after(10):
        await anyio.to_thread.run_sync(wait_for_runs, backend, count)


def wait_for_runs(backend: LocalBackend, count: int) -> None:
    while runs(backend) < count:
        time.sleep(0.005)


def read_all(stream: Iterator[AgentEvent]) -> None:
    with suppress(errors.NemoError):
        list(stream)


def fast_clock() -> FakeClock:
    """Return a fake clock that waits 0.3 s for data before it moves on."""
    return FakeClock(grace_s=0.3)
