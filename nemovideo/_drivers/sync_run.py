"""Run a flow of a sync client: perform its steps, one after the other."""

from __future__ import annotations

import math
import threading
from collections.abc import AsyncIterable, Callable, Iterable
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from nemovideo._drivers.attempts import OTHER_CALL, Deadline
from nemovideo._drivers.locks import ThreadLock
from nemovideo._drivers.network_errors import drop_httpx_context
from nemovideo._drivers.sync_calls import Calls
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
from nemovideo.errors import InvalidRequestError

if TYPE_CHECKING:
    from nemovideo._drivers.sync_stream import Stream
    from nemovideo.events import AgentEvent

T = TypeVar("T")


class Run(Generic[T]):
    """A running flow; closing or dropping it ends its streams and releases its locks.

    Attributes:
        user: The thread that advanced it last.
        advancing: Whether a thread is advancing it.
    """

    def __init__(self, calls: Calls, flow: Flow[T], deadline_s: float | None) -> None:
        self._calls = calls
        self._trampoline = Trampoline(flow)
        self._streams: list[Stream] = []
        self._locks: dict[str, ThreadLock] = {}
        self._closed = False
        self.user: int = threading.get_ident()
        self.advancing: bool = False
        self._deadline = Deadline(calls.settings.clock, deadline_s)

    def __enter__(self) -> Run[T]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        for stream in self._end_flow():
            stream.abort()
        self._release_locks()

    def advance(self) -> AgentEvent | None:
        """Run to the next event and return it, or to the end and return None."""
        self.user, self.advancing = threading.get_ident(), True
        try:
            while (step := self._trampoline.next()) is not None:
                if isinstance(step, Emit):
                    return step.event
                if isinstance(step, Release):
                    self._locks.pop(step.name).release()
                    continue
                try:
                    self._trampoline.send(self._perform(step))
                except Exception as error:  # noqa: BLE001 - thrown into the flow
                    drop_httpx_context(error)
                    self._trampoline.throw(error)
                except BaseException:
                    # Interrupted: only a read can be repeated.
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

    def close(self) -> None:
        """Close the flow and its streams; another thread may do so during a read."""
        streams = self._end_flow()
        try:
            for stream in reversed(streams):
                stream.close()
        finally:
            self._release_locks()

    def _end_flow(self) -> list[Stream]:
        """Close the flow, and return its open streams."""
        self._closed = True
        # Close the flow first: otherwise it would try to recover from the end of its stream.
        self._trampoline.close()
        streams, self._streams = self._streams, []
        return streams

    def _release_locks(self) -> None:
        while self._locks:
            self._locks.popitem()[1].release()

    def _perform(self, step: Step) -> object:
        calls, deadline = self._calls, self._deadline
        match step:
            case Call(request):
                return calls.call(request, deadline)
            case Sleep(seconds, polling):
                deadline.check(step)
                calls.pause(seconds, polling=polling)
            case Blocking(function):
                return function()
            case Collect(chunks, write):
                self._collect(chunks, write)
            case Download():
                calls.download(step, deadline)
            case Open(request):
                calls.check()
                stream = calls.stream(request, deadline)
                # Registered before it starts, so that a concurrent `close` finds it.
                self._streams.append(stream)
                if self._closed:
                    stream.close()
                stream.start()
                return stream
            case Read(handle, timeout_s):
                return cast("Stream", handle).read(deadline.clip(timeout_s))
            case End(handle):
                cast("Stream", handle).close()
            case Exclusive():
                lock = calls.pool.lock(step.name)
                if not lock.acquire(self, deadline.clip(math.inf), calls.check):
                    raise deadline.error(OTHER_CALL)
                self._locks[step.name] = lock
                self._trampoline.push(step)
        return None

    def _collect(
        self, chunks: Iterable[bytes] | AsyncIterable[bytes], write: Callable[[bytes], None]
    ) -> None:
        if not isinstance(chunks, Iterable):
            raise InvalidRequestError(
                "an async iterable cannot be read by a Client", remedy="Use an AsyncClient."
            )
        for chunk in chunks:
            self._deadline.clip(0)
            write(chunk)
