"""All that is httpx: clients, requests, answers, its exceptions as ours. Nobody else imports it."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO, cast

import httpx

from nemovideo import _wire
from nemovideo._flows.steps import Request
from nemovideo._settings import Settings, origin_of
from nemovideo.errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    DownloadError,
    InvalidRequestError,
    MalformedResponseError,
)

if TYPE_CHECKING:
    from nemovideo._files import Part

SyncClient = httpx.Client
AsyncClient = httpx.AsyncClient
Response = httpx.Response

MAX_BODY_BYTES = 64 * 1024 * 1024
"""The largest JSON answer that is read; a draft of 100,000 segments has about 20 MB."""

_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)


def sync_client() -> httpx.Client:
    """Return a new client; proxies and certificates come from the environment."""
    return httpx.Client()


def async_client() -> httpx.AsyncClient:
    """Return a new client; proxies and certificates come from the environment."""
    return httpx.AsyncClient()


@contextmanager
def built(
    client: httpx.Client | httpx.AsyncClient,
    settings: Settings,
    request: Request,
    *,
    timeout_s: float,
    read_timeout_s: float | None,
) -> Iterator[httpx.Request]:
    """Give the request as httpx wants it; the files in it are open while the block lasts."""
    url = request.path if "://" in request.path else f"{settings.base_url}{request.path}"
    home = origin_of(url) == settings.origin
    headers = {**settings.headers, **request.headers} if home else _agent_only(settings)
    with ExitStack() as files:
        yield client.build_request(
            request.method,
            url,
            headers=headers,
            json=request.json,
            files=[("files", _open(part, files)) for part in request.parts] or None,
            timeout=httpx.Timeout(timeout_s, read=read_timeout_s),
            extensions={"trace": _trace(isinstance(client, httpx.AsyncClient))},
        )


def _agent_only(settings: Settings) -> dict[str, str]:
    """Return the headers for other hosts, which are told nothing of us but our name."""
    return {"User-Agent": settings.headers["User-Agent"]}


def _open(part: Part, files: ExitStack) -> tuple[str, BinaryIO, str]:
    return part.name, files.enter_context(part.open()), part.content_type


def _trace(is_async: bool) -> Callable[[str, Mapping[str, object]], object]:
    """Return a hook that switches TCP keepalive on for each new connection.

    A transport of our own would do it too, but httpx gives up the environment's
    proxies then. Without keepalive, NATs drop a connection during minutes of silence.
    """

    def hook(event: str, info: Mapping[str, object]) -> None:
        if event == "connection.connect_tcp.complete":
            _keep_alive(info["return_value"])

    async def hook_async(event: str, info: Mapping[str, object]) -> None:
        hook(event, info)

    return hook_async if is_async else hook


def _keep_alive(stream: object) -> None:
    connection = _socket(stream)
    if connection is None:
        return
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 45), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _socket(stream: object) -> socket.socket | None:
    get_extra_info = getattr(stream, "get_extra_info", None)
    found = get_extra_info("socket") if get_extra_info is not None else None
    return cast("socket.socket", found) if hasattr(found, "setsockopt") else None


def hang_up(response: httpx.Response) -> None:
    """End a response's connection, so that another thread that reads from it wakes up."""
    connection = _socket(response.extensions.get("network_stream"))
    if connection is not None:
        with suppress(OSError):  # closed already
            connection.shutdown(socket.SHUT_RDWR)


def translated(error: Exception, request: Request) -> APIConnectionError:
    """Return httpx's error as one of ours; it knows whether the request could have arrived."""
    place = f"{request.method} {_wire.redact(request.path)}"
    reason = _wire.redact(str(error)) or type(error).__name__
    cls = APITimeoutError if isinstance(error, httpx.TimeoutException) else APIConnectionError
    made = cls(f"{place}: {reason}", may_have_spent=request.path == "/run_sse")
    made.sent = not isinstance(error, _NEVER_SENT)
    made.may_have_spent = made.may_have_spent and made.sent
    return made


@contextmanager
def translating(request: Request) -> Iterator[None]:
    """Turn httpx's errors in the block into ours."""
    try:
        yield
    except (httpx.TransportError, httpx.DecodingError, httpx.StreamError) as error:
        raise translated(error, request) from error
    except httpx.InvalidURL as error:
        raise InvalidRequestError(f"{request.path!r} is not a URL: {error}") from error


def exchange(
    request: Request, response: httpx.Response, body: bytes, settings: Settings
) -> _wire.Exchange:
    """Return an answer in the form in which the wire rules judge it."""
    return _wire.Exchange(
        method=request.method,
        path=response.request.url.path,
        status=response.status_code,
        headers={name.lower(): value for name, value in response.headers.items()},
        body=body,
        secret=request.headers.get("Authorization", "").removeprefix("Bearer "),
        now=settings.clock.time(),
    )


class Body:
    """Collects an answer's body, up to a limit."""

    def __init__(self, request: Request, limit: int = MAX_BODY_BYTES) -> None:
        self._chunks: list[bytes] = []
        self._left = limit
        self._request = request

    def add(self, chunk: bytes) -> None:
        """Take the next bytes.

        Raises:
            MalformedResponseError: The body is over the limit.
        """
        self._left -= len(chunk)
        if self._left < 0:
            raise MalformedResponseError(
                f"the answer to {self._request.method} {self._request.path} is too large"
            )
        self._chunks.append(chunk)

    def whole(self) -> bytes:
        """Return all that came."""
        return b"".join(self._chunks)


def is_stream(response: httpx.Response) -> bool:
    """Say whether the answer is an event stream, with a good status."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return response.status_code == 200 and kind == "text/event-stream"


def not_a_stream(found: _wire.Exchange) -> Exception:
    """Return the error for an answer that came in place of a stream."""
    try:
        _wire.open_envelope(found)
    except (APIError, MalformedResponseError) as error:
        return error
    return MalformedResponseError(
        f"{found.method} {found.path} answered with JSON in place of an event stream",
        body=found.text,
        may_have_spent=True,
    )


class _Upload:
    """A multipart body that reports its progress."""

    def __init__(self, request: httpx.Request, on_sent: Callable[[int, int], None] | None) -> None:
        self._chunks = cast("httpx.SyncByteStream", request.stream)
        self._total = int(request.headers.get("content-length", "0"))
        self._sent = 0
        self._on_sent = on_sent

    def _count(self, chunk: bytes) -> None:
        self._sent += len(chunk)
        if self._on_sent is not None:
            self._on_sent(self._sent, self._total)


class SyncUpload(_Upload, httpx.SyncByteStream):
    """An upload of the sync driver."""

    def __iter__(self) -> Iterator[bytes]:
        """Yield the body's chunks."""
        for chunk in self._chunks:
            yield chunk
            self._count(chunk)


class AsyncUpload(_Upload, httpx.AsyncByteStream):
    """An upload of the async driver, which reads its files in a thread."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the body's chunks."""
        from anyio import to_thread

        chunks = iter(self._chunks)
        while (chunk := await to_thread.run_sync(next, chunks, None)) is not None:
            yield chunk
            self._count(chunk)


def expected_size(response: httpx.Response) -> int | None:
    """Return the size of a download as its header gives it, unless it was compressed."""
    length = response.headers.get("content-length", "")
    encoded = response.headers.get("content-encoding", "identity") != "identity"
    return int(length) if length.isdigit() and not encoded else None


def check_size(received: int, expected: int | None, path: str | os.PathLike[str]) -> None:
    """Make sure that a download is whole.

    Raises:
        DownloadError: It is not.
    """
    if expected is not None and received != expected:
        raise DownloadError(f"{path}: {received} bytes came, {expected} were announced")
    if received == 0:
        raise DownloadError(f"{path}: the file is empty")
