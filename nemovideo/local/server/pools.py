"""Thread pools for blocking work: one per kind, so that kinds do not block each other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from typing import TypeVar
from weakref import WeakValueDictionary

import anyio
import attrs

_T = TypeVar("_T")


class UserSlots:
    """At most `count` slots for each user."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._semaphores: WeakValueDictionary[str, anyio.Semaphore] = WeakValueDictionary()

    def of(self, user_id: str | None) -> AbstractAsyncContextManager[object]:
        """Return a context manager that waits for a slot; without a user, there is no limit."""
        return nullcontext() if user_id is None else self.semaphore(user_id)

    def semaphore(self, user_id: str) -> anyio.Semaphore:
        """Return the semaphore of a user."""
        return self._semaphores.setdefault(user_id, anyio.Semaphore(self._count))


class Pool:
    """At most `threads` threads at a time; at most half of them for one user."""

    def __init__(self, threads: int) -> None:
        self._slots = UserSlots(max(1, threads // 2))
        self._executor = ThreadPoolExecutor(threads)

    async def run(self, work: Callable[[], _T], *, user_id: str | None) -> _T:
        """Run `work` in a thread and return its result.

        Work beyond a user's share is queued without delaying other users; without a user, there is
        no limit. A canceled caller returns immediately, but its work occupies its thread and its
        share until it ends.
        """
        if user_id is None:
            return await asyncio.wrap_future(self._executor.submit(work))
        loop = asyncio.get_running_loop()
        slots = self._slots.semaphore(user_id)

        def release(_: Future[_T]) -> None:
            with suppress(RuntimeError):  # the server has stopped
                loop.call_soon_threadsafe(slots.release)

        await slots.acquire()
        future = self._executor.submit(work)
        future.add_done_callback(release)
        return await asyncio.wrap_future(future)


@attrs.frozen
class Pools:
    """The pool of each kind of work; renders have their own workers.

    `streams` limits the runs of a user that are being answered, since each holds its drafts until
    the client has read them.
    """

    reads: Pool = attrs.field(factory=lambda: Pool(2))
    runs: Pool = attrs.field(factory=lambda: Pool(4))
    probes: Pool = attrs.field(factory=lambda: Pool(2))
    parses: Pool = attrs.field(factory=lambda: Pool(2))
    writes: Pool = attrs.field(factory=lambda: Pool(4))
    previews: Pool = attrs.field(factory=lambda: Pool(2))
    fetches: Pool = attrs.field(factory=lambda: Pool(16))
    streams: UserSlots = attrs.field(factory=lambda: UserSlots(8))
