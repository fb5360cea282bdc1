"""Streamed multipart/form-data bodies (RFC 7578).

httpx can encode them, but always reads files from offset 0, and in small chunks.
"""

from __future__ import annotations

import secrets
from collections.abc import Generator, Iterator, Sequence

from nemovideo.errors import SourceNotFoundError
from nemovideo.files import Upload

CHUNK_BYTES = 256 * 1024
"""The initial chunk size."""

_MIN_CHUNK_BYTES, _MAX_CHUNK_BYTES = 64 * 1024, 1024 * 1024
_FAST_S, _SLOW_S = 0.1, 1.0


class Multipart:
    """A body whose parts are all named `files`; it holds one chunk in memory.

    Chunks grow on a fast connection, because each has a constant cost in the HTTP library. They
    shrink on a slow one: each must be sent within the timeout, and progress is reported per chunk.

    Attributes:
        headers: Content-Type and Content-Length of the request.
        size_bytes: The length of the body.
        files: The name and size of each file.
    """

    def __init__(self, parts: Sequence[Upload]) -> None:
        boundary = secrets.token_hex(16)
        self.files: tuple[tuple[str, int], ...] = tuple(
            (part.name or "", part.size_bytes) for part in parts
        )
        self._parts = [(part, _head(part, boundary)) for part in parts]
        self._end = f"--{boundary}--\r\n".encode()
        self._chunk_bytes = CHUNK_BYTES
        contents = sum(len(head) + part.size_bytes + 2 for part, head in self._parts)
        self.size_bytes = contents + len(self._end)
        self.headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(self.size_bytes),
        }

    def chunks(self) -> Generator[bytes, None, None]:
        """Yield the body; each file is open only while it is read.

        Raises:
            SourceNotFoundError: A file can no longer be read, or was truncated.
        """
        for part, head in self._parts:
            yield head
            yield from self._content(part)
            yield b"\r\n"
        yield self._end

    def adapt(self, seconds: float, count: int) -> None:
        """Adapt the chunk size to the time that a chunk of `count` bytes took."""
        if seconds > _SLOW_S:
            self._chunk_bytes = max(self._chunk_bytes // 2, _MIN_CHUNK_BYTES)
        elif seconds < _FAST_S and count >= self._chunk_bytes:
            self._chunk_bytes = min(self._chunk_bytes * 2, _MAX_CHUNK_BYTES)

    def _content(self, part: Upload) -> Iterator[bytes]:
        left = part.size_bytes
        try:
            with part.opened() as file:
                while left and (chunk := file.read(min(self._chunk_bytes, left))):
                    left -= len(chunk)
                    yield chunk
        except (OSError, ValueError) as error:
            raise SourceNotFoundError(f"{part.name!r} cannot be read: {error}") from error
        if left:
            raise SourceNotFoundError(f"{part.name!r} was truncated during the upload")


def _head(part: Upload, boundary: str) -> bytes:
    # In a safe name, only quotation marks need escaping (WHATWG, multipart/form-data).
    name = (part.name or "").replace('"', "%22")
    return (
        f"--{boundary}\r\n"
        f'Content-Disposition: form-data; name="files"; filename="{name}"\r\n'
        f"Content-Type: {part.content_type}\r\n\r\n"
    ).encode()
