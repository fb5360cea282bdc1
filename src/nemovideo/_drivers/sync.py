"""The sync driver: carries out flows with httpx.Client, threads and files."""

from __future__ import annotations

import queue
import threading
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Generic, TypeVar

import attrs
import tenacity

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


class SyncDriver:
    """Carries out flows for one client; safe to use from several threads."""

    def __init__(self, settings: Settings, client: http.SyncClient | None = None) -> None:
        self.settings = settings
        self._client = client
        self._owns_client = client is None
        self._guard = threading.Lock()
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    @property
    def client(self) -> http.SyncClient:
        """The HTTP client, made when first needed."""
        with self._guard:
            if self._client is None:
                self._client = http.sync_client()
            return self._client

    def close(self) -> None:
        """Close the HTTP client, unless the user brought it."""
        with self._guard:
            if self._client is not None and self._owns_client:
                self._client.close()
                self._client = None

    def run(self, flow: Flow[T], deadline_s: float | None = None) -> T:
        """Return what a flow returns; the events that it emits are passed over."""
        with Run(self, flow, deadline_s) as run:
            while run.advance() is not None:
                pass
            return run.result

    def lock(self, name: str) -> threading.Lock:
        """Return the lock of this name."""
        with self._guard:
            return self._locks[name]

    def call(self, request: Request, deadline: Deadline) -> object:
        """Send a request, as often as the retry policy allows, and open its envelope."""
        return self._repeated(request, deadline, lambda: self._call_once(request, deadline))

    def download(self, step: Download, deadline: Deadline) -> Path:
        """Fetch a file, to a `.part` file that gets its name when it is whole."""
        return self._repeated(step.request, deadline, lambda: self._download_once(step, deadline))

    def open_response(self, request: Request, deadline: Deadline) -> http.Response:
        """Begin a stream and return its response; any other answer is an error."""
        return self._repeated(request, deadline, lambda: self._open_once(request, deadline))

    def _repeated(self, request: Request, deadline: Deadline, attempt: Callable[[], T]) -> T:
        attempts = Attempts(self.settings.retry, request, deadline)
        retrying = tenacity.Retrying(
            sleep=self.settings.clock.sleep,
            retry=attempts.retry,
            wait=attempts.wait,
            stop=attempts.stop,
            before_sleep=attempts.before_sleep,
            reraise=True,
        )
        return retrying(attempt)

    def _call_once(self, request: Request, deadline: Deadline) -> object:
        timeout_s = deadline.clip(self.settings.timeout_s)
        with (
            http.translating(request),
            http.built(
                self.client, self.settings, request, timeout_s=timeout_s, read_timeout_s=timeout_s
            ) as built,
        ):
            if request.parts:
                built.stream = http.SyncUpload(built, request.on_sent)
            response = self.client.send(built, stream=True, follow_redirects=False)
            try:
                body = self._read(request, response, deadline)
            finally:
                response.close()
        return _wire.open_envelope(http.exchange(request, response, body, self.settings))

    def _read(self, request: Request, response: http.Response, deadline: Deadline) -> bytes:
        body = http.Body(request)
        for chunk in response.iter_bytes():
            body.add(chunk)
            deadline.clip(0)
        return body.whole()

    def _download_once(self, step: Download, deadline: Deadline) -> Path:
        request, path = step.request, step.path
        timeout_s = deadline.clip(self.settings.timeout_s)
        part = path.with_name(f"{path.name}.part")
        with (
            http.translating(request),
            http.built(
                self.client, self.settings, request, timeout_s=timeout_s, read_timeout_s=timeout_s
            ) as built,
        ):
            response = self.client.send(
                built, stream=True, follow_redirects="Authorization" not in request.headers
            )
            try:
                if not response.is_success:
                    body = self._read(request, response, deadline)
                    found = http.exchange(request, response, body, self.settings)
                    raise _wire.failure_of(found)
                total, received = http.expected_size(response), 0
                with part.open("wb") as file:
                    for chunk in response.iter_bytes():
                        file.write(chunk)
                        received += len(chunk)
                        if step.on_received is not None:
                            step.on_received(received, total)
                        deadline.clip(0)
            finally:
                response.close()
        http.check_size(received, total, path)
        return part.replace(path)

    def _open_once(self, request: Request, deadline: Deadline) -> http.Response:
        timeout_s = deadline.clip(self.settings.timeout_s)
        with (
            http.translating(request),
            http.built(
                self.client, self.settings, request, timeout_s=timeout_s, read_timeout_s=None
            ) as built,
        ):
            response = self.client.send(built, stream=True, follow_redirects=False)
            if http.is_stream(response):
                return response
            try:
                body = self._read(request, response, deadline)
            finally:
                response.close()
        raise http.not_a_stream(http.exchange(request, response, body, self.settings))


class Run(Generic[T]):
    """One flow on its way; closing it ends its streams and gives its locks back."""

    def __init__(self, driver: SyncDriver, flow: Flow[T], deadline_s: float | None) -> None:
        self._driver = driver
        self._machine = Machine(flow)
        self._deadline = Deadline(driver.settings.clock, deadline_s)
        self._streams: list[_Stream] = []

    def __enter__(self) -> Run[T]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def advance(self) -> AgentEvent | None:
        """Go on to the next event, or to the end: then the answer is None."""
        while (step := self._machine.next()) is not None:
            if isinstance(step, Emit):
                return step.event
            if isinstance(step, Leave):
                self._driver.lock(step.name).release()
                continue
            try:
                self._machine.answer(self._perform(step))
            except Exception as error:  # noqa: BLE001 - the flow decides
                self._machine.fail(error)
        return None

    @property
    def result(self) -> T:
        """What the flow has returned."""
        return self._machine.result

    def close(self) -> None:
        """End what is still open."""
        streams, self._streams = self._streams, []
        try:
            for stream in reversed(streams):
                stream.close()
        finally:
            for name in self._machine.close():
                self._driver.lock(name).release()

    def _perform(self, step: Step) -> object:
        match step:
            case Call(request):
                return self._driver.call(request, self._deadline)
            case Sleep(seconds):
                self._sleep(seconds)
            case Blocking(function):
                return function()
            case Download():
                return self._driver.download(step, self._deadline)
            case Open(request):
                stream = _Stream(self._driver, request, self._deadline)
                self._streams.append(stream)
                return stream
            case Read(handle, timeout_s):
                assert isinstance(handle, _Stream)
                return handle.read(self._deadline.clip(timeout_s))
            case Exclusive():
                left = self._deadline.remaining()
                if not self._driver.lock(step.name).acquire(timeout=min(left, 1e6)):
                    raise self._deadline.passed()
                self._machine.enter(step)
        return None

    def _sleep(self, seconds: float) -> None:
        if seconds >= self._deadline.remaining():
            raise self._deadline.passed()
        self._driver.settings.clock.sleep(seconds)


@attrs.frozen
class _Ended:
    """The last thing that a reader puts into its queue."""

    error: BaseException | None = None


class _Stream(StreamHandle):
    """A stream, read by a thread of its own, so that waiting for it can be given up.

    A read that times out would end httpx's response; the thread lets a silent
    stream live on while the client says that it is still working.
    """

    def __init__(self, driver: SyncDriver, request: Request, deadline: Deadline) -> None:
        self._driver = driver
        self._request = request
        self._deadline = deadline
        self._queue: queue.SimpleQueue[bytes | _Ended] = queue.SimpleQueue()
        self._response: http.Response | None = None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._pump, name="nemovideo-stream", daemon=True)
        self._thread.start()

    def read(self, timeout_s: float) -> bytes | None:
        """Return the next bytes, b"" at the end, or None once the time is up."""
        item = self._driver.settings.clock.receive(self._queue, timeout_s)
        if not isinstance(item, _Ended):
            return item
        if item.error is not None:
            raise item.error
        return b""

    def close(self) -> None:
        """Hang up, and wait for the thread to end."""
        self._closed.set()
        if (response := self._response) is not None:
            http.hang_up(response)
        # A thread that still waits for the answer's head has no socket to hang up on: it
        # closes what it gets as soon as it gets it.
        self._thread.join(timeout=None if response is not None else 0.1)

    def _pump(self) -> None:
        try:
            response = self._driver.open_response(self._request, self._deadline)
            self._response = response
            try:
                if not self._closed.is_set():
                    with http.translating(self._request):
                        for chunk in response.iter_bytes():
                            self._queue.put(chunk)
            finally:
                response.close()
        except BaseException as error:  # noqa: BLE001 - the reader raises it
            self._queue.put(_Ended(error))
        else:
            self._queue.put(_Ended())
