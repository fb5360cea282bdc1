"""The async driver: carries out flows with httpx.AsyncClient and anyio, on asyncio or trio.

What belongs to a running event loop (the HTTP clients, the locks) is kept per loop, so that one
AsyncClient works in several `asyncio.run` calls.
"""

from __future__ import annotations

import itertools
import math
import os
import warnings
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar
from weakref import WeakValueDictionary

import anyio
import attrs
from anyio import to_thread
from anyio.lowlevel import RunVar

from nemovideo._config.proxies import Proxies
from nemovideo._config.settings import Settings
from nemovideo._drivers import http
from nemovideo._drivers.aio_stream import Stream
from nemovideo._drivers.attempts import Attempts, Deadline
from nemovideo._drivers.connections import AsyncTrace
from nemovideo._drivers.loops import Loop, TaskLock, current_task
from nemovideo._drivers.machine import Leave, Machine
from nemovideo._drivers.troubles import Way, closed_error, detach, forked_error
from nemovideo._drivers.watch import Watch
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
    Request,
    Sleep,
    Step,
)
from nemovideo._wire import envelopes
from nemovideo.errors import APIConnectionError, NemoError

if TYPE_CHECKING:
    from nemovideo.events import AgentEvent

T = TypeVar("T")

_COLLECTED_BYTES = 1024 * 1024
"""How much of a sync iterable is taken before the event loop gets its turn."""


@attrs.define(eq=False)
class _Home:
    """What one client keeps for one running event loop."""

    client: http.AsyncClient
    fresh: http.AsyncClient
    keeper: AsyncGenerator[None, None]
    pid: int = attrs.field(factory=os.getpid)
    loop: Loop = attrs.field(factory=Loop)
    locks: WeakValueDictionary[str, TaskLock] = attrs.field(factory=WeakValueDictionary)
    waits: set[anyio.CancelScope] = attrs.field(factory=set)

    def lock(self, name: str) -> TaskLock:
        """Return this loop's lock of this name; it lives as long as somebody has it."""
        lock = self.locks.get(name)
        if lock is None:
            self.locks[name] = lock = TaskLock()
        return lock


async def _kept_open(*clients: http.AsyncClient) -> AsyncGenerator[None, None]:
    """Close the HTTP clients when the event loop ends that they belong to.

    An event loop closes the async generators that are still suspended before
    it ends: the only moment at which forgotten connections can be closed.
    """
    try:
        yield
    except GeneratorExit:
        for client in clients:
            await client.aclose()
        warnings.warn(
            "a nemovideo AsyncClient was not closed before its event loop ended; "
            "use it in an async with block, or call close()",
            ResourceWarning,
            stacklevel=2,
        )
        raise


class AsyncDriver:
    """Carries out flows for one client; each runs in the task that awaits it.

    Args:
        settings: The client's settings.
        client: An HTTP client that the user brought, and closes.
        lender: The driver of the client that this one is a copy of; it lends its connections.
    """

    def __init__(
        self,
        settings: Settings,
        client: http.AsyncClient | None = None,
        lender: AsyncDriver | None = None,
    ) -> None:
        self.settings = settings
        self._lender = lender
        self.given: http.AsyncClient | None = client if lender is None else lender.given
        self.homes: RunVar[_Home | None] = RunVar(f"nemovideo-{id(self)}")
        self.pid: int = os.getpid()
        if lender is not None:
            self.homes, self.pid = lender.homes, lender.pid
        self._closed = False
        self.way: Way = Way(settings, Proxies.from_environment() if self.given is None else None)

    def variant(self, settings: Settings) -> AsyncDriver:
        """Return a driver with other settings, on the same connections."""
        return AsyncDriver(settings, lender=self)

    @property
    def closed(self) -> bool:
        """True once it was closed, or the one that lends it its connections."""
        return self._closed or (self._lender is not None and self._lender.closed)

    @property
    def home(self) -> _Home:
        """What this client keeps for the running loop, made when first needed.

        Raises:
            InvalidRequestError: The user brought the HTTP client, and it belongs to the parent
                of a fork.
        """
        home = self.homes.get(None)
        if home is None or home.pid != os.getpid():  # a child makes its own connections
            if self.given is not None and self.pid != os.getpid():
                raise forked_error()
            client = self.given or http.async_client()
            fresh = self.given or http.async_client(reuse=False)
            keeper = _kept_open(*(() if self.given else (client, fresh)))
            if self.given is None:
                with suppress(StopIteration):
                    keeper.__anext__().send(None)  # to its yield, which takes no waiting
            home = _Home(client, fresh, keeper)
            self.homes.set(home)
        return home

    def shut(self) -> None:
        """Refuse further calls."""
        self._closed = True

    def open(self) -> None:
        """Make it usable again after a close."""
        self._closed = False

    async def close(self) -> None:
        """Close this loop's connections, if they are its own; twice is fine.

        Tasks that wait for an answer, a stream, a lock or a pause wake up with an error.
        """
        self._closed = True
        home = self.homes.get(None)
        if home is not None and self._lender is None:
            self.homes.set(None)
            for scope in list(home.waits):
                scope.cancel()
            if self.given is None:
                with suppress(StopAsyncIteration):
                    await home.keeper.__anext__()
                await home.client.aclose()
                await home.fresh.aclose()

    def start(self, flow: Flow[T], deadline_s: float | None = None) -> Run[T]:
        """Return a run of a flow, for those who want its events."""
        return Run(self, flow, deadline_s)

    async def run(self, flow: Flow[T], deadline_s: float | None = None) -> T:
        """Return what a flow returns; the events that it emits are dropped."""
        async with self.start(flow, deadline_s) as run:
            while await run.advance() is not None:
                pass
            return run.result

    def check(self) -> None:
        """Check that the client is open.

        Raises:
            InvalidRequestError: It was closed.
        """
        if self.closed:
            raise closed_error()

    async def call(self, request: Request, deadline: Deadline) -> object:
        """Send a request, as often as the retry policy allows, and open its envelope."""
        return await self._repeated(request, deadline, partial(self._call_once, request, deadline))

    async def download(self, step: Download, deadline: Deadline) -> None:
        """Fetch a file; a connection that breaks is followed by one that resumes."""
        attempt = partial(self._download_once, step, deadline)
        await self._repeated(step.request, deadline, attempt, lambda: step.transfer.progress_bytes)

    def stream(self, request: Request, deadline: Deadline) -> Stream:
        """Return a stream, which begins to connect."""
        attempt = partial(self._open_once, request, deadline)
        connect = partial(self._repeated, request, deadline, attempt)
        return Stream(connect, request, self.way, self.settings.clock, self.home.loop)

    async def _repeated(
        self,
        request: Request,
        deadline: Deadline,
        attempt: Callable[[], Awaitable[T]],
        gained: Callable[[], int] = int,
    ) -> T:
        self.check()
        left = deadline.remaining()
        if left == math.inf:
            return await self._tried(request, deadline, attempt, gained)
        with anyio.move_on_after(left):
            return await self._tried(request, deadline, attempt, gained)
        raise deadline.passed()

    async def _tried(
        self,
        request: Request,
        deadline: Deadline,
        attempt: Callable[[], Awaitable[T]],
        gained: Callable[[], int],
    ) -> T:
        began = deadline.now()
        try:
            return await attempt()
        except NemoError as error:
            failed = [error]
        self.check()
        from tenacity import AsyncRetrying

        async def again() -> T:
            if failed:
                raise failed.pop()
            return await attempt()

        settings = self.settings
        attempts = Attempts(settings.retry, request, deadline, began, settings.timeout_s, gained)
        return await AsyncRetrying(sleep=settings.clock.sleep_async, **attempts.options)(again)

    @asynccontextmanager
    async def _answer(
        self,
        request: Request,
        deadline: Deadline,
        *,
        endless: bool = False,
        follow: bool = False,
    ) -> AsyncIterator[http.Response]:
        """Send a request, give its answer, of which only the headers were read, and close it.

        Args:
            request: What to send.
            deadline: When the whole call must have ended.
            endless: Whether it is a stream, whose answer is left open.
            follow: Whether redirects are followed.
        """
        home, way, settings = self.home, self.way, self.settings
        fresh = request.fresh or endless
        client = home.fresh if fresh else home.client
        ours = self.given is None
        # Its calls of the HTTP library take time, so only those have one that need it.
        trace = AsyncTrace() if request.spare or (endless and not ours) else None
        with (
            way.translating(request, deadline),
            http.built(
                client,
                settings,
                request,
                deadline=deadline,
                trace=trace,
                ours=ours,
                endless=endless,
            ) as built,
        ):
            watch = Watch(settings, request)
            try:
                response = await client.send(built, stream=True, follow_redirects=False)
                for count in itertools.count() if follow else ():
                    if response.next_request is None:
                        break
                    await response.aclose()
                    following = http.redirected(response, built, count, settings, ours=ours)
                    response = await client.send(
                        following, stream=True, auth=None, follow_redirects=False
                    )
            except Exception as error:  # noqa: BLE001 - raised again, as one of ours
                self.check()
                raise watch.failed(way.typed(error, request, deadline, trace, client)) from None
            watch.answered(response.status_code, response.headers)
            try:
                yield response
            finally:
                if not (endless and http.is_stream(response)):
                    await response.aclose()

    async def _call_once(self, request: Request, deadline: Deadline) -> object:
        async with self._answer(request, deadline) as response:
            found = await self._read(request, response, deadline)
        return http.opened(found)

    async def _read(
        self, request: Request, response: http.Response, deadline: Deadline
    ) -> envelopes.Exchange:
        """Read the whole answer."""
        body = http.Body(request, response)
        async for chunk in response.aiter_bytes():
            if not body.add(chunk):
                break
            deadline.clip(0)
        return http.exchange(request, response, body.whole(), self.settings)

    async def _download_once(self, step: Download, deadline: Deadline) -> None:
        from nemovideo._drivers import downloads  # needed by downloads only

        transfer = step.transfer
        while (asked := transfer.next_request()) is not None:
            request = step.request.with_headers(asked.headers)
            anywhere = "Authorization" not in request.headers
            async with self._answer(request, deadline, follow=anywhere) as response:
                if not downloads.is_file(response, asked):
                    raise downloads.not_a_file(await self._read(request, response, deadline))
                head = downloads.head_of(response, transfer.place)
                if await to_thread.run_sync(transfer.on_response, head):
                    await self._take(step, response, deadline)

    async def _take(self, step: Download, response: http.Response, deadline: Deadline) -> None:
        """Write what the answer brings of the file, in a thread: the disk may be slow."""
        from nemovideo._drivers import downloads

        batch = downloads.Batch(self.settings.clock)
        try:
            with self.way.translating(step.request, deadline):
                chunks = downloads.body_of_async(response)
                try:
                    async for chunk in chunks:
                        if batch.add(chunk):
                            await to_thread.run_sync(step.transfer.write_all, batch.taken())
                            step.report()
                            deadline.clip(0)
                finally:
                    with anyio.CancelScope(shield=True):
                        await http.closed(response, chunks)
                        # What has arrived need not come again.
                        await to_thread.run_sync(step.transfer.write_all, batch.taken())
        except APIConnectionError as error:
            self.check()
            step.transfer.on_disconnect(error)
        else:
            step.transfer.on_end()
        step.report()

    async def _open_once(self, request: Request, deadline: Deadline) -> http.Response:
        async with self._answer(request, deadline, endless=True) as response:
            if http.is_stream(response):
                return response
            found = await self._read(request, response, deadline)
        raise http.not_a_stream(found)


class Run(Generic[T]):
    """A flow being run; closing it, or dropping it, ends its streams and releases its locks.

    Between two calls of `advance` no task group and no cancel scope is open: the user's code runs
    then, in any task.

    Attributes:
        user: The task that advanced it last.
        advancing: Whether a task is advancing it right now.
    """

    def __init__(self, driver: AsyncDriver, flow: Flow[T], deadline_s: float | None) -> None:
        self._driver = driver
        self._machine = Machine(flow)
        self._deadline = Deadline(driver.settings.clock, deadline_s)
        self._streams: list[Stream] = []
        self._locks: dict[str, TaskLock] = {}
        self._loop: Loop | None = None
        self.user: int = 0
        self.advancing: bool = False

    async def __aenter__(self) -> Run[T]:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __del__(self) -> None:
        self.abandon()

    def abandon(self) -> None:
        """End what is still open, without waiting for it; from any thread."""
        self._machine.close()
        if self._loop is not None and (self._streams or self._locks):
            streams, self._streams = self._streams, []
            locks, self._locks = list(self._locks.values()), {}

            def end() -> None:
                for stream in streams:
                    stream.cancel()
                for lock in locks:
                    lock.release()

            self._loop.soon(end)

    async def advance(self) -> AgentEvent | None:
        """Go on to the next event, or to the end: then the answer is None."""
        self.user, self.advancing = current_task(), True
        try:
            while (step := self._machine.next()) is not None:
                if isinstance(step, Emit):
                    return step.event
                if isinstance(step, Leave):
                    self._locks.pop(step.name).release()
                    continue
                try:
                    self._machine.answer(await self._interruptible(step))
                except Exception as error:  # noqa: BLE001 - the flow decides
                    detach(error)
                    self._machine.fail(error)
                except BaseException:
                    # Cancelled. Only reading can be continued; any other step has no answer.
                    if not isinstance(step, Read):
                        self._machine.close()
                    raise
            return None
        finally:
            self.advancing = False

    @property
    def result(self) -> T:
        """What the flow has returned."""
        return self._machine.result

    async def close(self) -> None:
        """End what is still open; another task may do that while a reader waits."""
        self._machine.close()
        streams, self._streams = self._streams, []
        try:
            for stream in reversed(streams):
                await stream.close()
        finally:
            while self._locks:
                self._locks.popitem()[1].release()

    async def _interruptible(self, step: Step) -> object:
        """Carry out a step; closing the client interrupts it."""
        self._driver.check()
        home = self._driver.home
        self._loop = home.loop
        with anyio.CancelScope() as scope:
            home.waits.add(scope)
            try:
                return await self._perform(step, home)
            finally:
                home.waits.discard(scope)
        raise closed_error()

    async def _perform(self, step: Step, home: _Home) -> object:
        driver, deadline = self._driver, self._deadline
        match step:
            case Call(request):
                return await driver.call(request, deadline)
            case Sleep(seconds, polling):
                if seconds >= deadline.remaining():
                    raise deadline.passed()
                await driver.settings.clock.wait_async(seconds, polling=polling)
            case Blocking(function):
                return await to_thread.run_sync(function)
            case Collect():
                with anyio.move_on_after(deadline.remaining()) as scope:
                    await _collect(step)
                if scope.cancelled_caught:
                    raise deadline.passed()
            case Download():
                await driver.download(step, deadline)
            case Open(request):
                stream = driver.stream(request, deadline)
                self._streams.append(stream)
                return stream
            case Read(handle, timeout_s):
                assert isinstance(handle, Stream)
                return await handle.read(deadline.clip(timeout_s))
            case End(handle):
                assert isinstance(handle, Stream)
                await handle.close()
            case Exclusive():
                lock = home.lock(step.name)
                with anyio.move_on_after(deadline.remaining()):
                    await lock.acquire(self)
                    self._locks[step.name] = lock
                    self._machine.enter(step)
                    return None
                raise deadline.passed()
        return None


async def _collect(step: Collect) -> None:
    """Take the chunks; those of a sync iterable are made in a thread, for it may block."""
    if isinstance(step.chunks, AsyncIterable):
        async for chunk in step.chunks:
            await to_thread.run_sync(step.write, chunk)
        return
    chunks = iter(step.chunks)

    def take() -> bool:
        taken = 0
        for chunk in chunks:
            step.write(chunk)
            taken += len(chunk)
            if taken >= _COLLECTED_BYTES:
                return True
        return False

    while await to_thread.run_sync(take, abandon_on_cancel=True):
        pass
