"""The transports of recorded and replayed clients.

While recording, each request has its own route: the environment's proxies apply, nothing is bound
to an event loop, and no connection is left open.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping

import attrs
import httpx

from nemovideo._drivers.connections import Trace
from nemovideo._drivers.routes import AsyncRoute, Route
from nemovideo._drivers.uploads import AsyncUpload, SyncUpload
from nemovideo._support.clock import Clock


@attrs.frozen
class Sent:
    """A request, secrets included.

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
class Take:
    """A request and its answer while they are recorded, secrets included.

    Attributes:
        clock: The clock of the recorded client.
        keep_bytes: The largest body that is kept.
        status: The HTTP status; None until there is an answer.
        headers: The response headers, with lower-case names.
        chunks: The body's chunks, each with the seconds since the request.
        size: Bytes of the body, kept or not.
        left: Whether the client hung up before the end of the answer.
        error: What broke off the answer, as `type: message`.
    """

    sent: Sent
    clock: Clock
    keep_bytes: int
    began: float = attrs.field(init=False)
    status: int | None = None
    headers: Mapping[str, str] = attrs.field(factory=dict)
    chunks: list[tuple[float, bytes]] = attrs.field(factory=list)
    size: int = 0
    left: bool = True
    error: str | None = None

    def __attrs_post_init__(self) -> None:
        self.began = self.clock.monotonic()

    def receive(self, chunk: bytes) -> None:
        """Record the next bytes of the body."""
        self.size += len(chunk)
        if self.size <= self.keep_bytes:
            self.chunks.append((self.clock.monotonic() - self.began, chunk))
        else:
            self.chunks.clear()

    def fail(self, error: httpx.HTTPError) -> None:
        """Record a failed connection."""
        self.left, self.error = False, f"{type(error).__name__}: {error}"


@attrs.frozen
class Played:
    """A recorded answer, with the seconds to wait before each chunk; see `Take`."""

    status: int | None
    headers: Mapping[str, str]
    chunks: tuple[tuple[float, bytes], ...]
    left: bool
    error: str | None
    clock: Clock


Begin = Callable[[Sent], Take]
Play = Callable[[Sent], Played]


def recording_client(begin: Begin) -> httpx.Client:
    """Return a client that records its traffic in the takes that `begin` makes."""
    return httpx.Client(transport=_Recorder(begin))


def async_recording_client(begin: Begin) -> httpx.AsyncClient:
    """Return an async client that records its traffic in the takes that `begin` makes."""
    return httpx.AsyncClient(transport=_AsyncRecorder(begin))


def replaying_client(play: Play) -> httpx.Client:
    """Return a client that gets its answers from `play`."""
    return httpx.Client(transport=_Player(play))


def async_replaying_client(play: Play) -> httpx.AsyncClient:
    """Return an async client that gets its answers from `play`."""
    return httpx.AsyncClient(transport=_AsyncPlayer(play))


def _sent(request: httpx.Request) -> Sent:
    stream = request.stream
    files = stream.files if isinstance(stream, (SyncUpload, AsyncUpload)) else ()
    body = b"" if files else request.content
    return Sent(request.method, str(request.url), _lowered(request.headers), body, files)


def _lowered(headers: httpx.Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _hung_up(request: httpx.Request) -> bool:
    trace = request.extensions.get("trace")
    return isinstance(trace, Trace) and trace.hung_up


def _recorded(
    response: httpx.Response, take: Take, stream: httpx.SyncByteStream | httpx.AsyncByteStream
) -> httpx.Response:
    """Return the decoded response for the client."""
    take.status, take.headers = response.status_code, _lowered(response.headers)
    headers = dict(take.headers)
    if headers.pop("content-encoding", None) is not None:
        headers.pop("content-length", None)
    return httpx.Response(
        response.status_code, headers=headers, stream=stream, extensions=response.extensions
    )


class _Recorder(httpx.BaseTransport):
    def __init__(self, begin: Begin) -> None:
        self._begin = begin

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        take, route = self._begin(_sent(request)), Route(reuse=False)
        try:
            response = route.handle_request(request)
        except BaseException as error:
            if isinstance(error, httpx.HTTPError):
                take.fail(error)
            route.close()
            raise
        return _recorded(response, take, _RecordedBody(request, response, take, route))


@attrs.frozen(eq=False)
class _RecordedBody(httpx.SyncByteStream):
    request: httpx.Request
    response: httpx.Response
    take: Take
    route: Route

    def __iter__(self) -> Iterator[bytes]:
        try:
            for chunk in self.response.iter_bytes():
                self.take.receive(chunk)
                yield chunk
        except httpx.HTTPError as error:
            if not _hung_up(self.request):
                self.take.fail(error)
            raise
        self.take.left = _hung_up(self.request)

    def close(self) -> None:
        self.response.close()
        self.route.close()


class _AsyncRecorder(httpx.AsyncBaseTransport):
    def __init__(self, begin: Begin) -> None:
        self._begin = begin

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        take, route = self._begin(_sent(request)), AsyncRoute(reuse=False)
        try:
            response = await route.handle_async_request(request)
        except BaseException as error:
            if isinstance(error, httpx.HTTPError):
                take.fail(error)
            await route.aclose()
            raise
        return _recorded(response, take, _AsyncRecordedBody(response, take, route))


@attrs.frozen(eq=False)
class _AsyncRecordedBody(httpx.AsyncByteStream):
    response: httpx.Response
    take: Take
    route: AsyncRoute

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self.response.aiter_bytes():
                self.take.receive(chunk)
                yield chunk
        except httpx.HTTPError as error:
            self.take.fail(error)
            raise
        self.take.left = False

    async def aclose(self) -> None:
        try:
            await self.response.aclose()
        finally:
            await self.route.aclose()


class _Player(httpx.BaseTransport):
    def __init__(self, play: Play) -> None:
        self._play = play

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        sent = _sent(request)
        assert isinstance(request.stream, httpx.SyncByteStream)
        for _ in request.stream:  # an upload reports its progress
            pass
        played, line = self._play(sent), _Line()
        return _response(played, _PlayedBody(played, line), line)


class _AsyncPlayer(httpx.AsyncBaseTransport):
    def __init__(self, play: Play) -> None:
        self._play = play

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        sent = _sent(request)
        assert isinstance(request.stream, httpx.AsyncByteStream)
        async for _ in request.stream:
            pass
        played = self._play(sent)
        return _response(played, _AsyncPlayedBody(played), _Line())


class _Line(threading.Event):
    """Stands in for the socket of a played answer; set once the client has hung up."""

    def get_extra_info(self, name: str) -> object:
        """Return itself as the socket."""
        return self if name == "socket" else None

    def setsockopt(self, level: int, option: int, value: int) -> None:
        """Do nothing."""

    def shutdown(self, how: int) -> None:  # noqa: ARG002 - a socket's signature
        """Record that the client has hung up."""
        self.set()


def _response(
    played: Played, stream: httpx.SyncByteStream | httpx.AsyncByteStream, line: _Line
) -> httpx.Response:
    if played.status is None:
        raise _error(played.error or "ReadError: the recording ended here")
    return httpx.Response(
        played.status, headers=played.headers, stream=stream, extensions={"network_stream": line}
    )


def _error(recorded: str) -> Exception:
    """Return httpx's error as recorded, `type: message`."""
    name, _, message = recorded.partition(": ")
    found = getattr(httpx, name, None)
    if isinstance(found, type) and issubclass(found, httpx.RequestError):
        return found(message)
    return httpx.ReadError(message)


@attrs.frozen(eq=False)
class _PlayedBody(httpx.SyncByteStream):
    played: Played
    line: _Line

    def __iter__(self) -> Iterator[bytes]:
        for wait_s, chunk in self.played.chunks:
            if wait_s:
                self.played.clock.wait(self.line, wait_s)
            yield chunk
        if self.played.error is not None:
            raise _error(self.played.error)
        if self.played.left:
            self.line.wait()


@attrs.frozen(eq=False)
class _AsyncPlayedBody(httpx.AsyncByteStream):
    played: Played

    async def __aiter__(self) -> AsyncIterator[bytes]:
        from anyio import sleep_forever

        for wait_s, chunk in self.played.chunks:
            if wait_s:
                await self.played.clock.sleep_async(wait_s)
            yield chunk
        if self.played.error is not None:
            raise _error(self.played.error)
        if self.played.left:
            await sleep_forever()
