"""Thread pools for blocking work: one per kind, so that kinds do not block each other."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar
from weakref import WeakValueDictionary

import anyio
import anyio.to_thread
import attrs
from anyio import CapacityLimiter

_T = TypeVar("_T")


class Pool:
    """At most `threads` threads at a time; at most half of them for one user, if given."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._limiter = CapacityLimiter(threads)
        self._shares: WeakValueDictionary[str, anyio.Semaphore] = WeakValueDictionary()

    async def run(self, work: Callable[[], _T], *, user_id: str | None = None) -> _T:
        """Run `work` in a thread and return its result; if canceled, the thread is abandoned.

        What a user runs beyond its share waits, and does not delay others.
        """
        run = partial(anyio.to_thread.run_sync, work, limiter=self._limiter, abandon_on_cancel=True)
        if user_id is None:
            return await run()
        most = max(1, self._threads // 2)
        async with self._shares.setdefault(user_id, anyio.Semaphore(most)):
            return await run()


@attrs.frozen
class Pools:
    """The pool of each kind of work; renders have their own workers."""

    runs: Pool = attrs.field(factory=lambda: Pool(4))
    probes: Pool = attrs.field(factory=lambda: Pool(2))
    parses: Pool = attrs.field(factory=lambda: Pool(2))
    writes: Pool = attrs.field(factory=lambda: Pool(4))
    previews: Pool = attrs.field(factory=lambda: Pool(2))
    fetches: Pool = attrs.field(factory=lambda: Pool(16))
