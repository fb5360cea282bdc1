"""The async driver: carries out flows with httpx.AsyncClient and anyio, on asyncio or trio.

What belongs to a running event loop (the HTTP client, the locks) is kept per
loop, so that one AsyncClient works in several `asyncio.run` calls.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Generic, TypeVar

import anyio
import attrs
import tenacity
from anyio import to_thread
from anyio.lowlevel import RunVar

from nemovideo import _wire
from nemovideo._drivers import http
from nemovideo._drivers.attempts import Attempts, Deadline
from nemovideo._drivers.machine import Leave, Machine
from nemovideo._flows.steps import (
    Blocking,
    Call,
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
from nemovideo._settings import Settings
from nemovideo.events import AgentEvent

T = TypeVar("T")


@attrs.define(eq=False)
class _Loop:
    """What one client keeps for one running event loop."""

    client: http.AsyncClient
    locks: defaultdict[str, anyio.Semaphore] = attrs.field(
        factory=lambda: defaultdict(lambda: anyio.Semaphore(1))
    )


class AsyncDriver:
    """Carries out flows for one client; each runs in the task that awaits it."""

    def __init__(self, settings: Settings, client: http.AsyncClient | None = None) -> None:
        self.settings = settings
        self._given = client
        self._loop: RunVar[_Loop | None] = RunVar(f"nemovideo-{id(self)}")

    @property
    def here(self) -> _Loop:
        """What this client keeps for the running loop, made when first needed."""
        loop = self._loop.get(None)
        if loop is None:
            loop = _Loop(self._given or http.async_client())
            self._loop.set(loop)
        return loop

    async def close(self) -> None:
        """Close this loop's HTTP client, unless the user brought it."""
        loop = self._loop.get(None)
        if loop is not None:
            self._loop.set(None)
            if self._given is None:
                await loop.client.aclose()

    async def run(self, flow: Flow[T], deadline_s: float | None = None) -> T:
        """Return what a flow returns; the events that it emits are passed over."""
        async with Run(self, flow, deadline_s) as run:
            while await run.advance() is not None:
                pass
            return run.result

    def lock(self, name: str) -> anyio.Semaphore:
        """Return this loop's lock of this name."""
        return self.here.locks[name]

    async def call(self, request: Request, deadline: Deadline) -> object:
        """Send a request, as often as the retry policy allows, and open its envelope."""
        return await self._repeated(request, deadline, partial(self._call_once, request, deadline))

    async def download(self, step: Download, deadline: Deadline) -> Path:
        """Fetch a file, to a `.part` file that gets its name when it is whole."""
        return await self._repeated(
            step.request, deadline, partial(self._download_once, step, deadline)
        )

    async def open_response(self, request: Request, deadline: Deadline) -> http.Response:
        """Begin a stream and return its response; any other answer is an error."""
        return await self._repeated(request, deadline, partial(self._open_once, request, deadline))

    async def _repeated(
        self, request: Request, deadline: Deadline, attempt: Callable[[], Awaitable[T]]
    ) -> T:
        attempts = Attempts(self.settings.retry, request, deadline)
        retrying = tenacity.AsyncRetrying(
            sleep=self.settings.clock.sleep_async,
            retry=attempts.retry,
            wait=attempts.wait,
            stop=attempts.stop,
            before_sleep=attempts.before_sleep,
            reraise=True,
        )
        return await retrying(attempt)

    async def _call_once(self, request: Request, deadline: Deadline) -> object:
        timeout_s = deadline.clip(self.settings.timeout_s)
        client = self.here.client
        with (
            http.translating(request),
            http.built(
                client, self.settings, request, timeout_s=timeout_s, read_timeout_s=timeout_s
            ) as built,
        ):
            if request.parts:
                built.stream = http.AsyncUpload(built, request.on_sent)
            response = await client.send(built, stream=True, follow_redirects=False)
            try:
                body = await self._read(request, response, deadline)
            finally:
                await response.aclose()
        return _wire.open_envelope(http.exchange(request, response, body, self.settings))

    async def _read(self, request: Request, response: http.Response, deadline: Deadline) -> bytes:
        body = http.Body(request)
        async for chunk in response.aiter_bytes():
            body.add(chunk)
            deadline.clip(0)
        return body.whole()

    async def _download_once(self, step: Download, deadline: Deadline) -> Path:
        request, path = step.request, step.path
        timeout_s = deadline.clip(self.settings.timeout_s)
        part = path.with_name(f"{path.name}.part")
        client = self.here.client
        with (
            http.translating(request),
            http.built(
                client, self.settings, request, timeout_s=timeout_s, read_timeout_s=timeout_s
            ) as built,
        ):
            response = await client.send(
                built, stream=True, follow_redirects="Authorization" not in request.headers
            )
            try:
                if not response.is_success:
                    body = await self._read(request, response, deadline)
                    found = http.exchange(request, response, body, self.settings)
                    raise _wire.failure_of(found)
                total, received = http.expected_size(response), 0
                async with await anyio.open_file(part, "wb") as file:
                    async for chunk in response.aiter_bytes():
                        await file.write(chunk)
                        received += len(chunk)
                        if step.on_received is not None:
                            step.on_received(received, total)
                        deadline.clip(0)
            finally:
                await response.aclose()
        http.check_size(received, total, path)
        return await to_thread.run_sync(part.replace, path)

    async def _open_once(self, request: Request, deadline: Deadline) -> http.Response:
        timeout_s = deadline.clip(self.settings.timeout_s)
        client = self.here.client
        with (
            http.translating(request),
            http.built(
                client, self.settings, request, timeout_s=timeout_s, read_timeout_s=None
            ) as built,
        ):
            response = await client.send(built, stream=True, follow_redirects=False)
            if http.is_stream(response):
                return response
            try:
                body = await self._read(request, response, deadline)
            finally:
                await response.aclose()
        raise http.not_a_stream(http.exchange(request, response, body, self.settings))


class Run(Generic[T]):
    """One flow on its way; closing it ends its streams and gives its locks back."""

    def __init__(self, driver: AsyncDriver, flow: Flow[T], deadline_s: float | None) -> None:
        self._driver = driver
        self._machine = Machine(flow)
        self._deadline = Deadline(driver.settings.clock, deadline_s)
        self._streams: list[_Stream] = []

    async def __aenter__(self) -> Run[T]:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
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
        streams, self._streams = self._streams, []
        try:
            for stream in reversed(streams):
                await stream.close()
        finally:
            for name in self._machine.close():
                self._driver.lock(name).release()

    async def _perform(self, step: Step) -> object:
        match step:
            case Call(request):
                return await self._driver.call(request, self._deadline)
            case Sleep(seconds):
                await self._sleep(seconds)
            case Blocking(function):
                return await to_thread.run_sync(function)
            case Download():
                return await self._driver.download(step, self._deadline)
            case Open(request):
                stream = _Stream(self._driver, request, self._deadline)
                self._streams.append(stream)
                await stream.open()
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


@attrs.frozen
class _Ended:
    """The last thing that a reader sends."""

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
        self._tasks = anyio.create_task_group()
        # A few chunks of room, so that reader and user do not wait for each other in turns.
        self._sender, self._receiver = anyio.create_memory_object_stream[bytes | _Ended](16)

    async def open(self) -> None:
        """Start to read."""
        await self._tasks.__aenter__()
        self._tasks.start_soon(self._pump)

    async def read(self, timeout_s: float) -> bytes | None:
        """Return the next bytes, b"" at the end, or None once the time is up."""
        item = await self._driver.settings.clock.receive_async(self._receiver, timeout_s)
        if not isinstance(item, _Ended):
            return item
        if item.error is not None:
            raise item.error
        return b""

    async def close(self) -> None:
        """Hang up, and wait for the task to end."""
        self._tasks.cancel_scope.cancel()
        try:
            await self._tasks.__aexit__(None, None, None)
        finally:
            self._sender.close()
            self._receiver.close()

    async def _pump(self) -> None:
        try:
            response = await self._driver.open_response(self._request, self._deadline)
            try:
                with http.translating(self._request):
                    async for chunk in response.aiter_bytes():
                        await self._sender.send(chunk)
            finally:
                with anyio.CancelScope(shield=True):
                    await response.aclose()
        except Exception as error:  # noqa: BLE001 - the reader raises it
            await self._sender.send(_Ended(error))
        else:
            await self._sender.send(_Ended())
