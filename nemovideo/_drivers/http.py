"""Build httpx clients and requests, and read responses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager, suppress
from functools import lru_cache
from typing import TYPE_CHECKING

import httpx

from nemovideo._config.settings import Settings, origin_of
from nemovideo._drivers.attempts import Deadline
from nemovideo._drivers.connections import Trace
from nemovideo._drivers.network_errors import connect_timeout_s, secret_of
from nemovideo._drivers.routes import FULL_URL, AsyncRoute, Route
from nemovideo._drivers.uploads import AsyncBody, AsyncUpload, SyncUpload
from nemovideo._flows.steps import Request
from nemovideo._support.addresses import mask_file_token
from nemovideo._support.json_text import json_bytes
from nemovideo._wire import envelopes, pages
from nemovideo.errors import APIError, InvalidRequestError, MalformedResponseError

if TYPE_CHECKING:
    from nemovideo._uploads.multipart import Multipart

SyncClient = httpx.Client
AsyncClient = httpx.AsyncClient
Response = httpx.Response

MAX_BODY_BYTES = 64 * 1024 * 1024
"""The limit for a JSON body; a draft of 100,000 segments takes about 20 MB."""

MAX_ERROR_BODY_BYTES = 256 * 1024
"""The limit for the body of an error response, such as a proxy's page; the rest is not read."""

_CODINGS = ("identity", "gzip", "x-gzip", "deflate", "")
"""The accepted encodings; gzip expands data at most a thousandfold, brotli without a limit."""

_MAX_REDIRECTS = 20


def sync_client(*, reuse: bool = True) -> httpx.Client:
    """Return a new client with the environment's proxies.

    Without `reuse`, connections are not pooled: a message is never sent twice, so it must not use
    an idle connection that the server may have just closed.
    """
    return httpx.Client(transport=Route(reuse=reuse), trust_env=False)


def async_client(*, reuse: bool = True) -> httpx.AsyncClient:
    """Return a new async client with the environment's proxies; see `sync_client`."""
    return httpx.AsyncClient(transport=AsyncRoute(reuse=reuse), trust_env=False)


def check_client(client: object, kind: type[httpx.Client] | type[httpx.AsyncClient]) -> None:
    """Check a user's own client.

    Raises:
        InvalidRequestError: It is not an instance of `kind`.
    """
    if not isinstance(client, kind):
        name = kind.__name__  # our clients have the same names
        other = "Client" if name == "AsyncClient" else "AsyncClient"
        fits_other = isinstance(client, (httpx.Client, httpx.AsyncClient))
        hint = f", or use nemovideo.{other} with it" if fits_other else ""
        module = type(client).__module__.partition(".")[0]
        raise InvalidRequestError(
            f"{name}(http_client=…) got a {module}.{type(client).__name__}",
            remedy=f"Pass an httpx.{name}{hint}.",
        )


_JSON_HEADERS = {"Content-Type": "application/json"}


def _json_body(request: Request) -> bytes:
    try:
        return json_bytes(request.json)
    except ValueError as error:
        raise InvalidRequestError(f"{request.label} cannot be sent as JSON: {error}") from None


@contextmanager
def prepared(
    client: httpx.Client | httpx.AsyncClient,
    settings: Settings,
    request: Request,
    *,
    deadline: Deadline,
    trace: Trace | None,
    owns_client: bool,
    streaming: bool,
) -> Iterator[httpx.Request]:
    """Build the httpx request; its files are open during the block.

    With `owns_client`, the client is ours, with a transport from `routes.py`. Streams have no
    read timeout.
    """
    body = _multipart(request)
    content = None if request.json is None else _json_body(request)
    headers = None if body is None else body.headers
    if content is not None:
        headers = _JSON_HEADERS
    timeouts = _timeouts(settings, deadline, streaming=streaming)
    if trace is not None and not deadline.unlimited:
        trace.limit_reads(timeouts, deadline.remaining)
    built = client.build_request(
        request.method,
        _url(request.url(settings.base_url)),
        content=content,
        headers=headers,
        extensions={"timeout": timeouts} | ({} if trace is None else {"trace": trace}),
    )
    built.headers = _all_headers(built.headers, request, settings)
    if owns_client:
        _hide_query(built)
    if body is None:
        if isinstance(client, httpx.AsyncClient):
            built.stream = AsyncBody(content or b"")
        yield built
        return
    upload = AsyncUpload if isinstance(client, httpx.AsyncClient) else SyncUpload
    with closing(upload(body, request.on_sent, deadline, settings.clock)) as stream:
        built.stream = stream
        yield built


def redirect_request(
    response: httpx.Response,
    request: httpx.Request,
    count: int,
    settings: Settings,
    *,
    owns_client: bool,
) -> httpx.Request:
    """Return the request that follows a redirect.

    Raises:
        httpx.TooManyRedirects: There were more than 20 redirects.
        InvalidRequestError: The redirect leads to another host over plain http.
    """
    following = response.next_request
    assert following is not None
    settings.check_link(str(following.url))
    if count >= _MAX_REDIRECTS:
        raise httpx.TooManyRedirects("too many redirects", request=request)
    following.extensions = {k: v for k, v in request.extensions.items() if k != FULL_URL}
    if owns_client:
        _hide_query(following)
    return following


def _hide_query(request: httpx.Request) -> None:
    """Keep a link's signature or secret out of httpx's log; our own transports restore them."""
    full = str(request.url)
    masked = mask_file_token(full.partition("?")[0])
    if masked != full:
        request.extensions[FULL_URL] = request.url
        request.url = httpx.URL(masked)


def _multipart(request: Request) -> Multipart | None:
    if not request.parts:
        return None
    from nemovideo._uploads.multipart import Multipart  # loaded for uploads only

    return Multipart(request.parts)


@lru_cache(maxsize=128)
def _url(text: str) -> httpx.URL:
    """Return a cached URL: parsing one takes a tenth of the time of a call."""
    return httpx.URL(text)


def _timeouts(
    settings: Settings, deadline: Deadline, *, streaming: bool
) -> dict[str, float | None]:
    """Return httpx's timeouts; only the deadline limits the wait for a pooled connection."""
    timeout_s = deadline.clip(settings.timeout_s)
    return {
        "connect": min(connect_timeout_s(settings), timeout_s),
        "write": timeout_s,
        "pool": None if deadline.unlimited else max(deadline.remaining(), 0.001),
        "read": None if streaming else timeout_s,
    }


def _all_headers(base: httpx.Headers, request: Request, settings: Settings) -> httpx.Headers:
    """Merge httpx's headers with ours; `httpx.Headers.update` is slower than the rest of a call."""
    ours = [(k.encode(), v.encode()) for k, v in _headers(request, settings).items()]
    names = {name.lower() for name, _ in ours}
    return httpx.Headers([*(pair for pair in base.raw if pair[0].lower() not in names), *ours])


_PUBLIC_HEADERS = ("Range", "If-Range")


def _headers(request: Request, settings: Settings) -> dict[str, str]:
    """Return the headers of a request; hosts other than the API's get no token or attribution."""
    if "://" in request.path and origin_of(request.path) != settings.origin:
        kept = {name: request.headers[name] for name in _PUBLIC_HEADERS if name in request.headers}
        return {
            "User-Agent": settings.headers["User-Agent"],
            "Accept-Encoding": "identity",
            **kept,
        }
    return {"Accept-Encoding": "gzip", **settings.headers, **request.headers}


async def close_response(response: httpx.Response, chunks: AsyncIterator[bytes]) -> None:
    """Close a response and the generators of its body.

    Generators that the garbage collector closes cause a warning in trio.
    """
    await response.aclose()
    with suppress(httpx.HTTPError, httpx.StreamError, RuntimeError):
        async for _ in chunks:  # the connection is closed, so this ends immediately
            pass


def exchange(
    request: Request, response: httpx.Response, body: bytes, settings: Settings
) -> envelopes.Exchange:
    """Return a request and its response for the parsers in `_wire`."""
    secret = secret_of(request)
    return envelopes.Exchange(
        method=request.method,
        path=response.request.url.path,
        status=response.status_code,
        headers=response.headers,
        origin="" if "://" in request.path else _origin(response.request.url),
        body=body.replace(secret.encode(), b"[redacted]") if secret else body,
        secret=secret,
        now=settings.clock.time(),
    )


def _origin(url: httpx.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


def unwrap(found: envelopes.Exchange) -> object:
    """Return the data in the response envelope; for an HTML page, the error explains it.

    Raises:
        APIError: The response reports a failure.
        MalformedResponseError: It is not a response of the API.
    """
    try:
        return envelopes.open_envelope(found)
    except (APIError, MalformedResponseError) as error:
        pages.explain(error, found)
        raise


class BodyReader:
    """Collects a response's body up to a limit; an error body is truncated there.

    Raises:
        MalformedResponseError: The content encoding was not requested.
    """

    def __init__(self, request: Request, response: httpx.Response) -> None:
        self._chunks: list[bytes] = []
        self._ok = response.is_success
        self._left = MAX_BODY_BYTES if self._ok else MAX_ERROR_BODY_BYTES
        self._request = request
        if (coding := _coding(response)) not in _CODINGS:
            raise MalformedResponseError(
                f"the response to {request.label} is encoded as {coding!r}"
            )

    def add(self, chunk: bytes) -> bool:
        """Add a chunk, and return whether to read on.

        Raises:
            MalformedResponseError: The body is over the limit.
        """
        if len(chunk) > self._left and self._ok:
            raise MalformedResponseError(f"the response to {self._request.label} is too large")
        self._chunks.append(chunk[: self._left])
        self._left -= len(chunk)
        return self._left > 0

    def body(self) -> bytes:
        """Return the body."""
        return b"".join(self._chunks)


def _coding(response: httpx.Response) -> str:
    coding: str = response.headers.get("content-encoding", "identity")
    return coding.strip().lower()


def is_stream(response: httpx.Response) -> bool:
    """Return whether a response is an event stream that can be read."""
    return (
        response.status_code == 200
        and _coding(response) in _CODINGS
        and envelopes.content_type(response.headers) == "text/event-stream"
    )


def not_a_stream_error(found: envelopes.Exchange) -> Exception:
    """Return the error for a response that is not an event stream."""
    try:
        unwrap(found)
    except (APIError, MalformedResponseError) as error:
        return error
    return MalformedResponseError(
        f"{found.method} {found.path} returned JSON instead of an event stream",
        body=found.text,
        may_have_spent=True,
    )
