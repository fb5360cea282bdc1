"""Time, in one place: what waits or looks at a clock asks here, so that tests can inject theirs."""

from __future__ import annotations

import queue
import threading
import time
from typing import Protocol, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Source(Protocol[T_co]):
    """Where something arrives for a task to wait for."""

    async def receive(self) -> T_co:
        """Return the next item, once there is one."""
        ...


class Clock:
    """The machine's clock; `nemovideo.testing.FakeClock` is one that never really waits.

    `time()` is seconds since the epoch, `monotonic()` seconds since any point.
    """

    def time(self) -> float:
        """Return the wall clock in seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds since an arbitrary point, never going back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Block this thread for so many seconds."""
        time.sleep(seconds)

    async def sleep_async(self, seconds: float) -> None:
        """Suspend this task for so many seconds."""
        import anyio

        await anyio.sleep(seconds)

    def wait(self, event: threading.Event, seconds: float, *, polling: bool = False) -> bool:  # noqa: ARG002 - for clocks of tests
        """Block this thread for so many seconds, or until the event, and return whether it came.

        Args:
            event: What ends the wait early.
            seconds: How long to wait.
            polling: Whether the wait is for a job of the service.
        """
        return event.wait(seconds)

    async def wait_async(self, seconds: float, *, polling: bool = False) -> None:  # noqa: ARG002
        """Suspend this task for so many seconds; see `wait`."""
        await self.sleep_async(seconds)

    def extended(self, ends_at: float, limit_s: float) -> float:  # noqa: ARG002
        """Return until when to wait for a job that has just made progress; its limit stays."""
        return ends_at

    def receive(self, source: queue.SimpleQueue[T], timeout_s: float) -> T | None:
        """Return the next item, or None once `timeout_s` seconds have passed without one."""
        try:
            return source.get(timeout=max(timeout_s, 0))
        except queue.Empty:
            return None

    async def receive_async(self, source: Source[T], timeout_s: float) -> T | None:
        """Return the next item, or None once `timeout_s` seconds have passed without one."""
        import anyio

        with anyio.move_on_after(max(timeout_s, 0)):
            return await source.receive()
        return None
