"""The clock of a replay at a given speed."""

from __future__ import annotations

import queue
import threading
from typing import TypeVar

from nemovideo._support.clock import Clock, Source

T = TypeVar("T")


class FastClock(Clock):
    """A clock that starts at `now` (seconds since the epoch) and runs `speed` times as fast.

    It starts at the time of the recording because a recorded token would have expired by now.
    """

    def __init__(self, now: float, speed: float) -> None:
        self._speed = speed
        self._now = now
        self._began = super().monotonic()

    def time(self) -> float:
        """Return the recorded time."""
        return self._now + self.monotonic()

    def monotonic(self) -> float:
        """Return the seconds of recorded time since the clock was created."""
        return (super().monotonic() - self._began) * self._speed

    async def sleep_async(self, seconds: float, *, polling: bool = False) -> None:
        """Suspend this task for `seconds` of recorded time."""
        await super().sleep_async(seconds / self._speed, polling=polling)

    def wait(self, event: threading.Event, seconds: float, *, polling: bool = False) -> bool:
        """Block this thread for `seconds` of recorded time, or until the event."""
        return super().wait(event, seconds / self._speed, polling=polling)

    def receive(self, source: queue.SimpleQueue[T], timeout_s: float) -> T | None:
        """Return the next item, or None after `timeout_s` of recorded time."""
        return super().receive(source, timeout_s / self._speed)

    async def receive_async(self, source: Source[T], timeout_s: float) -> T | None:
        """Return the next item, or None after `timeout_s` of recorded time."""
        return await super().receive_async(source, timeout_s / self._speed)
