"""Threads for blocking work, so many for each kind: work of one kind holds up no other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import anyio.to_thread
import attrs
from anyio import CapacityLimiter

_T = TypeVar("_T")


class Lane:
    """At most `threads` threads of the server's event loop, for one kind of work."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._limiter: CapacityLimiter | None = None

    async def run(self, work: Callable[[], _T]) -> _T:
        """Run `work` in a thread and return its result; a caller that is cancelled leaves it."""
        if self._limiter is None:  # an event loop is running only now
            self._limiter = CapacityLimiter(self._threads)
        return await anyio.to_thread.run_sync(work, limiter=self._limiter, abandon_on_cancel=True)


@attrs.frozen
class Lanes:
    """The bounds of each kind of work; renders have workers of their own."""

    runs: Lane = attrs.field(factory=lambda: Lane(4))
    probes: Lane = attrs.field(factory=lambda: Lane(2))
    writes: Lane = attrs.field(factory=lambda: Lane(4))
    previews: Lane = attrs.field(factory=lambda: Lane(1))
    fetches: Lane = attrs.field(factory=lambda: Lane(16))
