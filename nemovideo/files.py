"""Files to upload: the accepted types, and their names."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.parse import unquote

import attrs

from nemovideo._support.urls import host_of, path_of
from nemovideo._support.user_folders import expanded
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
    """A file to upload, with options.

    Attributes:
        source: A path, bytes, an open binary file, an http(s) URL, or an iterable of chunks.
        name: The name for the agent; None for the source's own. Its suffix must match the format;
            a missing suffix is added.
        check: Whether to reject a file whose content is damaged or does not match its suffix.
            Suffix, size and emptiness are always checked.
        info: The properties from the file's header; set when the file is checked.
        open: Opens the content at its start; set when the file is checked. A file opened by the
            user is left open.
    """

    source: Content = attrs.field(repr=False)
    name: str | None = None
    check: bool = True
    info: MediaInfo | None = attrs.field(default=None, repr=False, kw_only=True)
    open: Opener | None = attrs.field(default=None, repr=False, eq=False, kw_only=True)

    @property
    def path(self) -> Path | None:
        """The file's path on this machine, if it has one."""
        if isinstance(self.source, (str, os.PathLike)) and not is_url(self.source):
            return expanded(self.source)
        return None

    @property
    def content_type(self) -> str:
        """The Content-Type of its suffix."""
        return CONTENT_TYPES[suffix_of(self.name or "")]

    @property
    def header(self) -> MediaInfo:
        """The properties of a checked file."""
        assert self.info is not None, "the file was not checked"
        return self.info

    @property
    def size_bytes(self) -> int:
        """The size of a checked file."""
        return self.header.size_bytes

    def opened(self) -> AbstractContextManager[BinaryIO]:
        """Open a checked file at its start, for a `with` block."""
        assert self.open is not None, "the file was not checked"
        return self.open()


Source = Content | Upload
"""A file to upload: content, or an `Upload` of it."""


def is_url(source: object) -> bool:
    """Return whether the source is an http(s) URL."""
    if isinstance(source, Upload):
        return is_url(source.source)
    return isinstance(source, str) and source.lower().startswith(("http://", "https://"))


def is_media_name(text: str) -> bool:
    """Return whether the text has the suffix of a supported format."""
    return suffix_of(text) in CONTENT_TYPES


def url_name(url: str) -> str:
    """Return the file name in a URL's path, otherwise the host."""
    return PurePosixPath(unquote(path_of(url))).name or host_of(url)


def name_of(source: Source) -> str:
    """Return the name of a source; empty if it has none."""
    if isinstance(source, Upload):
        return source.name or name_of(source.source)
    if isinstance(source, str) and is_url(source):
        return url_name(source)
    if isinstance(source, (str, os.PathLike)):
        return Path(source).name
    name = getattr(source, "name", None)  # an open file's
    base = Path(os.fsdecode(name)).name if isinstance(name, (str, bytes, os.PathLike)) else ""
    return "" if base.startswith("<") else base
