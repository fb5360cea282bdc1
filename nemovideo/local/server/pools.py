"""Thread pools for blocking work: one per kind, so that kinds do not block each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import anyio.to_thread
import attrs
from anyio import CapacityLimiter

_T = TypeVar("_T")


class Pool:
    """At most `threads` threads at a time."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._limiter: CapacityLimiter | None = None

    async def run(self, work: Callable[[], _T]) -> _T:
        """Run `work` in a thread and return its result; if cancelled, the thread is abandoned."""
        if self._limiter is None:  # needs a running event loop
            self._limiter = CapacityLimiter(self._threads)
        return await anyio.to_thread.run_sync(work, limiter=self._limiter, abandon_on_cancel=True)


@attrs.frozen
class Pools:
    """The pool of each kind of work; renders have their own workers."""

    runs: Pool = attrs.field(factory=lambda: Pool(4))
    probes: Pool = attrs.field(factory=lambda: Pool(2))
    writes: Pool = attrs.field(factory=lambda: Pool(4))
    previews: Pool = attrs.field(factory=lambda: Pool(1))
    fetches: Pool = attrs.field(factory=lambda: Pool(16))
