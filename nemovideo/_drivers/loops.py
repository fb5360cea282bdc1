"""Background tasks and locks of the running event loop, asyncio's or trio's.

Streams are read by tasks of the loop itself: a task group would stay open while the user's code
runs, and closing it from another task would cancel the user's own task.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import anyio

from nemovideo._drivers.locks import DEADLOCK_S, IDLE_S, Holder, Ownership, deadlock_error

if TYPE_CHECKING:
    from trio.lowlevel import TrioToken


class Loop:
    """The running event loop."""

    def __init__(self) -> None:
        self._trio = _trio_token()
        self._asyncio = None if self._trio is not None else asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()  # the loop holds only weak references

    def spawn(self, function: Callable[[], Awaitable[None]]) -> anyio.CancelScope:
        """Run a function in a new task, with the caller's context variables.

        The function must not raise. Cancel the scope to end the task.
        """
        scope = anyio.CancelScope()

        async def main() -> None:
            with scope:
                await function()

        if self._asyncio is None:
            import trio

            context = contextvars.copy_context()
            trio.lowlevel.spawn_system_task(main, name="nemovideo-stream", context=context)
        else:
            task = self._asyncio.create_task(main(), name="nemovideo-stream")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return scope

    def task_id(self) -> int:
        """Return the id of the current task, faster than `anyio.get_current_task` does."""
        if self._asyncio is not None:
            return id(asyncio.current_task(self._asyncio))
        import trio

        return id(trio.lowlevel.current_task())

    def call_soon(self, function: Callable[[], object]) -> None:
        """Call a function in the loop, from any thread; do nothing if the loop has ended."""
        with suppress(RuntimeError):  # trio.RunFinishedError is one
            if self._asyncio is not None:
                self._asyncio.call_soon_threadsafe(function)
            elif self._trio is not None:
                self._trio.run_sync_soon(function)


def _trio_token() -> TrioToken | None:
    """Return the token of the current trio run, or None."""
    if "trio" not in sys.modules:
        return None
    import trio

    with suppress(RuntimeError):
        return trio.lowlevel.current_trio_token()
    return None


class TaskLock:
    """A lock for tasks; any task of the same event loop may release it."""

    def __init__(self) -> None:
        self._lock = anyio.Semaphore(1)
        self._owner = Ownership()

    async def acquire(self, holder: Holder) -> None:
        """Acquire the lock.

        Raises:
            InvalidRequestError: It is held by an open stream of this task.
        """
        try:
            self._lock.acquire_nowait()
        except anyio.WouldBlock:
            await self._wait(holder.user)
        self._owner.set(holder)

    async def _wait(self, user: int) -> None:
        acquired = False
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._detect_deadlock, user, tasks.cancel_scope)
            await self._lock.acquire()
            acquired = True
            tasks.cancel_scope.cancel()
        if not acquired:
            raise deadlock_error()

    async def _detect_deadlock(self, user: int, waiting: anyio.CancelScope) -> None:
        """Collect dropped streams, and cancel the wait in a deadlock."""
        deadlocked_for, collected = 0.0, False
        while deadlocked_for < DEADLOCK_S:
            await anyio.sleep(IDLE_S)
            idle_user = self._owner.idle_user()
            deadlocked_for = deadlocked_for + IDLE_S if idle_user == user else 0.0
            if idle_user is not None and not collected:
                gc.collect()
                collected = True
        waiting.cancel()

    def release(self) -> None:
        """Release the lock."""
        self._owner.set(None)
        self._lock.release()
