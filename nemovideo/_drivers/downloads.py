"""Files that come: which answers are one, and their bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import httpx

from nemovideo._downloads.resume import Head, Question, understands
from nemovideo._support.clock import Clock
from nemovideo._wire import envelopes
from nemovideo.errors import APIError, DownloadError, MalformedResponseError

BATCH_BYTES = 1024 * 1024
BATCH_S = 0.25
"""This much, or what arrived in this time, is written at once, and progress reported."""


class Batch:
    """The bytes of a file that have arrived and are not written yet."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._chunks: list[bytes] = []
        self._size = 0
        self._began = clock.monotonic()

    def add(self, chunk: bytes) -> bool:
        """Take a chunk, and return whether it is time to write."""
        self._chunks.append(chunk)
        self._size += len(chunk)
        return self._size >= BATCH_BYTES or self._clock.monotonic() - self._began >= BATCH_S

    def taken(self) -> list[bytes]:
        """Return what is to be written, and begin anew."""
        chunks, self._chunks = self._chunks, []
        self._size, self._began = 0, self._clock.monotonic()
        return chunks


def is_file(response: httpx.Response, question: Question) -> bool:
    """Whether the answer to a question for a file can be one, judged by its headers."""
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
    """Return the headers of a file's answer."""
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


def body_of(response: httpx.Response) -> Iterator[bytes]:
    """Return a file's bytes as they come over the wire, packed or not."""
    return response.iter_bytes() if response.is_stream_consumed else response.iter_raw()


def body_of_async(response: httpx.Response) -> AsyncIterator[bytes]:
    """Return a file's bytes as they come over the wire, packed or not."""
    return response.aiter_bytes() if response.is_stream_consumed else response.aiter_raw()
