"""What a multipart body uploads, found while it passes: names, sizes and hashes, no bytes kept."""

from __future__ import annotations

import hashlib
import re

from nemovideo.testing.cassettes.tape import File

_BOUNDARY = re.compile(r'boundary="?([^";]+)', re.IGNORECASE)
_FILENAME = re.compile(rb'filename="([^"]*)"')


class MultipartReader:
    """Takes a body in chunks of any size; `files` are those that have passed whole."""

    def __init__(self, content_type: str) -> None:
        found = _BOUNDARY.search(content_type)
        self._delimiter = b"\r\n--" + (found[1].encode() if found else b"")
        self._waiting = b"\r\n"  # the first delimiter has no line end before it
        self._filename: str | None = None
        self._size = 0
        self._hash = hashlib.sha256()
        self.files: list[File] = []

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self._waiting += chunk
        while self._in_headers() or self._in_body():
            pass

    def _in_headers(self) -> bool:
        """Go past a part's headers; False where they have not all come, or where a body is read."""
        if self._filename is not None or not self._waiting.startswith(self._delimiter):
            return False
        head, found, rest = self._waiting.partition(b"\r\n\r\n")
        if not found:
            return False
        name = _FILENAME.search(head)
        self._filename = name[1].decode("utf-8", "replace") if name else ""
        self._size, self._hash = 0, hashlib.sha256()
        self._waiting = rest
        return True

    def _in_body(self) -> bool:
        """Pass over a part's content; True where its end has come."""
        if self._filename is None:
            return False
        end = self._waiting.find(self._delimiter)
        # Short of the end, the last bytes may be the beginning of a delimiter.
        passed = end if end >= 0 else max(0, len(self._waiting) - len(self._delimiter))
        self._hash.update(self._waiting[:passed])
        self._size += passed
        self._waiting = self._waiting[passed:]
        if end < 0:
            return False
        self.files.append(File(self._filename, self._size, self._hash.hexdigest()))
        self._filename = None
        return True
