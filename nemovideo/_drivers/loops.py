"""Background tasks and locks of the running event loop, asyncio's or trio's.

A task group would have to stay open while the user's code runs, and closing it from another task
would cancel the user's own one. So a stream is read by a task of the loop itself.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import anyio

from nemovideo._drivers.locks import OWN_STREAM_S, Holder, Ownership, own_stream_error

if TYPE_CHECKING:
    from trio.lowlevel import TrioToken

_LOOK_S = 0.02


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
        if self._asyncio is not None:
            with suppress(RuntimeError):
                self._asyncio.call_soon_threadsafe(function)
        elif self._trio is not None:
            import trio

            with suppress(trio.RunFinishedError):
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
        user, waited = current_task(), 0.0
        while self._owner.hopeless(user):
            if waited >= OWN_STREAM_S:
                raise own_stream_error()
            await anyio.sleep(_LOOK_S)
            waited += _LOOK_S
        await self._lock.acquire()
        self._owner.set(holder)

    def release(self) -> None:
        """Release the lock."""
        self._owner.set(None)
        self._lock.release()
