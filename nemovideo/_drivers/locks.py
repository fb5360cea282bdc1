"""Locks that know who holds them, so that nobody waits for themselves for ever."""

from __future__ import annotations

import threading

import anyio

from nemovideo.errors import InvalidRequestError

_LONGEST_WAIT_S = 1e6
"""Python's own limit for a lock is not much higher."""


class ThreadLock:
    """A lock for threads; any thread may release it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holder: int | None = None

    def acquire(self, timeout_s: float) -> bool:
        """Take the lock, and say whether that was possible in time.

        Raises:
            InvalidRequestError: This very thread holds it.
        """
        thread = threading.get_ident()
        if self._holder == thread:
            raise _own_stream()
        if not self._lock.acquire(timeout=min(timeout_s, _LONGEST_WAIT_S)):
            return False
        self._holder = thread
        return True

    def release(self) -> None:
        """Give the lock back."""
        self._holder = None
        self._lock.release()


class TaskLock:
    """A lock for tasks; any task of the same event loop may release it."""

    def __init__(self) -> None:
        self._lock = anyio.Semaphore(1)
        self._holder: int | None = None

    async def acquire(self) -> None:
        """Take the lock.

        Raises:
            InvalidRequestError: This very task holds it.
        """
        task = anyio.get_current_task().id
        if self._holder == task:
            raise _own_stream()
        await self._lock.acquire()
        self._holder = task

    def release(self) -> None:
        """Give the lock back."""
        self._holder = None
        self._lock.release()


def _own_stream() -> InvalidRequestError:
    return InvalidRequestError(
        "a stream of this session is still open, and sends of one session wait for each other",
        remedy="Read the stream to its end, or leave its block, before the next message.",
    )
