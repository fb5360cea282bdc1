"""Files on their way up: what may be sent, under which name and type, checked beforehand.

A source is a path, bytes, an open binary file, or an http(s) URL. The rules
(formats, 500 MB) are those of protocol.md §4.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

import attrs

from nemovideo.errors import (
    MAX_UPLOAD_BYTES,
    SUPPORTED_SUFFIXES,
    FileTooLargeError,
    InvalidRequestError,
    SourceNotFoundError,
    UnsupportedFileError,
)

Source = str | os.PathLike[str] | bytes | BinaryIO
"""What can be uploaded: a path, an http(s) URL, bytes, or an open binary file."""

_CONTENT_TYPES = {
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "avi": "video/x-msvideo",
    "webm": "video/webm",
    "mkv": "video/x-matroska",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "webp": "image/webp",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "m4a": "audio/mp4",
    "aac": "audio/aac",
}

_HEAD_BYTES = 4096


@attrs.frozen
class Part:
    """One file to send: its name, its type, its size, and how to open it.

    `open` gives a context manager, so that files that we opened are closed and
    files that the user opened are left open.
    """

    name: str
    content_type: str
    size_bytes: int
    open: Callable[[], AbstractContextManager[BinaryIO]] = attrs.field(repr=False)
    path: Path | None = None


def is_url(source: object) -> bool:
    """Say whether the source is an http(s) URL."""
    return isinstance(source, str) and source.lower().startswith(("http://", "https://"))


def is_media_name(text: str) -> bool:
    """Say whether the text ends like the name of a file that the service takes."""
    return suffix_of(text) in _CONTENT_TYPES


def suffix_of(name: str) -> str:
    """Return the name's suffix in lower case, without its dot."""
    return PurePosixPath(name.replace("\\", "/")).suffix.lower().removeprefix(".")


def url_name(url: str) -> str:
    """Return the file name in a URL's path, or the host where there is none."""
    parts = urlsplit(url)
    return PurePosixPath(unquote(parts.path)).name or parts.netloc


def prepare(source: Source) -> Part:
    """Look at a source and return it as a part to send; reads no more than its first 4 KiB.

    Raises:
        SourceNotFoundError: There is no such file, or it is a folder.
        UnsupportedFileError: It is empty, of a format that the service does not take, or its
            content is not what its name says.
        FileTooLargeError: It is over 500 MB.
        InvalidRequestError: It is no source at all, or a file opened as text.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        data = bytes(source)
        return _checked(_name_for(data[:_HEAD_BYTES]), len(data), data, lambda: io.BytesIO(data))
    if isinstance(source, (str, os.PathLike)):
        return _prepare_path(Path(source).expanduser())
    if hasattr(source, "read") and hasattr(source, "seek"):
        return _prepare_file(source)
    raise InvalidRequestError(
        f"cannot upload a {type(source).__name__}",
        remedy="Give a path, bytes, an open binary file, or an http(s) URL.",
    )


def _prepare_path(path: Path) -> Part:
    if path.is_dir():
        raise SourceNotFoundError(f"{path} is a folder, not a file")
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except FileNotFoundError:
        raise SourceNotFoundError(f"there is no file {path}") from None
    except OSError as error:
        raise SourceNotFoundError(f"{path} cannot be read: {error.strerror or error}") from error
    return attrs.evolve(_checked(path.name, size, head, lambda: path.open("rb")), path=path)


def _prepare_file(file: BinaryIO) -> Part:
    try:
        start = file.tell()
        head = file.read(_HEAD_BYTES)
        if not isinstance(head, bytes):
            raise InvalidRequestError(
                "the file was opened as text", remedy='Open it with open(path, "rb").'
            )
        size = file.seek(0, os.SEEK_END) - start
        file.seek(start)
    except (OSError, ValueError) as error:
        if isinstance(error, InvalidRequestError):
            raise
        raise InvalidRequestError(
            f"the file cannot be read from its beginning: {error}",
            remedy="Give a path, bytes, or an open binary file that can seek.",
        ) from error
    name = getattr(file, "name", None)
    name = Path(name).name if isinstance(name, str) else _name_for(head)

    def reopen() -> AbstractContextManager[BinaryIO]:
        file.seek(start)
        return nullcontext(file)

    return _checked(name, size, head, reopen)


def _checked(
    name: str, size: int, head: bytes, opener: Callable[[], AbstractContextManager[BinaryIO]]
) -> Part:
    suffix = suffix_of(name)
    if suffix not in _CONTENT_TYPES:
        raise UnsupportedFileError(f"{name!r} is of a format that the service does not take")
    if size == 0:
        raise UnsupportedFileError(f"{name!r} is empty", remedy="Give a file with something in it.")
    if size > MAX_UPLOAD_BYTES:
        raise FileTooLargeError(f"{name!r} has {size / 1e6:.0f} MB, over the limit of 500 MB")
    found = sniff(head)
    if _family(suffix) not in found:
        looks_like = f"looks like {'/'.join(sorted(found))}" if found else "is no media file"
        raise UnsupportedFileError(
            f"{name!r} {looks_like}, whatever its name says",
            remedy=f"Give it its right suffix, or use one of: {', '.join(SUPPORTED_SUFFIXES)}.",
        )
    return Part(name, _CONTENT_TYPES[suffix], size, opener)


def _name_for(head: bytes) -> str:
    """Return a name for content that has none."""
    names = {"mp4": "mp4", "matroska": "mkv", "jpeg": "jpg", "mpeg audio": "mp3"}
    found = sorted(sniff(head))
    return f"upload.{names.get(found[0], found[0])}" if found else "upload"


def _family(suffix: str) -> str:
    """Return the container that a suffix stands for; suffixes of one family share it."""
    return {
        "mov": "mp4",
        "m4a": "mp4",
        "webm": "matroska",
        "mkv": "matroska",
        "jpg": "jpeg",
        "mp3": "mpeg audio",
        "aac": "mpeg audio",
    }.get(suffix, suffix)


def sniff(head: bytes) -> set[str]:
    """Return the containers that the first bytes may belong to; empty for none that is known."""
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip", b"pnot"):
        return {"mp4"}
    if head[:4] in (b"RIFF", b"RF64"):
        return {{b"AVI ": "avi", b"WAVE": "wav", b"WEBP": "webp"}.get(head[8:12], "riff")}
    for magic, family in (
        (b"\x1a\x45\xdf\xa3", "matroska"),
        (b"\xff\xd8\xff", "jpeg"),
        (b"\x89PNG\r\n\x1a\n", "png"),
        (b"GIF8", "gif"),
        (b"ID3", "mpeg audio"),
        (b"ADIF", "mpeg audio"),
    ):
        if head.startswith(magic):
            return {family}
    # MPEG audio has no header of its own: its frames begin with eleven set bits, and padding
    # before the first of them is common.
    start = head.lstrip(b"\0")
    if len(start) > 1 and start[0] == 0xFF and start[1] & 0xE0 == 0xE0:
        return {"mpeg audio"}
    return set()
