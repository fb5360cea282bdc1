"""Download responses: whether they are files, and how often progress is reported."""

from __future__ import annotations

import httpx

from nemovideo._downloads.resume import RangeRequest, ResponseHead, accepts_status
from nemovideo._support.clock import Clock
from nemovideo._wire import envelopes
from nemovideo.errors import APIError, DownloadError, MalformedResponseError

_INTERVAL_BYTES = 1024 * 1024
_INTERVAL_S = 0.25


class Interval:
    """Reports when a megabyte has been received, or a quarter of a second has passed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._received = 0
        self._began = clock.monotonic()

    def is_over(self, chunk: bytes) -> bool:
        """Count a chunk; return whether the interval is over, and begin the next one."""
        self._received += len(chunk)
        now = self._clock.monotonic()
        if self._received < _INTERVAL_BYTES and now - self._began < _INTERVAL_S:
            return False
        self._received, self._began = 0, now
        return True


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
