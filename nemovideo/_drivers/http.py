"""All that is httpx: clients, requests, answers, its exceptions as ours.

Besides this module, only the files that go and come (`uploads.py`, `downloads.py`) and the
cassette's transports import it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from functools import lru_cache
from typing import TYPE_CHECKING

import httpx

from nemovideo._config.settings import Settings, origin_of
from nemovideo._drivers.attempts import Deadline
from nemovideo._drivers.line import Line, keep_alive
from nemovideo._drivers.uploads import AsyncUpload, SyncUpload
from nemovideo._flows.steps import Request
from nemovideo._wire import envelopes
from nemovideo.errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    InvalidRequestError,
    MalformedResponseError,
    NemoError,
)

if TYPE_CHECKING:
    import ssl

    from nemovideo._uploads.multipart import Multipart

SyncClient = httpx.Client
AsyncClient = httpx.AsyncClient
Response = httpx.Response
BuiltRequest = httpx.Request

MAX_BODY_BYTES = 64 * 1024 * 1024
"""The largest JSON answer that is read; a draft of 100,000 segments has about 20 MB."""

MAX_FAILURE_BYTES = 256 * 1024
"""How much is read of an answer whose status says no: a proxy's page, say."""

_LOG = logging.getLogger("httpcore.http11")
_PROXY_LOG = logging.getLogger("httpcore.proxy")

_CLOCK_STEP_S = 0.02
"""A wait that was clipped to the deadline may end this much before it."""

_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)


_NO_REUSE = httpx.Limits(max_connections=None, max_keepalive_connections=0)
"""For streams: as many as wanted, each over a connection of its own.

A message cannot be sent again, so it must not meet an idle connection that the
other side has just closed.
"""


def certificates() -> ssl.SSLContext:
    """Return whom to trust, as the environment says; reading it takes longer than a call."""
    return httpx.create_ssl_context()


def sync_client(trust: ssl.SSLContext | None = None) -> httpx.Client:
    """Return a new client; its proxies come from the environment, and `trust` if it is None."""
    return httpx.Client(verify=trust or True)


def async_client(trust: ssl.SSLContext | None = None) -> httpx.AsyncClient:
    """Return a new client; its proxies come from the environment, and `trust` if it is None."""
    return httpx.AsyncClient(verify=trust or True)


def sync_stream_client(trust: ssl.SSLContext) -> httpx.Client:
    """Return a new client whose connections are never used twice."""
    return httpx.Client(verify=trust, limits=_NO_REUSE)


def async_stream_client(trust: ssl.SSLContext) -> httpx.AsyncClient:
    """Return a new client whose connections are never used twice."""
    return httpx.AsyncClient(verify=trust, limits=_NO_REUSE)


@contextmanager
def built(
    client: httpx.Client | httpx.AsyncClient,
    settings: Settings,
    request: Request,
    *,
    deadline: Deadline,
    endless: bool = False,
    line: Line | None = None,
) -> Iterator[httpx.Request]:
    """Give the request as httpx wants it; the files in it are open while the block lasts.

    `endless` is for streams, which may be silent for long.
    """
    extensions: dict[str, object] = {"timeout": _timeouts(settings, deadline, endless=endless)}
    if endless or _is_logged():
        is_async = isinstance(client, httpx.AsyncClient)
        extensions["trace"] = _trace(is_async, line, secret_of(request))
    body = _multipart(request)
    built = client.build_request(
        request.method,
        request.path if "://" in request.path else _url(settings.base_url + request.path),
        json=request.json,
        headers=None if body is None else body.headers,
        extensions=extensions,
    )
    built.headers = _all_headers(built.headers, request, settings)
    if body is None:
        yield built
        return
    upload = AsyncUpload if isinstance(client, httpx.AsyncClient) else SyncUpload
    with closing(upload(body, request.on_sent, deadline, settings.clock)) as stream:
        built.stream = stream
        yield built


def _is_logged() -> bool:
    return _LOG.isEnabledFor(logging.DEBUG) or _PROXY_LOG.isEnabledFor(logging.DEBUG)


def _multipart(request: Request) -> Multipart | None:
    if not request.parts:
        return None
    from nemovideo._uploads.multipart import Multipart  # needed by uploads only

    return Multipart(request.parts)


@lru_cache(maxsize=128)
def _url(text: str) -> httpx.URL:
    """Return a URL of the API, parsed once: parsing takes a tenth of a whole call."""
    return httpx.URL(text)


def _timeouts(
    settings: Settings, deadline: Deadline, *, endless: bool
) -> Mapping[str, float | None]:
    timeout_s = deadline.clip(settings.timeout_s)
    seconds = {
        "connect": timeout_s,
        "write": timeout_s,
        "pool": timeout_s,
        "read": None if endless else timeout_s,
    }
    return seconds if deadline.never else _Timeouts(seconds, deadline)


class _Timeouts(dict[str, "float | None"]):
    """Seconds for each phase of a request; httpcore looks them up as the phase begins."""

    def __init__(self, seconds: Mapping[str, float | None], deadline: Deadline) -> None:
        super().__init__(seconds)
        self._deadline = deadline

    def get(self, phase: str, default: float | None = None) -> float | None:  # type: ignore[override]
        """Return the phase's time, or what is left of the deadline if that is less."""
        seconds = super().get(phase, default)
        left = max(self._deadline.remaining(), 0.001)
        return left if seconds is None else min(left, seconds)


def _all_headers(base: httpx.Headers, request: Request, settings: Settings) -> httpx.Headers:
    """Return httpx's own headers with ours; its `update` takes longer than the rest of the call."""
    ours = [(k.encode(), v.encode()) for k, v in _headers(request, settings).items()]
    names = {name.lower() for name, _ in ours}
    return httpx.Headers([*(held for held in base.raw if held[0].lower() not in names), *ours])


_FOR_ANYBODY = ("Range", "If-Range")


def _headers(request: Request, settings: Settings) -> dict[str, str]:
    """Return the headers; other hosts than the API's are told nothing of us but our name."""
    if "://" in request.path and origin_of(request.path) != settings.origin:
        kept = {name: request.headers[name] for name in _FOR_ANYBODY if name in request.headers}
        return {
            "User-Agent": settings.headers["User-Agent"],
            "Accept-Encoding": "identity",
            **kept,
        }
    return {"Accept-Encoding": "gzip", **settings.headers, **request.headers}


def _trace(
    is_async: bool, line: Line | None, secret: str
) -> Callable[[str, dict[str, object]], object]:
    """Return a hook that httpcore tells of its work, before it logs it.

    It switches TCP keepalive on for each new connection, tells the line, and
    keeps a token that a server sends back out of httpcore's log. A transport of
    our own would do it too, but httpx gives up the environment's proxies then.
    Without keepalive, NATs drop a connection during minutes of silence.
    """

    def hook(event: str, info: dict[str, object]) -> None:
        if event.endswith(".connect_tcp.complete"):
            keep_alive(info["return_value"])
        if line is not None and event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            line.connect(info["return_value"])
        if event.endswith((".complete", ".failed")):
            for key, value in info.items():
                info[key] = value if value is None else _Redacted(value, secret)

    async def hook_async(event: str, info: dict[str, object]) -> None:
        hook(event, info)

    return hook_async if is_async else hook


class _Redacted:
    """Stands for a value in a log."""

    def __init__(self, value: object, secret: str) -> None:
        self._value = value
        self._secret = secret

    def __repr__(self) -> str:
        return envelopes.redact(repr(self._value), self._secret)


def translated(
    error: Exception, request: Request, deadline: Deadline | None = None
) -> APIConnectionError:
    """Return httpx's error as one of ours; it knows whether the request could have arrived."""
    reason = envelopes.redact(str(error), secret_of(request)) or type(error).__name__
    cls = APITimeoutError if isinstance(error, httpx.TimeoutException) else APIConnectionError
    made = cls(f"{request.place}: {reason}")
    if deadline is not None and deadline.remaining() <= _CLOCK_STEP_S:
        made = deadline.passed()
    made.sent = not isinstance(error, _NEVER_SENT)
    made.may_have_spent = request.path == "/run_sse" and made.sent
    return made


@contextmanager
def translating(request: Request, deadline: Deadline | None = None) -> Iterator[None]:
    """Turn httpx's errors in the block into ours."""
    try:
        yield
    except (httpx.RequestError, httpx.StreamError) as error:
        raise translated(error, request, deadline) from _cleaned(error, secret_of(request))
    except httpx.InvalidURL as error:
        raise InvalidRequestError(f"{request.place} is not a URL: {error}") from error


def network_stream(response: httpx.Response) -> object:
    """Return the connection that an answer comes over, for `line.hanging_up`."""
    return response.extensions.get("network_stream")


def typed(error: Exception, request: Request) -> NemoError:
    """Return the error for the hooks: one of ours, whatever it is."""
    if isinstance(error, NemoError):
        return error
    return translated(error, request)


def closed_error() -> InvalidRequestError:
    """Return the error for a client that was used after its end."""
    return InvalidRequestError(
        "the client is closed", remedy="Make another one, or use it inside its with block."
    )


def _cleaned(error: BaseException, secret: str) -> BaseException:
    """Return the error without secrets and without frames, it and what led to it.

    The local variables of the HTTP library's frames hold the request's headers,
    and programs that report their errors (Sentry, say) send local variables
    along. Its messages may quote what the server sent. Its errors hold the
    request itself, and some programs pickle an error with what led to it (tblib
    does, which Dask installs for the whole process).
    """
    inner: BaseException | None = error
    seen: list[BaseException] = []  # what led to an error can lead back to it
    while inner is not None and inner not in seen:
        seen.append(inner)
        inner.__traceback__ = None
        text = str(inner)
        if (clean := envelopes.redact(text, secret)) != text:
            inner.args = (clean,)
        if isinstance(inner, httpx.RequestError):
            with suppress(RuntimeError):  # it has no request
                inner.request = httpx.Request(inner.request.method, inner.request.url)
        inner = inner.__cause__ or inner.__context__
    return error


def secret_of(request: Request) -> str:
    """Return the token that goes with the request, or an empty string."""
    return request.headers.get("Authorization", "").removeprefix("Bearer ")


def exchange(
    request: Request, response: httpx.Response, body: bytes, settings: Settings
) -> envelopes.Exchange:
    """Return an answer in the form in which the wire rules judge it."""
    secret = secret_of(request)
    return envelopes.Exchange(
        method=request.method,
        path=response.request.url.path,
        status=response.status_code,
        headers=response.headers,
        body=body.replace(secret.encode(), b"[redacted]") if secret else body,
        secret=secret,
        now=settings.clock.time(),
    )


class Body:
    """Collects an answer's body, up to a limit; of a failure's, the beginning is enough.

    Raises:
        MalformedResponseError: The answer is packed in a way that was not asked for.
    """

    def __init__(self, request: Request, response: httpx.Response) -> None:
        self._chunks: list[bytes] = []
        self._ok = response.is_success
        self._left = MAX_BODY_BYTES if self._ok else MAX_FAILURE_BYTES
        self._place = request.place
        packed = response.headers.get("content-encoding", "identity").strip().lower()
        # gzip makes at most a thousand bytes of one; what brotli or zstd can make has no bound.
        if packed not in ("identity", "gzip", "x-gzip", "deflate", ""):
            raise MalformedResponseError(f"the answer to {self._place} is packed as {packed!r}")

    def add(self, chunk: bytes) -> bool:
        """Take the next bytes; False means that no more are wanted.

        Raises:
            MalformedResponseError: The body is over the limit.
        """
        if len(chunk) > self._left and self._ok:
            raise MalformedResponseError(f"the answer to {self._place} is too large")
        self._chunks.append(chunk[: self._left])
        self._left -= len(chunk)
        return self._left > 0

    def whole(self) -> bytes:
        """Return all that came."""
        return b"".join(self._chunks)


def is_stream(response: httpx.Response) -> bool:
    """Say whether the answer is an event stream, with a good status."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return response.status_code == 200 and kind == "text/event-stream"


def not_a_stream(found: envelopes.Exchange) -> Exception:
    """Return the error for an answer that came in place of a stream."""
    try:
        envelopes.open_envelope(found)
    except (APIError, MalformedResponseError) as error:
        return error
    return MalformedResponseError(
        f"{found.method} {found.path} answered with JSON in place of an event stream",
        body=found.text,
        may_have_spent=True,
    )
