"""Background tasks and locks of the running event loop, asyncio's or trio's.

A task group would have to stay open while the user's code runs, and closing it from another task
would cancel the user's own one. So a stream is read by a task of the loop itself.
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

from nemovideo._drivers.locks import IDLE_S, OWN_STREAM_S, Holder, Ownership, own_stream_error

if TYPE_CHECKING:
    from trio.lowlevel import TrioToken


class Loop:
    """The event loop that runs now."""

    def __init__(self) -> None:
        self._trio = _trio_token()
        self._asyncio = None if self._trio is not None else asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()  # the loop itself holds tasks only weakly

    def spawn(self, function: Callable[[], Awaitable[None]]) -> anyio.CancelScope:
        """Run a function in a task of its own, with the caller's context variables.

        The function must raise nothing. Cancel the scope to end it.
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

    def soon(self, function: Callable[[], object]) -> None:
        """Call a function in the loop, from any thread; a loop that has ended needs nothing."""
        with suppress(RuntimeError):  # trio.RunFinishedError is one
            if self._asyncio is not None:
                self._asyncio.call_soon_threadsafe(function)
            elif self._trio is not None:
                self._trio.run_sync_soon(function)


def _trio_token() -> TrioToken | None:
    """Return the token of the trio run that this is in, if it is in one."""
    if "trio" not in sys.modules:
        return None
    import trio

    with suppress(RuntimeError):
        return trio.lowlevel.current_trio_token()
    return None


def current_task() -> int:
    """Return the id of the running task."""
    return anyio.get_current_task().id


class TaskLock:
    """A lock for tasks; any task of the same event loop may release it."""

    def __init__(self) -> None:
        self._lock = anyio.Semaphore(1)
        self._owner = Ownership()

    async def acquire(self, holder: Holder) -> None:
        """Take the lock.

        Raises:
            InvalidRequestError: It is held by a stream that this very task has left open.
        """
        try:
            self._lock.acquire_nowait()
        except anyio.WouldBlock:
            await self._wait()
        self._owner.set(holder)

    async def _wait(self) -> None:
        taken = False
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._watch, current_task(), tasks.cancel_scope)
            await self._lock.acquire()
            taken = True
            tasks.cancel_scope.cancel()
        if not taken:
            raise own_stream_error()

    async def _watch(self, user: int, waiting: anyio.CancelScope) -> None:
        """Look for a dropped stream, and end the waiting of a task that waits for itself."""
        hopeless_for, collected = 0.0, False
        while hopeless_for < OWN_STREAM_S:
            await anyio.sleep(IDLE_S)
            hopeless_for = hopeless_for + IDLE_S if self._owner.hopeless(user) else 0.0
            if self._owner.idle() and not collected:
                gc.collect()
                collected = True
        waiting.cancel()

    def release(self) -> None:
        """Release the lock."""
        self._owner.set(None)
        self._lock.release()
