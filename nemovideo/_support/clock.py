"""The clock behind all waits and times, which tests replace."""

from __future__ import annotations

import queue
import threading
import time
from typing import Protocol, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Source(Protocol[T_co]):
    """A source of items that a task can wait for."""

    async def receive(self) -> T_co:
        """Wait for the next item, and return it."""
        ...


class Clock:
    """The system clock; `nemovideo.testing.FakeClock` replaces it in tests."""

    def time(self) -> float:
        """Return the seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Return the seconds since an arbitrary point, which never decrease."""
        return time.monotonic()

    def wait(self, event: threading.Event, seconds: float, *, polling: bool = False) -> bool:  # noqa: ARG002 - used by test clocks
        """Block this thread for `seconds` or until an event, and return whether it was set.

        When `polling`, the wait is between two polls of a job.
        """
        return event.wait(seconds)

    async def sleep_async(self, seconds: float, *, polling: bool = False) -> None:  # noqa: ARG002
        """Suspend this task for `seconds`; see `wait`."""
        import anyio

        await anyio.sleep(seconds)

    def extended(self, ends_at: float, limit_s: float) -> float:  # noqa: ARG002
        """Return the end of the wait for a job that has made progress; a fake clock extends it."""
        return ends_at

    def receive(self, source: queue.SimpleQueue[T], timeout_s: float) -> T | None:
        """Return the next item, or None after the timeout."""
        try:
            return source.get(timeout=max(timeout_s, 0))
        except queue.Empty:
            return None

    async def receive_async(self, source: Source[T], timeout_s: float) -> T | None:
        """Return the next item, or None after the timeout."""
        import anyio

        with anyio.move_on_after(max(timeout_s, 0)):
            return await source.receive()
        return None
