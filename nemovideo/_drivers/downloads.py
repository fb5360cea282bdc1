"""Download responses: whether they are files, and batches of their bytes."""

from __future__ import annotations

import httpx

from nemovideo._downloads.resume import RangeRequest, ResponseHead, accepts_status
from nemovideo._support.clock import Clock
from nemovideo._wire import envelopes
from nemovideo.errors import APIError, DownloadError, MalformedResponseError

BATCH_BYTES = 1024 * 1024
BATCH_S = 0.25
"""Data is written, and progress reported, after this many bytes or seconds."""


class Batch:
    """Received bytes that have not been written yet."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._chunks: list[bytes] = []
        self._size = 0
        self._began = clock.monotonic()

    def add(self, chunk: bytes) -> bool:
        """Add a chunk; return whether it is time to write."""
        self._chunks.append(chunk)
        self._size += len(chunk)
        return self._size >= BATCH_BYTES or self._clock.monotonic() - self._began >= BATCH_S

    def take(self) -> list[bytes]:
        """Return the chunks, and clear the batch."""
        chunks, self._chunks = self._chunks, []
        self._size, self._began = 0, self._clock.monotonic()
        return chunks


def is_file(response: httpx.Response, request: RangeRequest) -> bool:
    """Return whether a response can be the requested file, by its headers."""
    kind = envelopes.content_type(response.headers)
    page = response.is_success and kind in ("application/json", "text/html")
    return accepts_status(request, response.status_code) and not page


def not_a_file_error(found: envelopes.Exchange) -> Exception:
    """Return the error for a response that is not a file."""
    try:
        envelopes.open_envelope(found)
    except APIError as error:
        return error
    except MalformedResponseError:
        pass
    return DownloadError(f"{found.method} {found.path} returned a page instead of the file")


def head_of(response: httpx.Response, url_digest: str) -> ResponseHead:
    """Return status and headers of a response."""
    headers = response.headers
    if response.is_stream_consumed and "content-encoding" in headers:
        # The user's own client has already read and decompressed it.
        headers = httpx.Headers(headers)
        del headers["content-encoding"]
        headers.pop("content-length", None)
    version = response.extensions.get("http_version", b"")
    framed = not (
        version in (b"HTTP/1.0", b"HTTP/1.1")
        and "content-length" not in headers
        and "transfer-encoding" not in headers
    )
    return ResponseHead(response.status_code, headers, url_digest, framed)
