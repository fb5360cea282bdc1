"""A clock for tests that never waits."""

from __future__ import annotations

import queue
import threading
import time
from typing import TypeVar

from nemovideo._support.clock import Clock, Source

T = TypeVar("T")


class FakeClock(Clock):
    """A clock whose waits end immediately: `Client.local(clock=FakeClock())`.

    Waiting advances its time, so a deadline only counts waits. The next event of an answer has
    `grace_s` seconds of real time to arrive before the clock advances: the server may be busy. A
    render that makes progress does not time out, since it takes real time.

    It starts at the real time, because servers use their own clocks to date tokens and links.

    Attributes:
        now: The time in epoch seconds; it may be set.
        waits: The requested duration of each wait, in seconds.
    """

    def __init__(self, now: float | None = None, grace_s: float = 10) -> None:
        self.now: float = time.time() if now is None else now
        self.grace_s = grace_s
        self.waits: list[float] = []

    def time(self) -> float:
        """Return the clock's own time."""
        return self.now

    def monotonic(self) -> float:
        """Return the clock's own time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Advance the time."""
        self.waits.append(seconds)
        self.now += seconds

    def wait(self, event: threading.Event, seconds: float, *, polling: bool = False) -> bool:
        """Advance the time; polling also takes a little real time, in which the service works."""
        if polling:
            time.sleep(self._poll_s)
        self.sleep(seconds)
        return event.is_set()

    async def sleep_async(self, seconds: float, *, polling: bool = False) -> None:
        """Advance the time; see `wait`."""
        if polling:
            await super().sleep_async(self._poll_s)
        self.sleep(seconds)

    def extended(self, ends_at: float, limit_s: float) -> float:  # noqa: ARG002
        """Restart the time limit of a job that makes progress, since it takes real time."""
        return self.now + limit_s

    @property
    def _poll_s(self) -> float:
        return min(self.grace_s / 10, 0.05)

    def receive(self, source: queue.SimpleQueue[T], timeout_s: float) -> T | None:
        """Return an item that arrives within `grace_s`; otherwise advance the time."""
        item = super().receive(source, self.grace_s)
        if item is None:
            self.now += timeout_s
        return item

    async def receive_async(self, source: Source[T], timeout_s: float) -> T | None:
        """Return an item that arrives within `grace_s`; otherwise advance the time."""
        item = await super().receive_async(source, self.grace_s)
        if item is None:
            self.now += timeout_s
        return item
