"""The body of an upload: files as multipart/form-data (RFC 7578), a chunk at a time.

httpx makes such bodies as well, but reads files from their beginning wherever
they stand, and in small pieces only.
"""

from __future__ import annotations

import secrets
from collections.abc import Generator, Iterator, Sequence

from nemovideo.errors import SourceNotFoundError
from nemovideo.files import Upload

CHUNK_BYTES = 256 * 1024
"""How large the first chunks are."""

_SMALLEST_BYTES, _LARGEST_BYTES = 64 * 1024, 1024 * 1024
_QUICK_S, _SLOW_S = 0.1, 1.0


class Multipart:
    """A body with each part named `files`; memory stays at one chunk.

    A chunk takes the HTTP library about as long whatever its size, so they grow where the line is
    quick. Where it is slow they shrink: each has a timeout, and moves the progress on.

    Attributes:
        headers: The request's headers that describe it.
        size_bytes: How long it is.
        files: The names and sizes of the files in it.
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
            SourceNotFoundError: A file cannot be read any more, or has become shorter.
        """
        for part, head in self._parts:
            yield head
            yield from self._content(part)
            yield b"\r\n"
        yield self._end

    def took(self, seconds: float, count: int) -> None:
        """Take it that a chunk of so many bytes was sent in such a time."""
        if seconds > _SLOW_S:
            self._chunk_bytes = max(self._chunk_bytes // 2, _SMALLEST_BYTES)
        elif seconds < _QUICK_S and count >= self._chunk_bytes:
            self._chunk_bytes = min(self._chunk_bytes * 2, _LARGEST_BYTES)

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
            raise SourceNotFoundError(f"{part.name!r} became shorter while it was sent")


def _head(part: Upload, boundary: str) -> bytes:
    # In a safe name, quotation marks are all that is left to be escaped (WHATWG, multipart).
    name = (part.name or "").replace('"', "%22")
    return (
        f"--{boundary}\r\n"
        f'Content-Disposition: form-data; name="files"; filename="{name}"\r\n'
        f"Content-Type: {part.content_type}\r\n\r\n"
    ).encode()
