"""Files as users give them: what can be uploaded, and under which name."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

import attrs

from nemovideo._support.places import expanded
from nemovideo._values.formats import CONTENT_TYPES, suffix_of
from nemovideo.models import MediaInfo

__all__ = ["Content", "Source", "Upload"]

Content = (
    str
    | os.PathLike[str]
    | bytes
    | bytearray
    | memoryview
    | BinaryIO
    | Iterable[bytes]
    | AsyncIterable[bytes]
)
"""A path, an http(s) URL, bytes, an open binary file, or an iterable of chunks.

An async iterable is for the async client.
"""


Opener = Callable[[], AbstractContextManager[BinaryIO]]


@attrs.frozen
class Upload:
    """A file to upload, with what cannot be seen from its content.

    Attributes:
        source: A path, bytes, an open binary file, an http(s) URL, or an iterable of chunks.
        name: The name that the agent shall know it by; None for the source's own. Its suffix
            must be that of its format; one without a suffix gets it.
        check: Refuse a file whose content is damaged or is not what its suffix says. Suffix,
            size and emptiness are checked in any case.
        info: What the file's header says; filled in when the file is checked.
        open: Opens the content from its beginning; filled in when the file is checked. A file
            that the user opened is left open.
    """

    source: Content = attrs.field(repr=False)
    name: str | None = None
    check: bool = True
    info: MediaInfo | None = attrs.field(default=None, repr=False, kw_only=True)
    open: Opener | None = attrs.field(default=None, repr=False, eq=False, kw_only=True)

    @property
    def path(self) -> Path | None:
        """Where the file is on this machine, if that is known."""
        if isinstance(self.source, (str, os.PathLike)) and not is_url(self.source):
            return expanded(self.source)
        return None

    @property
    def content_type(self) -> str:
        """The Content-Type that goes with its suffix."""
        return CONTENT_TYPES[suffix_of(self.name or "")]

    @property
    def header(self) -> MediaInfo:
        """What the header of a checked file says."""
        assert self.info is not None, "the file was not checked"
        return self.info

    @property
    def size_bytes(self) -> int:
        """The size of a checked file."""
        return self.header.size_bytes

    def opened(self) -> AbstractContextManager[BinaryIO]:
        """Return the content of a checked file, from its beginning, for a `with` block."""
        assert self.open is not None, "the file was not checked"
        return self.open()


Source = Content | Upload
"""What can be uploaded: some content, or an `Upload` of it."""


def is_url(source: object) -> bool:
    """Return whether the source is an http(s) URL."""
    if isinstance(source, Upload):
        return is_url(source.source)
    return isinstance(source, str) and source.lower().startswith(("http://", "https://"))


def is_media_name(text: str) -> bool:
    """Return whether the text ends like the name of a file that the service takes."""
    return suffix_of(text) in CONTENT_TYPES


def url_name(url: str) -> str:
    """Return the file name in a URL's path, or the host where there is none."""
    parts = urlsplit(url)
    return PurePosixPath(unquote(parts.path)).name or parts.netloc


def name_of(source: Source) -> str:
    """Return the name that a source has or was given; empty for one without."""
    if isinstance(source, Upload):
        return source.name or name_of(source.source)
    if isinstance(source, str) and is_url(source):
        return url_name(source)
    if isinstance(source, (str, os.PathLike)):
        return Path(source).name
    name = getattr(source, "name", None)  # an open file's
    base = Path(os.fsdecode(name)).name if isinstance(name, (str, bytes, os.PathLike)) else ""
    return "" if base.startswith("<") else base
