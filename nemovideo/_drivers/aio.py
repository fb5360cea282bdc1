"""The async driver: carries out flows with httpx.AsyncClient and anyio, on asyncio or trio.

What belongs to a running event loop (the HTTP client, the locks) is kept per
loop, so that one AsyncClient works in several `asyncio.run` calls.
"""

from __future__ import annotations

import math
import warnings
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable
from contextlib import aclosing, suppress
from functools import cached_property, partial
from typing import TYPE_CHECKING, Generic, TypeVar

import anyio
import attrs
from anyio import to_thread
from anyio.abc import TaskGroup
from anyio.lowlevel import RunVar

from nemovideo._config.settings import Settings
from nemovideo._drivers import downloads, http
from nemovideo._drivers.attempts import Attempts, Deadline
from nemovideo._drivers.locks import TaskLock
from nemovideo._drivers.machine import Leave, Machine
from nemovideo._drivers.watch import Watch
from nemovideo._drivers.writer import Writer
from nemovideo._flows.steps import (
    Blocking,
    Call,
    Collect,
    Download,
    Emit,
    Exclusive,
    Flow,
    Open,
    Read,
    Request,
    Sleep,
    Step,
    StreamHandle,
)
from nemovideo._wire import envelopes
from nemovideo.errors import APIConnectionError, NemoError

if TYPE_CHECKING:
    import ssl

    from nemovideo.events import AgentEvent

T = TypeVar("T")

_COLLECTED_BYTES = 1024 * 1024
"""How much of a sync iterable is taken before the event loop is asked how things stand."""


@attrs.define(eq=False)
class _Loop:
    """What one client keeps for one running event loop."""

    client: http.AsyncClient
    stream_client: http.AsyncClient
    keeper: AsyncGenerator[None, None]
    locks: defaultdict[str, TaskLock] = attrs.field(factory=lambda: defaultdict(TaskLock))


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
        lender: The driver of the client that this one's is a copy of; it lends its connections.
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
        self.loop: RunVar[_Loop | None] = RunVar(f"nemovideo-{id(self)}")
        if lender is not None:
            self.loop = lender.loop
        self._closed = False

    def variant(self, settings: Settings) -> AsyncDriver:
        """Return a driver with other settings, on the same connections."""
        return AsyncDriver(settings, lender=self)

    @property
    def closed(self) -> bool:
        """True once it was closed, or the one that lends it its connections."""
        return self._closed or (self._lender is not None and self._lender.closed)

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        return http.certificates()

    @property
    def here(self) -> _Loop:
        """What this client keeps for the running loop, made when first needed."""
        loop = self.loop.get(None)
        if loop is None:
            client = self.given or http.async_client(self._trust)
            streams = self.given or http.async_stream_client(self._trust)
            keeper = _kept_open(*(() if self.given else (client, streams)))
            if self.given is None:
                with suppress(StopIteration):
                    keeper.__anext__().send(None)  # to its yield, which takes no waiting
            loop = _Loop(client, streams, keeper)
            self.loop.set(loop)
        return loop

    def shut(self) -> None:
        """Refuse further calls."""
        self._closed = True

    def open(self) -> None:
        """Make it usable again after a close."""
        self._closed = False

    async def close(self) -> None:
        """Close this loop's connections, if they are its own; twice is fine."""
        self._closed = True
        loop = self.loop.get(None)
        if loop is not None and self._lender is None:
            self.loop.set(None)
            if self.given is None:
                with suppress(StopAsyncIteration):
                    await loop.keeper.__anext__()
                await loop.client.aclose()
                await loop.stream_client.aclose()

    async def run(self, flow: Flow[T], deadline_s: float | None = None) -> T:
        """Return what a flow returns; the events that it emits are passed over."""
        # Not entered as a block: most flows open no stream, and need no group of tasks.
        run = Run(self, flow, deadline_s)
        try:
            while await run.advance() is not None:
                pass
            return run.result
        finally:
            await run.close()

    def lock(self, name: str) -> TaskLock:
        """Return this loop's lock of this name."""
        return self.here.locks[name]

    async def call(self, request: Request, deadline: Deadline) -> object:
        """Send a request, as often as the retry policy allows, and open its envelope."""
        return await self._repeated(request, deadline, partial(self._call_once, request, deadline))

    async def download(self, step: Download, deadline: Deadline) -> None:
        """Fetch a file; a connection that breaks is followed by one that goes on."""
        attempt = partial(self._download_once, step, deadline)
        await self._repeated(step.request, deadline, attempt, lambda: step.transfer.gained)

    async def open_response(self, request: Request, deadline: Deadline) -> http.Response:
        """Begin a stream and return its response; any other answer is an error."""
        return await self._repeated(request, deadline, partial(self._open_once, request, deadline))

    async def _repeated(
        self,
        request: Request,
        deadline: Deadline,
        attempt: Callable[[], Awaitable[T]],
        gained: Callable[[], int] = int,
    ) -> T:
        if self.closed:
            raise http.closed_error()
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
        try:
            return await attempt()
        except NemoError as error:
            failed = [error]
        from tenacity import AsyncRetrying  # paid for only by calls that fail

        async def again() -> T:
            if failed:
                raise failed.pop()
            return await attempt()

        attempts = Attempts(self.settings.retry, request, deadline, gained)
        return await AsyncRetrying(sleep=self.settings.clock.sleep_async, **attempts.options)(again)

    async def _send(
        self,
        client: http.AsyncClient,
        request: Request,
        built: http.BuiltRequest,
        *,
        follow: bool = False,
    ) -> http.Response:
        """Send a request, and tell the hooks of it and of the head of its answer."""
        watch = Watch(self.settings, request)
        try:
            response = await client.send(built, stream=True, follow_redirects=follow)
        except Exception as error:
            watch.failed(http.typed(error, request))
            raise
        watch.answered(response.status_code, response.headers)
        return response

    async def _call_once(self, request: Request, deadline: Deadline) -> object:
        client = self.here.client
        with (
            http.translating(request, deadline),
            http.built(client, self.settings, request, deadline=deadline) as built,
        ):
            response = await self._send(client, request, built)
            found = await self._read(request, response, deadline)
        return envelopes.open_envelope(found)

    async def _read(
        self, request: Request, response: http.Response, deadline: Deadline
    ) -> envelopes.Exchange:
        """Read the whole answer, and close it."""
        try:
            body = http.Body(request, response)
            async for chunk in response.aiter_bytes():
                if not body.add(chunk):
                    break
                deadline.clip(0)
        finally:
            await response.aclose()
        return http.exchange(request, response, body.whole(), self.settings)

    async def _download_once(self, step: Download, deadline: Deadline) -> None:
        transfer, client = step.transfer, self.here.client
        while (question := transfer.question()) is not None:
            request = step.request.asking(question.headers)
            with (
                http.translating(request, deadline),
                http.built(client, self.settings, request, deadline=deadline) as built,
            ):
                anywhere = "Authorization" not in request.headers
                response = await self._send(client, request, built, follow=anywhere)
                if not downloads.is_file(response, question):
                    raise downloads.not_a_file(await self._read(request, response, deadline))
                try:
                    head = downloads.head_of(response, transfer.place)
                    if await to_thread.run_sync(transfer.answered, head):
                        await self._take(step, response, deadline)
                finally:
                    await response.aclose()

    async def _take(self, step: Download, response: http.Response, deadline: Deadline) -> None:
        """Take what the answer brings of the file; nothing here waits for the disk."""
        writer = Writer(step.transfer, self.settings.clock)
        try:
            with http.translating(step.request, deadline):
                try:
                    body = downloads.body_of_async(response, ours=self.given is None)
                    async with aclosing(body):
                        async for chunk in body:
                            if writer.take(chunk):
                                if not writer.flush(wait=False):
                                    await to_thread.run_sync(writer.flush)
                                step.report()
                                deadline.clip(0)
                finally:
                    with anyio.CancelScope(shield=True):  # what has come need not come again
                        await to_thread.run_sync(writer.finish)
        except APIConnectionError as error:
            step.transfer.broke(error)
        else:
            step.transfer.ended()
        step.report()

    async def _open_once(self, request: Request, deadline: Deadline) -> http.Response:
        client = self.here.stream_client
        with (
            http.translating(request, deadline),
            http.built(client, self.settings, request, deadline=deadline, endless=True) as built,
        ):
            response = await self._send(client, request, built)
            if http.is_stream(response):
                return response
            found = await self._read(request, response, deadline)
        raise http.not_a_stream(found)


class Run(Generic[T]):
    """One flow on its way; closing it ends its streams and gives its locks back."""

    def __init__(self, driver: AsyncDriver, flow: Flow[T], deadline_s: float | None) -> None:
        self._driver = driver
        self._machine = Machine(flow)
        self._deadline = Deadline(driver.settings.clock, deadline_s)
        self._tasks: TaskGroup | None = None

    async def __aenter__(self) -> Run[T]:
        # Entered here, and not by the first step, so that each step may stand in a scope of
        # the user's own: `with anyio.move_on_after(5): event = await anext(stream)`.
        await self._enter_tasks()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def advance(self) -> AgentEvent | None:
        """Go on to the next event, or to the end: then the answer is None."""
        while (step := self._machine.next()) is not None:
            if isinstance(step, Emit):
                return step.event
            if isinstance(step, Leave):
                self._driver.lock(step.name).release()
                continue
            try:
                self._machine.answer(await self._perform(step))
            except Exception as error:  # noqa: BLE001 - the flow decides
                self._machine.fail(error)
        return None

    @property
    def result(self) -> T:
        """What the flow has returned."""
        return self._machine.result

    async def close(self) -> None:
        """End what is still open."""
        held = self._machine.close()
        tasks, self._tasks = self._tasks, None
        try:
            if tasks is not None:
                tasks.cancel_scope.cancel()
                await tasks.__aexit__(None, None, None)
        finally:
            for name in held:
                self._driver.lock(name).release()

    async def _enter_tasks(self) -> TaskGroup:
        if self._tasks is None:
            self._tasks = anyio.create_task_group()
            await self._tasks.__aenter__()
        return self._tasks

    async def _perform(self, step: Step) -> object:
        match step:
            case Call(request):
                return await self._driver.call(request, self._deadline)
            case Sleep(seconds):
                await self._sleep(seconds)
            case Blocking(function):
                return await to_thread.run_sync(function)
            case Collect():
                with anyio.move_on_after(self._deadline.remaining()) as scope:
                    await _collect(step)
                if scope.cancelled_caught:
                    raise self._deadline.passed()
            case Download():
                await self._driver.download(step, self._deadline)
            case Open(request):
                stream = _Stream(self._driver, request, self._deadline)
                (await self._enter_tasks()).start_soon(stream.pump)
                return stream
            case Read(handle, timeout_s):
                assert isinstance(handle, _Stream)
                return await handle.read(self._deadline.clip(timeout_s))
            case Exclusive():
                with anyio.move_on_after(self._deadline.remaining()):
                    await self._driver.lock(step.name).acquire()
                    self._machine.enter(step)
                    return None
                raise self._deadline.passed()
        return None

    async def _sleep(self, seconds: float) -> None:
        if seconds >= self._deadline.remaining():
            raise self._deadline.passed()
        await self._driver.settings.clock.sleep_async(seconds)


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


@attrs.frozen
class _Ended:
    """How reading has ended."""

    error: BaseException | None = None


class _Stream(StreamHandle):
    """A stream, read by a task of its own, so that waiting for it can be given up.

    A read that is cancelled would end httpx's response; the task lets a silent
    stream live on while the client says that it is still working.
    """

    def __init__(self, driver: AsyncDriver, request: Request, deadline: Deadline) -> None:
        self._driver = driver
        self._request = request
        self._deadline = deadline
        self._chunks: list[bytes] = []
        self._ended: _Ended | None = None
        self._arrived = anyio.Event()

    async def read(self, timeout_s: float) -> bytes | None:
        """Return the next bytes, b"" at the end, or None once the time is up."""
        if not self._chunks and self._ended is None:
            found = await self._driver.settings.clock.receive_async(self, timeout_s)
            if found is None:
                return None
        # What has come already is taken at one go: a task switch for each token is dear.
        chunks, self._chunks = self._chunks, []
        if chunks:
            return b"".join(chunks)
        if self._ended is not None and self._ended.error is not None:
            raise self._ended.error
        return b""

    async def receive(self) -> bool:
        """Return once there is something to read; for the clock."""
        while not self._chunks and self._ended is None:
            self._arrived = anyio.Event()
            await self._arrived.wait()
        return True

    async def pump(self) -> None:
        """Read to the end; the task of this stream."""
        try:
            response = await self._driver.open_response(self._request, self._deadline)
            try:
                with http.translating(self._request):
                    async for chunk in response.aiter_bytes():
                        self._chunks.append(chunk)
                        self._arrived.set()
            finally:
                with anyio.CancelScope(shield=True):
                    await response.aclose()
        except Exception as error:  # noqa: BLE001 - the reader raises it
            self._ended = _Ended(error)
        finally:
            self._ended = self._ended or _Ended()
            self._arrived.set()
