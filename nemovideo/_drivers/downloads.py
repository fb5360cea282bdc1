"""Files that come: which answers are one, and their bytes.

httpx leads every body through h11 in small pieces, which takes longer than the rest of a
download. The head is left to it, and what it has read of the body with the head. From there on,
a large body of a known length is read from the connection itself (the extension `network_stream`
of httpx's responses), which is closed after that: httpx knows of an answer that it has not seen to
its end, and does not use its connection again.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import contextmanager, suppress

import anyio
import httpcore
import httpx

from nemovideo._downloads.resume import Head, Question, understands
from nemovideo._wire import envelopes
from nemovideo.errors import APIError, DownloadError, MalformedResponseError

READ_BYTES = 256 * 1024
"""How much is read at once; asyncio never gives more."""

LARGE_BYTES = 1024 * 1024
"""So much must be left of a body; else the connection is worth more than the time."""

_IS_KNOWN = httpcore.__version__.startswith("1.0.")
"""Whether this httpcore is one that is known to read no further than it gives; see `_Rest`."""


def is_file(response: httpx.Response, question: Question) -> bool:
    """Say whether the answer to a question for a file can be one, going by its head."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    page = response.is_success and kind in ("application/json", "text/html")
    return understands(question, response.status_code) and not page


def not_a_file(found: envelopes.Exchange) -> Exception:
    """Return the error for an answer that came in place of a file."""
    if not 200 <= found.status < 300:
        return envelopes.failure_of(found)
    try:
        envelopes.open_envelope(found)
    except (APIError, MalformedResponseError) as error:
        if isinstance(error, APIError):
            return error
    return DownloadError(f"{found.method} {found.path} answered with a page in place of the file")


def head_of(response: httpx.Response, place: str) -> Head:
    """Return the head of a file's answer."""
    headers = response.headers
    if response.is_stream_consumed and "content-encoding" in headers:
        # A client that the user brought has read it already, and unpacked it.
        unpacked = ("content-encoding", "content-length")
        headers = httpx.Headers([held for held in headers.items() if held[0] not in unpacked])
    version = response.extensions.get("http_version", b"")
    framed = not (
        version in (b"HTTP/1.0", b"HTTP/1.1")
        and "content-length" not in headers
        and "transfer-encoding" not in headers
    )
    return Head(response.status_code, headers, place, framed)


def body_of(response: httpx.Response, *, ours: bool) -> Iterator[bytes]:
    """Yield a file's bytes as they come over the wire, packed or not.

    Args:
        response: The answer; only its head has been read.
        ours: Whether the client that asked is of `http.py`. What a user has built into one of
            their own may want to see what passes, so there nothing passes it by.
    """
    if response.is_stream_consumed:
        yield from response.iter_bytes()
        return
    chunks = response.iter_raw()
    stream = response.extensions.get("network_stream")
    if ours and isinstance(stream, httpcore.NetworkStream) and (length := _length(response)):
        first = next(chunks, b"")
        yield first
        rest = _Rest(response.request, length, len(first))
        if rest.is_large:
            with rest.errors():
                while rest.wanted:
                    yield rest.taken(stream.read(rest.wanted, rest.timeout_s))
            return
    yield from chunks


async def body_of_async(response: httpx.Response, *, ours: bool) -> AsyncGenerator[bytes, None]:
    """Yield a file's bytes as they come over the wire, packed or not; see `body_of`."""
    if response.is_stream_consumed:
        async for chunk in response.aiter_bytes():
            yield chunk
        return
    chunks = response.aiter_raw()
    stream = response.extensions.get("network_stream")
    if ours and isinstance(stream, httpcore.AsyncNetworkStream) and (length := _length(response)):
        first = await anext(chunks, b"")
        yield first
        rest = _Rest(response.request, length, len(first))
        if rest.is_large:
            try:
                with rest.errors():
                    while rest.wanted:
                        yield rest.taken(await stream.read(rest.wanted, rest.timeout_s))
            finally:
                await _ended(response, chunks)
            return
    async for chunk in chunks:
        yield chunk


async def _ended(response: httpx.Response, chunks: AsyncIterator[bytes]) -> None:
    """Close an answer that httpx has not seen to its end, and the generators that wait for more.

    Left to the garbage collector, they would end at any time in the event loop; trio warns of it.
    """
    with anyio.CancelScope(shield=True):
        await response.aclose()
        with suppress(httpx.TransportError):
            async for _ in chunks:  # the connection is closed, and they find that out
                pass


def _length(response: httpx.Response) -> int:
    """Return how long the body is, if its length alone says where it ends in the connection."""
    headers = response.headers
    length = headers.get("content-length", "")
    plain = (
        _IS_KNOWN
        and response.extensions.get("http_version") == b"HTTP/1.1"
        and response.status_code in (200, 206)
        and "transfer-encoding" not in headers
        and length.isdecimal()
    )
    return int(length) if plain else 0


class _Rest:
    """What httpx has not read of a body.

    h11 gives all that it has at once, and httpcore reads more only when that has been taken and
    more is wanted: so what follows the first chunk is still in the connection.
    """

    def __init__(self, request: httpx.Request, length: int, came: int) -> None:
        self._request = request
        self._length = length
        self._left = length - came
        self.timeout_s: float | None = self._request.extensions["timeout"].get("read")

    @property
    def is_large(self) -> bool:
        """Whether it is worth the connection, which cannot be used again."""
        return self._left >= LARGE_BYTES

    @property
    def wanted(self) -> int:
        """How much to read next, 0 at the end."""
        return min(self._left, READ_BYTES)

    def taken(self, chunk: bytes) -> bytes:
        """Return what was read.

        Raises:
            httpx.RemoteProtocolError: That is the end, too early.
        """
        if not chunk:
            raise httpx.RemoteProtocolError(
                "peer closed connection without sending complete message body "
                f"(received {self._length - self._left} bytes, expected {self._length})",
                request=self._request,
            )
        self._left -= len(chunk)
        return chunk

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn what the connection raises into what httpx raises."""
        try:
            yield
        except httpcore.ReadTimeout as error:
            raise httpx.ReadTimeout(str(error), request=self._request) from error
        except httpcore.ReadError as error:
            raise httpx.ReadError(str(error), request=self._request) from error
