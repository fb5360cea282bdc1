"""Files as users give them: what can be uploaded, and under which name."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Iterable
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

import attrs

from nemovideo._values.formats import CONTENT_TYPES, suffix_of

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


@attrs.frozen
class Upload:
    """A file to upload, with what cannot be seen from its content.

    Attributes:
        source: A path, bytes, an open binary file, an http(s) URL, or an iterable of chunks.
        name: The name that the agent shall know it by; None for the source's own. Its suffix
            must be that of its format; one without a suffix gets it.
        check: Refuse a file whose content is damaged or is not what its suffix says. Suffix,
            size and emptiness are looked at in any case.
    """

    source: Content = attrs.field(repr=False)
    name: str | None = None
    check: bool = True


Source = Content | Upload
"""What can be uploaded: some content, or an `Upload` of it."""


def is_url(source: object) -> bool:
    """Say whether the source is an http(s) URL."""
    if isinstance(source, Upload):
        return is_url(source.source)
    return isinstance(source, str) and source.lower().startswith(("http://", "https://"))


def is_media_name(text: str) -> bool:
    """Say whether the text ends like the name of a file that the service takes."""
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
