"""A clock that never really waits, for tests; `nemovideo.testing` gives it to users."""

from __future__ import annotations

import queue
from typing import TypeVar

from nemovideo._support.clock import Clock, Source

T = TypeVar("T")


class FakeClock(Clock):
    """A clock whose waits are over at once: `Client.local(clock=FakeClock())`.

    Waiting moves its time on. Where something may really arrive meanwhile, it
    is given `grace_s` seconds of real time first.

    Attributes:
        now: The time in seconds; set it to what the test needs.
        waits: How long each wait was meant to be, in seconds.
    """

    def __init__(self, now: float = 1_800_000_000.0, grace_s: float = 0.5) -> None:
        self.now: float = now
        self.grace_s = grace_s
        self.waits: list[float] = []

    def time(self) -> float:
        """Return the clock's own time."""
        return self.now

    def monotonic(self) -> float:
        """Return the clock's own time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Move the time on, at once."""
        self.waits.append(seconds)
        self.now += seconds

    async def sleep_async(self, seconds: float) -> None:
        """Move the time on, at once."""
        self.sleep(seconds)

    def receive(self, source: queue.SimpleQueue[T], timeout_s: float) -> T | None:
        """Return what comes within the grace; else move the time on."""
        item = super().receive(source, self.grace_s)
        if item is None:
            self.now += timeout_s
        return item

    async def receive_async(self, source: Source[T], timeout_s: float) -> T | None:
        """Return what comes within the grace; else move the time on."""
        item = await super().receive_async(source, self.grace_s)
        if item is None:
            self.now += timeout_s
        return item
