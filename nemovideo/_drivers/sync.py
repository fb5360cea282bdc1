"""The sync driver: carries out flows with httpx.Client, threads and files."""

from __future__ import annotations

import math
import queue
import threading
import warnings
from collections import defaultdict
from collections.abc import AsyncIterable, Callable, Iterable
from functools import cached_property, partial
from typing import TYPE_CHECKING, Generic, TypeVar

import attrs

from nemovideo._config.settings import Settings
from nemovideo._drivers import downloads, http
from nemovideo._drivers.attempts import Attempts, Deadline
from nemovideo._drivers.line import Line, hanging_up
from nemovideo._drivers.locks import ThreadLock
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
from nemovideo.errors import APIConnectionError, InvalidRequestError, NemoError

if TYPE_CHECKING:
    import ssl

    from nemovideo.events import AgentEvent

T = TypeVar("T")

_CONNECTING_GRACE_S = 0.1


class _Pool:
    """The connections and locks of a client and of the copies made of it."""

    def __init__(self, given: http.SyncClient | None) -> None:
        self.guard = threading.Lock()
        self.locks: defaultdict[str, ThreadLock] = defaultdict(ThreadLock)
        self._given = given
        self._calls: http.SyncClient | None = None
        self._streams: http.SyncClient | None = None

    @property
    def ours(self) -> bool:
        """Whether no user has brought the HTTP client."""
        return self._given is None

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        return http.certificates()

    def client(self) -> http.SyncClient:
        """Return the HTTP client, made when first needed."""
        with self.guard:
            if self._calls is None:
                self._calls = self._given or http.sync_client(self._trust)
            return self._calls

    def stream_client(self) -> http.SyncClient:
        """Return the HTTP client for streams, made when first needed."""
        with self.guard:
            if self._streams is None:
                self._streams = self._given or http.sync_stream_client(self._trust)
            return self._streams

    def close(self) -> bool:
        """Close the HTTP clients, unless the user brought one; say whether there were any."""
        with self.guard:
            open_clients = [c for c in (self._calls, self._streams) if c not in (None, self._given)]
            self._calls = self._streams = None
        for client in open_clients:
            if client is not None:
                client.close()
        return bool(open_clients)

    def __del__(self) -> None:
        if self.close():
            warnings.warn(
                "a nemovideo Client was not closed; use it in a with block, or call close()",
                ResourceWarning,
                stacklevel=2,
                source=self,
            )


class SyncDriver:
    """Carries out flows for one client; safe to use from several threads.

    Args:
        settings: The client's settings.
        client: An HTTP client that the user brought, and closes.
        lender: The driver of the client that this one's is a copy of; it lends its connections.
    """

    def __init__(
        self,
        settings: Settings,
        client: http.SyncClient | None = None,
        lender: SyncDriver | None = None,
    ) -> None:
        self.settings = settings
        self._lender = lender
        self.pool: _Pool = _Pool(client) if lender is None else lender.pool
        self._closed = False

    def variant(self, settings: Settings) -> SyncDriver:
        """Return a driver with other settings, on the same connections."""
        return SyncDriver(settings, lender=self)

    @property
    def closed(self) -> bool:
        """True once it was closed, or the one that lends it its connections."""
        return self._closed or (self._lender is not None and self._lender.closed)

    @property
    def client(self) -> http.SyncClient:
        """The HTTP client."""
        return self.pool.client()

    @property
    def stream_client(self) -> http.SyncClient:
        """The HTTP client for streams."""
        return self.pool.stream_client()

    def shut(self) -> None:
        """Refuse further calls."""
        self._closed = True

    def open(self) -> None:
        """Make it usable again after a close."""
        self._closed = False

    def close(self) -> None:
        """Close the connections that are its own; twice is fine."""
        self._closed = True
        if self._lender is None:
            self.pool.close()

    def run(self, flow: Flow[T], deadline_s: float | None = None) -> T:
        """Return what a flow returns; the events that it emits are passed over."""
        with Run(self, flow, deadline_s) as run:
            while run.advance() is not None:
                pass
            return run.result

    def lock(self, name: str) -> ThreadLock:
        """Return the lock of this name."""
        with self.pool.guard:
            return self.pool.locks[name]

    def call(self, request: Request, deadline: Deadline) -> object:
        """Send a request, as often as the retry policy allows, and open its envelope."""
        return self._repeated(request, deadline, lambda: self._call_once(request, deadline))

    def download(self, step: Download, deadline: Deadline) -> None:
        """Fetch a file; a connection that breaks is followed by one that goes on."""
        attempt = partial(self._download_once, step, deadline)
        self._repeated(step.request, deadline, attempt, lambda: step.transfer.gained)

    def open_response(self, request: Request, deadline: Deadline, line: Line) -> http.Response:
        """Begin a stream and return its response; any other answer is an error."""
        return self._repeated(request, deadline, lambda: self._open_once(request, deadline, line))

    def _repeated(
        self,
        request: Request,
        deadline: Deadline,
        attempt: Callable[[], T],
        gained: Callable[[], int] = int,
    ) -> T:
        if self.closed:
            raise http.closed_error()
        try:
            return attempt()
        except NemoError as error:
            failed = [error]
        from tenacity import Retrying  # paid for only by calls that fail

        def again() -> T:
            if failed:
                raise failed.pop()
            return attempt()

        attempts = Attempts(self.settings.retry, request, deadline, gained)
        return Retrying(sleep=self.settings.clock.sleep, **attempts.options)(again)

    def _send(
        self,
        client: http.SyncClient,
        request: Request,
        built: http.BuiltRequest,
        *,
        follow: bool = False,
    ) -> http.Response:
        """Send a request, and tell the hooks of it and of the head of its answer."""
        watch = Watch(self.settings, request)
        try:
            response = client.send(built, stream=True, follow_redirects=follow)
        except Exception as error:
            watch.failed(http.typed(error, request))
            raise
        watch.answered(response.status_code, response.headers)
        return response

    def _call_once(self, request: Request, deadline: Deadline) -> object:
        client = self.client
        with (
            http.translating(request, deadline),
            http.built(client, self.settings, request, deadline=deadline) as built,
        ):
            response = self._send(client, request, built)
            found = self._read(request, response, deadline)
        return envelopes.open_envelope(found)

    def _read(
        self, request: Request, response: http.Response, deadline: Deadline
    ) -> envelopes.Exchange:
        """Read the whole answer, and close it."""
        try:
            body = http.Body(request, response)
            with hanging_up(http.network_stream(response), deadline):
                for chunk in response.iter_bytes():
                    if not body.add(chunk):
                        break
                    deadline.clip(0)
        finally:
            response.close()
        return http.exchange(request, response, body.whole(), self.settings)

    def _download_once(self, step: Download, deadline: Deadline) -> None:
        transfer, client = step.transfer, self.client
        while (question := transfer.question()) is not None:
            request = step.request.asking(question.headers)
            with (
                http.translating(request, deadline),
                http.built(client, self.settings, request, deadline=deadline) as built,
            ):
                anywhere = "Authorization" not in request.headers
                response = self._send(client, request, built, follow=anywhere)
                if not downloads.is_file(response, question):
                    raise downloads.not_a_file(self._read(request, response, deadline))
                try:
                    if transfer.answered(downloads.head_of(response, transfer.place)):
                        self._take(step, response, deadline)
                finally:
                    response.close()

    def _take(self, step: Download, response: http.Response, deadline: Deadline) -> None:
        """Take what the answer brings of the file."""
        writer = Writer(step.transfer, self.settings.clock)
        try:
            with (
                http.translating(step.request, deadline),
                hanging_up(http.network_stream(response), deadline),
            ):
                try:
                    for chunk in downloads.body_of(response, ours=self.pool.ours):
                        if writer.take(chunk):
                            writer.flush()
                            step.report()
                            deadline.clip(0)
                finally:
                    writer.finish()
        except APIConnectionError as error:
            step.transfer.broke(error)
        else:
            step.transfer.ended()
        step.report()

    def _open_once(self, request: Request, deadline: Deadline, line: Line) -> http.Response:
        line.check()
        client, settings = self.stream_client, self.settings
        with (
            http.translating(request, deadline),
            http.built(
                client, settings, request, deadline=deadline, endless=True, line=line
            ) as built,
        ):
            response = self._send(client, request, built)
            if http.is_stream(response):
                return response
            found = self._read(request, response, deadline)
        raise http.not_a_stream(found)


class Run(Generic[T]):
    """One flow on its way; closing it ends its streams and gives its locks back."""

    def __init__(self, driver: SyncDriver, flow: Flow[T], deadline_s: float | None) -> None:
        self._driver = driver
        self._machine = Machine(flow)
        self._deadline = Deadline(driver.settings.clock, deadline_s)
        self._streams: list[_Stream] = []
        self._closed = False

    def __enter__(self) -> Run[T]:
        return self

    def __exit__(self, *_: object) -> None:
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
        """End what is still open; another thread may do that to a reader that waits."""
        self._closed = True
        # The flow is ended first: it must not take what follows for a drop, and recover.
        held = self._machine.close()
        streams, self._streams = self._streams, []
        try:
            for stream in reversed(streams):
                stream.close()
        finally:
            for name in held:
                self._driver.lock(name).release()

    def _perform(self, step: Step) -> object:
        match step:
            case Call(request):
                return self._driver.call(request, self._deadline)
            case Sleep(seconds):
                self._sleep(seconds)
            case Blocking(function):
                return function()
            case Collect(chunks, write):
                self._collect(chunks, write)
            case Download():
                self._driver.download(step, self._deadline)
            case Open(request):
                stream = _Stream(self._driver, request, self._deadline)
                # Known before it begins, so that a close in another thread finds it in any case.
                self._streams.append(stream)
                if self._closed:
                    stream.close()
                stream.start()
                return stream
            case Read(handle, timeout_s):
                assert isinstance(handle, _Stream)
                return handle.read(self._deadline.clip(timeout_s))
            case Exclusive():
                if not self._driver.lock(step.name).acquire(self._deadline.clip(math.inf)):
                    raise self._deadline.passed()
                self._machine.enter(step)
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
        self._ended: _Ended | None = None
        self._line = Line()
        self._thread = threading.Thread(target=self._pump, name="nemovideo-stream", daemon=True)

    def start(self) -> None:
        """Begin to connect; one that is closed already ends at once and sends nothing."""
        self._thread.start()

    def read(self, timeout_s: float) -> bytes | None:
        """Return the next bytes, b"" at the end, or None once the time is up."""
        chunks: list[bytes] = []
        while self._ended is None:
            # What has come already is taken at one go: a thread switch for each token is dear.
            if chunks and self._queue.empty():
                break
            item = self._driver.settings.clock.receive(self._queue, timeout_s)
            if item is None:
                return None
            if isinstance(item, _Ended):
                self._ended = item
            else:
                chunks.append(item)
        if chunks:
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)
        if self._ended is not None and self._ended.error is not None:
            raise self._ended.error
        return b""

    def close(self) -> None:
        """Hang up, and wait for the thread to end."""
        self._line.hang_up()
        # A thread that cannot connect yet has nothing to hang up on. It will send nothing, and
        # ends when the connection comes or fails.
        if self._thread.is_alive():
            self._thread.join(timeout=None if self._line.connected else _CONNECTING_GRACE_S)

    def _pump(self) -> None:
        try:
            response = self._driver.open_response(self._request, self._deadline, self._line)
            try:
                # A client that the user brought may have taken a connection that was there.
                self._line.connect(http.network_stream(response))
                with http.translating(self._request):
                    for chunk in response.iter_bytes():
                        self._queue.put(chunk)
            finally:
                response.close()
        except BaseException as error:  # noqa: BLE001 - the reader raises it
            self._queue.put(_Ended(error))
        else:
            self._queue.put(_Ended())
