"""The transports under recorded and replayed clients: what passes is shown to a cassette.

Recording, every request has a client of its own underneath: so the environment's
proxies hold, nothing is bound to an event loop, and nothing is left open.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterator

import httpx

from nemovideo._drivers import http
from nemovideo._drivers.recorded import Answer, Ask, Begin, Take


def recording_client(begin: Begin) -> httpx.Client:
    """Return a client that shows its traffic to the takes that `begin` makes."""
    return httpx.Client(transport=_Recorder(begin))


def async_recording_client(begin: Begin) -> httpx.AsyncClient:
    """Return an async client that shows its traffic to the takes that `begin` makes."""
    return httpx.AsyncClient(transport=_AsyncRecorder(begin))


def replaying_client(ask: Ask) -> httpx.Client:
    """Return a client whose answers come from the questions that `ask` makes."""
    return httpx.Client(transport=_Player(ask))


def async_replaying_client(ask: Ask) -> httpx.AsyncClient:
    """Return an async client whose answers come from the questions that `ask` makes."""
    return httpx.AsyncClient(transport=_AsyncPlayer(ask))


def _lowered(headers: httpx.Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


class _Line:
    """Stands in for a response's connection: knows when the client hangs up."""

    def __init__(self, under: object = None) -> None:
        self._under = under
        self.hung_up = threading.Event()

    def get_extra_info(self, name: str) -> object:
        """Return itself as the socket; anything else comes from the connection underneath."""
        if name == "socket":
            return self
        get_extra_info = getattr(self._under, "get_extra_info", None)
        return None if get_extra_info is None else get_extra_info(name)

    def setsockopt(self, level: int, option: int, value: int) -> None:
        """Do nothing: the connection underneath has its options already."""

    def shutdown(self, how: int) -> None:
        """Note it, and hang up underneath."""
        self.hung_up.set()
        get_extra_info = getattr(self._under, "get_extra_info", None)
        if get_extra_info is not None and (connection := get_extra_info("socket")) is not None:
            connection.shutdown(how)


class _Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A request's body that is shown to a take while it is sent."""

    def __init__(self, request: httpx.Request, sent: Callable[[bytes], None]) -> None:
        self._stream = request.stream
        self._sent = sent

    def __iter__(self) -> Iterator[bytes]:
        assert isinstance(self._stream, httpx.SyncByteStream)
        for chunk in self._stream:
            self._sent(chunk)
            yield chunk

    async def __aiter__(self) -> AsyncIterator[bytes]:
        assert isinstance(self._stream, httpx.AsyncByteStream)
        async for chunk in self._stream:
            self._sent(chunk)
            yield chunk


class _Heard:
    """A response on its way to the client, decoded, and shown to a take."""

    def __init__(self, response: httpx.Response, take: Take) -> None:
        self._response = response
        self._take = take
        self._line = _Line(response.extensions.get("network_stream"))
        headers = _lowered(response.headers)
        take.answered(response.status_code, headers)
        if "content-encoding" in headers:  # what is passed on has been decoded
            headers.pop("content-length", None)
        self._headers = {k: v for k, v in headers.items() if k != "content-encoding"}

    def passed_on(self, stream: httpx.SyncByteStream | httpx.AsyncByteStream) -> httpx.Response:
        """Return the response for the client."""
        return httpx.Response(
            self._response.status_code,
            headers=self._headers,
            stream=stream,
            extensions={**self._response.extensions, "network_stream": self._line},
        )

    def _broke(self, error: Exception) -> None:
        if not self._line.hung_up.is_set():  # else it is the client that broke it
            self._take.broke(error)


class _HeardSync(_Heard, httpx.SyncByteStream):
    def __init__(self, response: httpx.Response, take: Take, client: httpx.Client) -> None:
        super().__init__(response, take)
        self._client = client

    def __iter__(self) -> Iterator[bytes]:
        try:
            for chunk in self._response.iter_bytes():
                self._take.heard(chunk)
                yield chunk
        except httpx.HTTPError as error:
            self._broke(error)
            raise
        if not self._line.hung_up.is_set():
            self._take.ended()

    def close(self) -> None:
        self._response.close()
        self._client.close()


class _HeardAsync(_Heard, httpx.AsyncByteStream):
    def __init__(self, response: httpx.Response, take: Take, client: httpx.AsyncClient) -> None:
        super().__init__(response, take)
        self._client = client

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._response.aiter_bytes():
                self._take.heard(chunk)
                yield chunk
        except httpx.HTTPError as error:
            self._broke(error)
            raise
        self._take.ended()

    async def aclose(self) -> None:
        try:
            await self._response.aclose()
        finally:
            await self._client.aclose()


class _Recorder(httpx.BaseTransport):
    def __init__(self, begin: Begin) -> None:
        self._begin = begin

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        take = self._begin(request.method, str(request.url), _lowered(request.headers))
        request.stream = _Body(request, take.sent)
        client = http.sync_client()
        try:
            response = client.send(request, stream=True, follow_redirects=False)
        except BaseException as error:
            if isinstance(error, httpx.HTTPError):
                take.broke(error)
            client.close()
            raise
        heard = _HeardSync(response, take, client)
        return heard.passed_on(heard)


class _AsyncRecorder(httpx.AsyncBaseTransport):
    def __init__(self, begin: Begin) -> None:
        self._begin = begin

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        take = self._begin(request.method, str(request.url), _lowered(request.headers))
        request.stream = _Body(request, take.sent)
        client = http.async_client()
        try:
            response = await client.send(request, stream=True, follow_redirects=False)
        except BaseException as error:
            if isinstance(error, httpx.HTTPError):
                take.broke(error)
            await client.aclose()
            raise
        heard = _HeardAsync(response, take, client)
        return heard.passed_on(heard)


_ERRORS = {
    cls.__name__: cls
    for cls in (
        *(httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError),
        *(httpx.ReadError, httpx.ReadTimeout, httpx.WriteError, httpx.WriteTimeout),
        *(httpx.CloseError, httpx.LocalProtocolError, httpx.RemoteProtocolError),
        *(httpx.UnsupportedProtocol, httpx.DecodingError),
    )
}


def _error(recorded: str) -> Exception:
    """Return httpx's error as it was recorded, `type: message`."""
    name, _, message = recorded.partition(": ")
    return _ERRORS.get(name, httpx.ReadError)(message)


class _Played:
    """An answer from a cassette, as httpx gives it to the client."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._line = _Line()

    def given(self, stream: httpx.SyncByteStream | httpx.AsyncByteStream) -> httpx.Response:
        """Return the response, or raise what came in its place."""
        if self._answer.status is None:
            raise _error(self._answer.error or "ReadError: the recording ended here")
        return httpx.Response(
            self._answer.status,
            headers=self._answer.headers,
            stream=stream,
            extensions={"network_stream": self._line},
        )


class _PlayedSync(_Played, httpx.SyncByteStream):
    def __iter__(self) -> Iterator[bytes]:
        for wait_s, chunk in self._answer.chunks:
            self._wait(wait_s)
            yield chunk
        if self._answer.error is not None:
            raise _error(self._answer.error)
        if self._answer.left:
            self._line.hung_up.wait()

    def _wait(self, seconds: float) -> None:
        """Wait in short steps, for nobody wakes this thread up when the client has gone."""
        while seconds > 0 and not self._line.hung_up.is_set():
            step = min(seconds, 1.0)
            self._answer.clock.sleep(step)
            seconds -= step


class _PlayedAsync(_Played, httpx.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        from anyio import sleep_forever

        for wait_s, chunk in self._answer.chunks:
            if wait_s:
                await self._answer.clock.sleep_async(wait_s)
            yield chunk
        if self._answer.error is not None:
            raise _error(self._answer.error)
        if self._answer.left:
            await sleep_forever()


class _Player(httpx.BaseTransport):
    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        question = self._ask(request.method, str(request.url), _lowered(request.headers))
        assert isinstance(request.stream, httpx.SyncByteStream)
        for chunk in request.stream:
            question.sent(chunk)
        played = _PlayedSync(question.answer())
        return played.given(played)


class _AsyncPlayer(httpx.AsyncBaseTransport):
    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        question = self._ask(request.method, str(request.url), _lowered(request.headers))
        assert isinstance(request.stream, httpx.AsyncByteStream)
        async for chunk in request.stream:
            question.sent(chunk)
        played = _PlayedAsync(question.answer())
        return played.given(played)
