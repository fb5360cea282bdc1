"""A clock that never really waits, for tests; `nemovideo.testing` gives it to users."""

from __future__ import annotations

import queue
import threading
import time
from typing import TypeVar

from nemovideo._support.clock import Clock, Source

T = TypeVar("T")


class FakeClock(Clock):
    """A clock whose waits are over at once: `Client.local(clock=FakeClock())`.

    Waiting moves its time on. Where something may really arrive meanwhile, it
    is given `grace_s` seconds of real time first. A render that makes progress does not time
    out, since its work takes real time.

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

    def wait(self, event: threading.Event, seconds: float, *, polling: bool = False) -> bool:
        """Move the time on, at once; a job of the service gets a little real time."""
        if polling:
            time.sleep(self._poll_s)
        self.sleep(seconds)
        return event.is_set()

    async def wait_async(self, seconds: float, *, polling: bool = False) -> None:
        """Move the time on; see `wait`."""
        if polling:
            import anyio

            await anyio.sleep(self._poll_s)
        await self.sleep_async(seconds)

    def extended(self, ends_at: float, limit_s: float) -> float:  # noqa: ARG002
        """Give a job that makes progress its whole limit again: its work takes real time."""
        return self.now + limit_s

    @property
    def _poll_s(self) -> float:
        return min(self.grace_s / 10, 0.05)

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
