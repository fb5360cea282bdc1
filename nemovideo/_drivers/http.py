"""All that is httpx: clients, requests, answers.

Besides this module, only its neighbors for transports, errors, uploads, downloads and cassettes
import it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager, suppress
from functools import lru_cache
from typing import TYPE_CHECKING

import httpx

from nemovideo._config.settings import Settings, origin_of
from nemovideo._drivers.attempts import Deadline
from nemovideo._drivers.connections import Trace
from nemovideo._drivers.routes import FULL_URL, AsyncRoute, Route
from nemovideo._drivers.troubles import connect_timeout_s, secret_of
from nemovideo._drivers.uploads import AsyncUpload, SyncUpload
from nemovideo._flows.steps import Request
from nemovideo._support.json_text import json_bytes
from nemovideo._wire import envelopes, pages
from nemovideo.errors import APIError, InvalidRequestError, MalformedResponseError

if TYPE_CHECKING:
    from nemovideo._uploads.multipart import Multipart

SyncClient = httpx.Client
AsyncClient = httpx.AsyncClient
Response = httpx.Response
BuiltRequest = httpx.Request

MAX_BODY_BYTES = 64 * 1024 * 1024
"""The largest JSON answer that is read; a draft of 100,000 segments has about 20 MB."""

MAX_FAILURE_BYTES = 256 * 1024
"""How much is read of an answer whose status is an error: a proxy's page, say."""

_MAX_REDIRECTS = 20


def sync_client(*, reuse: bool = True) -> httpx.Client:
    """Return a new client with the environment's proxies.

    Args:
        reuse: Whether connections are used again. A message cannot be sent twice, so it must not
            meet an idle connection that the other side has just closed.
    """
    return httpx.Client(transport=Route(reuse=reuse), trust_env=False)


def async_client(*, reuse: bool = True) -> httpx.AsyncClient:
    """Return a new async client with the environment's proxies; see `sync_client`."""
    return httpx.AsyncClient(transport=AsyncRoute(reuse=reuse), trust_env=False)


_JSON = {"Content-Type": "application/json"}


def _json(request: Request) -> bytes:
    try:
        return json_bytes(request.json)
    except ValueError as error:
        raise InvalidRequestError(f"{request.place} cannot be sent as JSON: {error}") from None


@contextmanager
def built(
    client: httpx.Client | httpx.AsyncClient,
    settings: Settings,
    request: Request,
    *,
    deadline: Deadline,
    trace: Trace | None,
    ours: bool,
    endless: bool = False,
) -> Iterator[httpx.Request]:
    """Give the request as httpx wants it; the files in it are open while the block lasts.

    Args:
        client: The client that will send it.
        settings: The client's settings.
        request: What to send.
        deadline: When the whole call must have ended.
        trace: What is told about the connection.
        ours: Whether the client has a transport of `routes.py`.
        endless: For streams, which may be silent for long.
    """
    body = _multipart(request)
    url = request.path if "://" in request.path else settings.base_url + request.path
    timeouts = _timeouts(settings, deadline, endless=endless)
    if trace is not None and not deadline.never:
        trace.limit(timeouts, deadline.remaining)
    made = client.build_request(
        request.method,
        _url(url),
        content=None if request.json is None else _json(request),
        headers=_JSON if request.json is not None else None if body is None else body.headers,
        extensions={
            "timeout": timeouts,
            **({} if trace is None else {"trace": trace}),
        },
    )
    made.headers = _all_headers(made.headers, request, settings)
    if ours:
        _hide_query(made)
    if body is None:
        yield made
        return
    upload = AsyncUpload if isinstance(client, httpx.AsyncClient) else SyncUpload
    with closing(upload(body, request.on_sent, deadline, settings.clock)) as stream:
        made.stream = stream
        yield made


def redirected(
    response: httpx.Response,
    request: httpx.Request,
    count: int,
    settings: Settings,
    *,
    ours: bool,
) -> httpx.Request:
    """Return the request that follows a redirect.

    Raises:
        httpx.TooManyRedirects: This was one redirect too many.
        InvalidRequestError: It leads to another host over plain http.
    """
    following = response.next_request
    assert following is not None
    settings.check_link(str(following.url))
    if count >= _MAX_REDIRECTS:
        raise httpx.TooManyRedirects("too many redirects", request=request)
    following.extensions = {k: v for k, v in request.extensions.items() if k != FULL_URL}
    if ours:
        _hide_query(following)
    return following


def _hide_query(request: httpx.Request) -> None:
    """Keep a link's signature out of the line that httpx logs; our own transports restore it."""
    if request.url.query:
        request.extensions[FULL_URL] = request.url
        request.url = request.url.copy_with(query=None)


def _multipart(request: Request) -> Multipart | None:
    if not request.parts:
        return None
    from nemovideo._uploads.multipart import Multipart  # needed by uploads only

    return Multipart(request.parts)


@lru_cache(maxsize=128)
def _url(text: str) -> httpx.URL:
    """Return a URL, parsed once: parsing takes a tenth of a whole call."""
    return httpx.URL(text)


def _timeouts(settings: Settings, deadline: Deadline, *, endless: bool) -> dict[str, float | None]:
    """Return how long each phase of a request may take, in seconds.

    A call that waits for a connection to become free waits as long as it takes.
    """
    timeout_s = deadline.clip(settings.timeout_s)
    return {
        "connect": min(connect_timeout_s(settings), timeout_s),
        "write": timeout_s,
        "pool": None if deadline.never else max(deadline.remaining(), 0.001),
        "read": None if endless else timeout_s,
    }


def _all_headers(base: httpx.Headers, request: Request, settings: Settings) -> httpx.Headers:
    """Return httpx's own headers with ours; its `update` takes longer than the rest of the call."""
    ours = [(k.encode(), v.encode()) for k, v in _headers(request, settings).items()]
    names = {name.lower() for name, _ in ours}
    return httpx.Headers([*(held for held in base.raw if held[0].lower() not in names), *ours])


_FOR_ANYBODY = ("Range", "If-Range")


def _headers(request: Request, settings: Settings) -> dict[str, str]:
    """Return the headers; other hosts than the API's learn nothing about us but our name."""
    if "://" in request.path and origin_of(request.path) != settings.origin:
        kept = {name: request.headers[name] for name in _FOR_ANYBODY if name in request.headers}
        return {
            "User-Agent": settings.headers["User-Agent"],
            "Accept-Encoding": "identity",
            **kept,
        }
    return {"Accept-Encoding": "gzip", **settings.headers, **request.headers}


def network_stream(response: httpx.Response) -> object:
    """Return the connection that an answer comes over."""
    return response.extensions.get("network_stream")


async def closed(response: httpx.Response, chunks: AsyncIterator[bytes]) -> None:
    """Close an answer, and the generators that would wait for more of it.

    Left to the garbage collector, they would end at any time in the event loop; trio warns of it.
    """
    await response.aclose()
    with suppress(httpx.HTTPError, httpx.StreamError, RuntimeError):
        async for _ in chunks:  # the connection is closed, so this ends at once
            pass


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


def opened(found: envelopes.Exchange) -> object:
    """Return what the answer's envelope holds; the error for a web page says what that means.

    Raises:
        APIError: The answer says no.
        MalformedResponseError: It is not an answer of the API.
    """
    try:
        return envelopes.open_envelope(found)
    except (APIError, MalformedResponseError) as error:
        pages.explain(error, found)
        raise


class Body:
    """Collects an answer's body, up to a limit; of a failure's, the beginning is enough.

    Raises:
        MalformedResponseError: The answer is compressed in a way that was not asked for.
    """

    def __init__(self, request: Request, response: httpx.Response) -> None:
        self._chunks: list[bytes] = []
        self._ok = response.is_success
        self._left = MAX_BODY_BYTES if self._ok else MAX_FAILURE_BYTES
        self._place = request.place
        coding = response.headers.get("content-encoding", "identity").strip().lower()
        # gzip makes at most a thousand bytes of one; what brotli or zstd can make has no bound.
        if coding not in ("identity", "gzip", "x-gzip", "deflate", ""):
            raise MalformedResponseError(f"the answer to {self._place} is packed as {coding!r}")

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
        """Return all that arrived."""
        return b"".join(self._chunks)


def is_stream(response: httpx.Response) -> bool:
    """Whether the answer is an event stream, with a good status."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return response.status_code == 200 and kind == "text/event-stream"


def not_a_stream(found: envelopes.Exchange) -> Exception:
    """Return the error for an answer that came in place of a stream."""
    try:
        opened(found)
    except (APIError, MalformedResponseError) as error:
        return error
    return MalformedResponseError(
        f"{found.method} {found.path} answered with JSON in place of an event stream",
        body=found.text,
        may_have_spent=True,
    )
