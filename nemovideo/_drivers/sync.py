"""The sync driver: carries out flows with httpx.Client, threads and files."""

from __future__ import annotations

import itertools
import math
import threading
import warnings
from collections.abc import AsyncIterable, Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar, cast
from weakref import WeakSet, WeakValueDictionary

from nemovideo._config.proxies import Proxies
from nemovideo._config.settings import Settings
from nemovideo._drivers import http
from nemovideo._drivers.attempts import Attempts, Deadline
from nemovideo._drivers.connections import Connections, Line, SyncTrace
from nemovideo._drivers.locks import ThreadLock
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
from nemovideo._support.forks import reset_in_children
from nemovideo._wire import envelopes
from nemovideo.errors import APIConnectionError, InvalidRequestError, NemoError

if TYPE_CHECKING:
    from nemovideo._drivers.sync_stream import Stream
    from nemovideo.events import AgentEvent

T = TypeVar("T")


class _Pool:
    """The connections and locks of a client and of the copies made of it, in one process."""

    def __init__(self, given: http.SyncClient | None) -> None:
        self._given = given
        self._forked = False
        self._renew()
        reset_in_children(self)

    def _renew(self) -> None:
        # A stream may be dropped in a garbage collection, while this thread holds it.
        self.guard: AbstractContextManager[bool] = threading.RLock()
        self.locks: WeakValueDictionary[str, ThreadLock] = WeakValueDictionary()
        self.streams: WeakSet[Stream] = WeakSet()
        self.connections: Connections = Connections()
        self.closing: threading.Event = threading.Event()
        self._calls: http.SyncClient | None = None
        self._fresh: http.SyncClient | None = None

    @property
    def ours(self) -> bool:
        """Whether the user brought no HTTP client."""
        return self._given is None

    def client(self, *, fresh: bool = False) -> http.SyncClient:
        """Return the HTTP client, or the one that uses no connection twice; made when needed.

        Raises:
            InvalidRequestError: The user brought it, and it belongs to the parent of a fork.
        """
        with self.guard:
            if self._given is not None:
                if self._forked:
                    raise forked_error()
                return self._given
            if fresh:
                self._fresh = self._fresh or http.sync_client(reuse=False)
                return self._fresh
            self._calls = self._calls or http.sync_client()
            return self._calls

    def lock(self, name: str) -> ThreadLock:
        """Return the lock of this name; it lives as long as somebody has it."""
        with self.guard:
            lock = self.locks.get(name)
            if lock is None:
                self.locks[name] = lock = ThreadLock()
            return lock

    def close(self) -> bool:
        """Close the HTTP clients, unless the user brought one; return whether there were any.

        Threads that wait for an answer, a stream, a lock or a pause wake up with an error.
        """
        self.closing.set()
        with self.guard:
            open_clients = [client for client in (self._calls, self._fresh) if client is not None]
            self._calls = self._fresh = None
            streams = list(self.streams)
            connections, self.connections = self.connections, Connections()
        for stream in streams:
            stream.end(closed_error())
        connections.shut_down()
        for client in open_clients:
            client.close()
        return bool(open_clients)

    def open(self) -> None:
        """Make it usable again after a close."""
        if self.closing.is_set():
            self.closing = threading.Event()

    def after_fork(self) -> None:
        """Make this child's own connections and locks; the parent's sockets are closed already."""
        self._forked = True
        self._renew()

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
        lender: The driver of the client that this one is a copy of; it lends its connections.
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
        self.way: Way = Way(settings, Proxies.from_environment() if self.pool.ours else None)

    def variant(self, settings: Settings) -> SyncDriver:
        """Return a driver with other settings, on the same connections."""
        return SyncDriver(settings, lender=self)

    @property
    def closed(self) -> bool:
        """True once it was closed, or the one that lends it its connections."""
        return self._closed or (self._lender is not None and self._lender.closed)

    def shut(self) -> None:
        """Refuse further calls."""
        self._closed = True

    def open(self) -> None:
        """Make it usable again after a close."""
        self._closed = False
        if self._lender is None:
            self.pool.open()

    def close(self) -> None:
        """Close the connections that are its own; twice is fine."""
        self._closed = True
        if self._lender is None:
            self.pool.close()

    def start(self, flow: Flow[T], deadline_s: float | None = None) -> Run[T]:
        """Return a run of a flow, for those who want its events."""
        return Run(self, flow, deadline_s)

    def run(self, flow: Flow[T], deadline_s: float | None = None) -> T:
        """Return what a flow returns; the events that it emits are dropped."""
        with self.start(flow, deadline_s) as run:
            while run.advance() is not None:
                pass
            return run.result

    def check(self) -> None:
        """Check that the client is open.

        Raises:
            InvalidRequestError: It was closed.
        """
        if self.closed:
            raise closed_error()

    def lock(self, name: str) -> ThreadLock:
        """Return the lock of this name."""
        return self.pool.lock(name)

    def pause(self, seconds: float, *, polling: bool = False) -> None:
        """Wait, unless the client is closed meanwhile."""
        self.check()
        if self.settings.clock.wait(self.pool.closing, seconds, polling=polling):
            raise closed_error()

    def call(self, request: Request, deadline: Deadline) -> object:
        """Send a request, as often as the retry policy allows, and open its envelope."""
        return self._repeated(request, deadline, lambda: self._call_once(request, deadline))

    def download(self, step: Download, deadline: Deadline) -> None:
        """Fetch a file; a connection that breaks is followed by one that resumes."""
        attempt = partial(self._download_once, step, deadline)
        self._repeated(step.request, deadline, attempt, lambda: step.transfer.progress_bytes)

    def stream(self, request: Request, deadline: Deadline) -> Stream:
        """Return a stream, not started."""
        from nemovideo._drivers.sync_stream import Stream

        def connect(line: Line) -> http.Response:
            return self._repeated(
                request, deadline, lambda: self._open_once(request, deadline, line)
            )

        stream = Stream(connect, request, self.way, self.settings.clock)
        self.pool.streams.add(stream)
        return stream

    def _repeated(
        self,
        request: Request,
        deadline: Deadline,
        attempt: Callable[[], T],
        gained: Callable[[], int] = int,
    ) -> T:
        self.check()
        began = deadline.now()
        try:
            return attempt()
        except NemoError as error:
            failed = [error]
        self.check()
        from tenacity import Retrying

        def again() -> T:
            if failed:
                raise failed.pop()
            return attempt()

        settings = self.settings
        attempts = Attempts(settings.retry, request, deadline, began, settings.timeout_s, gained)
        return Retrying(sleep=self.pause, **attempts.options)(again)

    @contextmanager
    def _answer(
        self,
        request: Request,
        deadline: Deadline,
        *,
        line: Line | None = None,
        follow: bool = False,
    ) -> Iterator[http.Response]:
        """Send a request, give its answer, of which only the headers were read, and close it.

        Args:
            request: What to send.
            deadline: When the whole call must have ended.
            line: For a stream: how another thread ends it. Its answer is left open.
            follow: Whether redirects are followed.
        """
        pool, way = self.pool, self.way
        fresh = request.fresh or line is not None
        client = pool.client(fresh=fresh)
        trace = SyncTrace(pool.connections, line)
        settings, ours = self.settings, pool.ours
        with (
            way.translating(request, deadline),
            http.built(
                client,
                settings,
                request,
                deadline=deadline,
                trace=trace,
                ours=ours,
                endless=line is not None,
            ) as built,
        ):
            watch = Watch(settings, request)
            try:
                response = client.send(built, stream=True, follow_redirects=False)
                for count in itertools.count() if follow else ():
                    if response.next_request is None:
                        break
                    response.close()
                    following = http.redirected(response, built, count, settings, ours=ours)
                    response = client.send(
                        following, stream=True, auth=None, follow_redirects=False
                    )
            except Exception as error:  # noqa: BLE001 - raised again, as one of ours
                self.check()
                raise watch.failed(way.typed(error, request, deadline, trace, client)) from None
            watch.answered(response.status_code, response.headers)
            try:
                yield response
            finally:
                if line is None or not http.is_stream(response):
                    response.close()

    def _call_once(self, request: Request, deadline: Deadline) -> object:
        with self._answer(request, deadline) as response:
            found = self._read(request, response, deadline)
        return http.opened(found)

    def _read(
        self, request: Request, response: http.Response, deadline: Deadline
    ) -> envelopes.Exchange:
        """Read the whole answer."""
        body = http.Body(request, response)
        for chunk in response.iter_bytes():
            if not body.add(chunk):
                break
            deadline.clip(0)
        return http.exchange(request, response, body.whole(), self.settings)

    def _download_once(self, step: Download, deadline: Deadline) -> None:
        from nemovideo._drivers import downloads  # needed by downloads only

        transfer = step.transfer
        while (asked := transfer.next_request()) is not None:
            request = step.request.with_headers(asked.headers)
            anywhere = "Authorization" not in request.headers
            with self._answer(request, deadline, follow=anywhere) as response:
                if not downloads.is_file(response, asked):
                    raise downloads.not_a_file(self._read(request, response, deadline))
                if transfer.on_response(downloads.head_of(response, transfer.place)):
                    self._take(step, response, deadline)

    def _take(self, step: Download, response: http.Response, deadline: Deadline) -> None:
        """Write what the answer brings of the file."""
        from nemovideo._drivers import downloads

        batch = downloads.Batch(self.settings.clock)
        try:
            with self.way.translating(step.request, deadline):
                try:
                    for chunk in downloads.body_of(response):
                        if batch.add(chunk):
                            step.transfer.write_all(batch.taken())
                            step.report()
                            deadline.clip(0)
                finally:
                    step.transfer.write_all(batch.taken())  # need not come again
        except APIConnectionError as error:
            self.check()
            step.transfer.on_disconnect(error)
        else:
            step.transfer.on_end()
        step.report()

    def _open_once(self, request: Request, deadline: Deadline, line: Line) -> http.Response:
        line.check()
        with self._answer(request, deadline, line=line) as response:
            if http.is_stream(response):
                return response
            found = self._read(request, response, deadline)
        raise http.not_a_stream(found)


class Run(Generic[T]):
    """A flow being run; closing it, or dropping it, ends its streams and releases its locks.

    Attributes:
        user: The thread that advanced it last.
        advancing: Whether a thread is advancing it right now.
    """

    def __init__(self, driver: SyncDriver, flow: Flow[T], deadline_s: float | None) -> None:
        self._driver = driver
        self._machine = Machine(flow)
        self._deadline = Deadline(driver.settings.clock, deadline_s)
        self._streams: list[Stream] = []
        self._locks: dict[str, ThreadLock] = {}
        self._closed = False
        self.user: int = threading.get_ident()
        self.advancing: bool = False

    def __enter__(self) -> Run[T]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        for stream in self._end():
            stream.hang_up()
        self._release()

    def advance(self) -> AgentEvent | None:
        """Go on to the next event, or to the end: then the answer is None."""
        self.user, self.advancing = threading.get_ident(), True
        try:
            while (step := self._machine.next()) is not None:
                if isinstance(step, Emit):
                    return step.event
                if isinstance(step, Leave):
                    self._locks.pop(step.name).release()
                    continue
                try:
                    self._machine.answer(self._perform(step))
                except Exception as error:  # noqa: BLE001 - the flow decides
                    detach(error)
                    self._machine.fail(error)
                except BaseException:
                    # Interrupted. Only reading can be continued; any other step has no answer.
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

    def close(self) -> None:
        """End what is still open; another thread may do that while a reader waits."""
        streams = self._end()
        try:
            for stream in reversed(streams):
                stream.close()
        finally:
            self._release()

    def _end(self) -> list[Stream]:
        """End the flow, and return the streams that are still to be ended."""
        self._closed = True
        # The flow is ended first: it must not take what follows for a drop, and recover.
        self._machine.close()
        streams, self._streams = self._streams, []
        return streams

    def _release(self) -> None:
        while self._locks:
            self._locks.popitem()[1].release()

    def _perform(self, step: Step) -> object:
        driver = self._driver
        match step:
            case Call(request):
                return driver.call(request, self._deadline)
            case Sleep(seconds, polling):
                if seconds >= self._deadline.remaining():
                    raise self._deadline.passed()
                driver.pause(seconds, polling=polling)
            case Blocking(function):
                return function()
            case Collect(chunks, write):
                self._collect(chunks, write)
            case Download():
                driver.download(step, self._deadline)
            case Open(request):
                driver.check()
                stream = driver.stream(request, self._deadline)
                # Known before it begins, so that a close in another thread finds it in any case.
                self._streams.append(stream)
                if self._closed:
                    stream.close()
                stream.start()
                return stream
            case Read(handle, timeout_s):
                return cast("Stream", handle).read(self._deadline.clip(timeout_s))
            case End(handle):
                cast("Stream", handle).close()
            case Exclusive():
                lock = driver.lock(step.name)
                if not lock.acquire(self, self._deadline.clip(math.inf), driver.check):
                    raise self._deadline.passed()
                self._locks[step.name] = lock
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
