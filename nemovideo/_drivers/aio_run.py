"""Run a flow of an async client: perform its steps, one after the other."""

from __future__ import annotations

from collections.abc import AsyncIterable
from typing import TYPE_CHECKING, Generic, TypeVar

import anyio
from anyio import to_thread

from nemovideo._drivers.aio_calls import Calls
from nemovideo._drivers.aio_pool import LoopState
from nemovideo._drivers.aio_stream import Stream
from nemovideo._drivers.attempts import OTHER_CALL, Deadline
from nemovideo._drivers.loops import Loop, TaskLock
from nemovideo._drivers.network_errors import closed_error, drop_httpx_context
from nemovideo._drivers.trampoline import Release, Trampoline
from nemovideo._flows.steps import (
    Blocking,
    Call,
    Collect,
    Download,
    Emit,
    End,
    Exclusive,
    Flow,
    Open,
    Read,
    Sleep,
    Step,
)

if TYPE_CHECKING:
    from nemovideo.events import AgentEvent

T = TypeVar("T")

_COLLECT_BYTES = 1024 * 1024
"""How many bytes to read from a sync iterable per hop to a worker thread."""


class Run(Generic[T]):
    """A running flow; closing or dropping it ends its streams and releases its locks.

    No task group or cancel scope stays open between two calls to `advance`: the user's code runs
    then, possibly in another task.

    Attributes:
        user: The task that advanced it last.
        advancing: Whether a task is advancing it.
    """

    def __init__(self, calls: Calls, flow: Flow[T], deadline_s: float | None) -> None:
        self._calls = calls
        self._trampoline = Trampoline(flow)
        self._streams: list[Stream] = []
        self._locks: dict[str, TaskLock] = {}
        self._loop: Loop | None = None
        self.user: int = 0
        self.advancing: bool = False
        self._deadline = Deadline(calls.settings.clock, deadline_s)

    async def __aenter__(self) -> Run[T]:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __del__(self) -> None:
        self.abandon()

    def abandon(self) -> None:
        """Close the flow and its streams from any thread, without waiting."""
        self._trampoline.close()
        if self._loop is not None and (self._streams or self._locks):
            streams, self._streams = self._streams, []
            locks, self._locks = list(self._locks.values()), {}

            def end() -> None:
                for stream in streams:
                    stream.cancel()
                for lock in locks:
                    lock.release()

            self._loop.call_soon(end)

    async def advance(self) -> AgentEvent | None:
        """Run to the next event and return it, or to the end and return None."""
        if self._loop is not None:
            self.user = self._loop.task_id()
        self.advancing = True
        try:
            while (step := self._trampoline.next()) is not None:
                if isinstance(step, Emit):
                    return step.event
                if isinstance(step, Release):
                    self._locks.pop(step.name).release()
                    continue
                try:
                    self._trampoline.send(await self._perform_interruptibly(step))
                except Exception as error:  # noqa: BLE001 - thrown into the flow
                    drop_httpx_context(error)
                    self._trampoline.throw(error)
                except BaseException:
                    # Canceled: only a read can be repeated.
                    if not isinstance(step, Read):
                        self._trampoline.close()
                    raise
            return None
        finally:
            self.advancing = False

    @property
    def result(self) -> T:
        """The return value of the flow."""
        return self._trampoline.result

    async def close(self) -> None:
        """Close the flow and its streams; another task may do so during a read."""
        self._trampoline.close()
        streams, self._streams = self._streams, []
        try:
            for stream in reversed(streams):
                await stream.close()
        finally:
            while self._locks:
                self._locks.popitem()[1].release()

    async def _perform_interruptibly(self, step: Step) -> object:
        """Perform a step, which fails if the client is closed before it ends."""
        self._calls.check()
        state = self._calls.pool.state()
        self._loop = state.loop
        self.user = state.loop.task_id()
        with anyio.CancelScope() as scope:
            state.scopes.add(scope)
            try:
                return await self._perform(step, state)
            finally:
                state.scopes.discard(scope)
        raise closed_error()

    async def _perform(self, step: Step, state: LoopState) -> object:
        calls, deadline = self._calls, self._deadline
        match step:
            case Call(request):
                return await calls.call(request, deadline)
            case Sleep(seconds, polling):
                deadline.check(step)
                await calls.settings.clock.sleep_async(seconds, polling=polling)
            case Blocking(function):
                return await to_thread.run_sync(function)
            case Collect():
                with anyio.move_on_after(deadline.remaining()) as scope:
                    await _collect(step)
                if scope.cancelled_caught:
                    raise deadline.error()
            case Download():
                await calls.download(step, deadline)
            case Open(request):
                stream = calls.stream(request, deadline)
                self._streams.append(stream)
                return stream
            case Read(handle, timeout_s):
                assert isinstance(handle, Stream)
                return await handle.read(deadline.clip(timeout_s))
            case End(handle):
                assert isinstance(handle, Stream)
                await handle.close()
            case Exclusive():
                lock = state.lock(step.name)
                with anyio.move_on_after(deadline.remaining()):
                    await lock.acquire(self)
                    self._locks[step.name] = lock
                    self._trampoline.push(step)
                    return None
                raise deadline.error(OTHER_CALL)
        return None


async def _collect(step: Collect) -> None:
    """Write the chunks; a sync iterable may block, so it is read in a thread."""
    if isinstance(step.chunks, AsyncIterable):
        async for chunk in step.chunks:
            await to_thread.run_sync(step.write, chunk)
        return
    chunks = iter(step.chunks)

    def write_some() -> bool:
        written = 0
        for chunk in chunks:
            step.write(chunk)
            written += len(chunk)
            if written >= _COLLECT_BYTES:
                return True
        return False

    while await to_thread.run_sync(write_some, abandon_on_cancel=True):
        pass
