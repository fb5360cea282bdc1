"""The transports of recorded and replayed clients.

While recording, each request has its own route: the environment's proxies apply, nothing is bound
to an event loop, and every connection is closed.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager

import attrs
import httpx

from nemovideo._drivers.connections import Trace
from nemovideo._drivers.routes import AsyncRoute, Route
from nemovideo._drivers.uploads import AsyncUpload, SyncUpload
from nemovideo._support.clock import Clock


@attrs.frozen
class SentRequest:
    """A request with its secrets.

    Attributes:
        headers: The request headers, with lower-case names.
        body: The body; empty for an upload.
        files: The names and sizes of uploaded files.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    files: tuple[tuple[str, int], ...]


@attrs.define
class Capture:
    """A request and its response while they are recorded, with their secrets.

    Attributes:
        keep_bytes: The size of the largest body to keep.
        status: The HTTP status, or None before the response.
        headers: The response headers, with lower-case names.
        chunks: The body's chunks, each with the seconds since the request.
        size: The size of the body, kept or not.
        disconnected: Whether the client disconnected before the end of the response.
        error: The connection's error, as `type: message`.
    """

    sent: SentRequest
    clock: Clock
    keep_bytes: int
    started: float = attrs.field(init=False)
    status: int | None = None
    headers: Mapping[str, str] = attrs.field(factory=dict)
    chunks: list[tuple[float, bytes]] = attrs.field(factory=list)
    size: int = 0
    disconnected: bool = True
    error: str | None = None

    def __attrs_post_init__(self) -> None:
        self.started = self.clock.monotonic()

    def receive(self, chunk: bytes) -> None:
        """Record a chunk of the body."""
        self.size += len(chunk)
        if self.size <= self.keep_bytes:
            self.chunks.append((self.clock.monotonic() - self.started, chunk))
        else:
            self.chunks.clear()

    def fail(self, error: httpx.HTTPError) -> None:
        """Record a failed connection."""
        self.disconnected, self.error = False, f"{type(error).__name__}: {error}"

    @contextmanager
    def recording_errors(self) -> Iterator[None]:
        """Record a connection that fails in the block."""
        try:
            yield
        except httpx.HTTPError as error:
            self.fail(error)
            raise


@attrs.frozen
class ReplayedResponse:
    """A recorded response, with the seconds to wait before each chunk; see `Capture`."""

    status: int | None
    headers: Mapping[str, str]
    chunks: tuple[tuple[float, bytes], ...]
    disconnected: bool
    error: str | None
    clock: Clock


Record = Callable[[SentRequest], Capture]
Respond = Callable[[SentRequest], ReplayedResponse]


def _sent(request: httpx.Request) -> SentRequest:
    stream = request.stream
    files = stream.files if isinstance(stream, (SyncUpload, AsyncUpload)) else ()
    body = b"" if files else request.content
    return SentRequest(request.method, str(request.url), _lowered(request.headers), body, files)


def _lowered(headers: httpx.Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _disconnected(request: httpx.Request) -> bool:
    trace = request.extensions.get("trace")
    return isinstance(trace, Trace) and trace.aborted


def _decoded(
    response: httpx.Response,
    capture: Capture,
    stream: httpx.SyncByteStream | httpx.AsyncByteStream,
) -> httpx.Response:
    """Return the client's response, whose body is decoded and recorded as it is read."""
    capture.status, capture.headers = response.status_code, _lowered(response.headers)
    headers = dict(capture.headers)
    if headers.pop("content-encoding", None) is not None:
        headers.pop("content-length", None)
    return httpx.Response(
        response.status_code, headers=headers, stream=stream, extensions=response.extensions
    )


class Recorder(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """The transport of a recorded client, sync or async.

    Args:
        record: Returns the `Capture` for a request and its response.
    """

    def __init__(self, record: Record) -> None:
        self._record = record

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request."""
        capture, route = self._record(_sent(request)), Route(reuse=False)
        try:
            with capture.recording_errors():
                response = route.handle_request(request)
        except BaseException:
            route.close()
            raise
        return _decoded(response, capture, _CapturedBody(request, response, capture, route))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request."""
        capture, route = self._record(_sent(request)), AsyncRoute(reuse=False)
        try:
            with capture.recording_errors():
                response = await route.handle_async_request(request)
        except BaseException:
            await route.aclose()
            raise
        return _decoded(response, capture, _AsyncCapturedBody(response, capture, route))


@attrs.frozen(eq=False)
class _CapturedBody(httpx.SyncByteStream):
    request: httpx.Request
    response: httpx.Response
    capture: Capture
    route: Route

    def __iter__(self) -> Iterator[bytes]:
        try:
            for chunk in self.response.iter_bytes():
                self.capture.receive(chunk)
                yield chunk
        except httpx.HTTPError as error:
            if not _disconnected(self.request):
                self.capture.fail(error)
            raise
        self.capture.disconnected = _disconnected(self.request)

    def close(self) -> None:
        self.response.close()
        self.route.close()


@attrs.frozen(eq=False)
class _AsyncCapturedBody(httpx.AsyncByteStream):
    response: httpx.Response
    capture: Capture
    route: AsyncRoute

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with self.capture.recording_errors():
            async for chunk in self.response.aiter_bytes():
                self.capture.receive(chunk)
                yield chunk
        self.capture.disconnected = False

    async def aclose(self) -> None:
        try:
            await self.response.aclose()
        finally:
            await self.route.aclose()


class Replayer(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """The transport of a replayed client, sync or async.

    Args:
        respond: Returns the response to a request.
    """

    def __init__(self, respond: Respond) -> None:
        self._respond = respond

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return a recorded response."""
        sent = _sent(request)
        assert isinstance(request.stream, httpx.SyncByteStream)
        for _ in request.stream:  # an upload reports its progress
            pass
        return _response(self._respond(sent))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return a recorded response."""
        sent = _sent(request)
        assert isinstance(request.stream, httpx.AsyncByteStream)
        async for _ in request.stream:
            pass
        return _response(self._respond(sent))


class _FakeSocket(threading.Event):
    """The network stream and socket of a replayed response; set once the client disconnects."""

    def get_extra_info(self, name: str) -> object:
        """Return itself as the socket."""
        return self if name == "socket" else None

    def setsockopt(self, level: int, option: int, value: int) -> None:
        """Do nothing."""

    def shutdown(self, how: int) -> None:  # noqa: ARG002 - a socket's signature
        """Record that the client has disconnected."""
        self.set()


def _response(replayed: ReplayedResponse) -> httpx.Response:
    if replayed.status is None:
        raise _error(replayed.error or "ReadError: the recording ended here")
    sock = _FakeSocket()
    return httpx.Response(
        replayed.status,
        headers=replayed.headers,
        stream=_ReplayedBody(replayed, sock),
        extensions={"network_stream": sock},
    )


def _error(recorded: str) -> Exception:
    """Return httpx's error as recorded, `type: message`."""
    name, _, message = recorded.partition(": ")
    found = getattr(httpx, name, None)
    if isinstance(found, type) and issubclass(found, httpx.RequestError):
        return found(message)
    return httpx.ReadError(message)


@attrs.frozen(eq=False)
class _ReplayedBody(httpx.SyncByteStream, httpx.AsyncByteStream):
    replayed: ReplayedResponse
    sock: _FakeSocket

    def __iter__(self) -> Iterator[bytes]:
        for wait_s, chunk in self.replayed.chunks:
            if wait_s:
                self.replayed.clock.wait(self.sock, wait_s)
            yield chunk
        self._fail()
        if self.replayed.disconnected:
            self.sock.wait()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        from anyio import sleep_forever

        for wait_s, chunk in self.replayed.chunks:
            if wait_s:
                await self.replayed.clock.sleep_async(wait_s)
            yield chunk
        self._fail()
        if self.replayed.disconnected:
            await sleep_forever()

    def _fail(self) -> None:
        if self.replayed.error is not None:
            raise _error(self.replayed.error)
