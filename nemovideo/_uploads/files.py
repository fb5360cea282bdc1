"""Checks of files before they are uploaded: format, size, name and completeness.

The limits are those of docs/protocol.md §4. `inspect/` parses headers, `names.py` makes
names safe.
"""

from __future__ import annotations

import io
import os
import tempfile
import weakref
from collections.abc import AsyncIterable, Iterable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

import attrs

from nemovideo._support.disk import open_regular, reading
from nemovideo._support.user_folders import expanded
from nemovideo._uploads.inspect import DamagedError, info_from_suffix, inspect
from nemovideo._uploads.names import safe_name
from nemovideo._values.formats import (
    CONTENT_TYPES,
    IMAGE_SUFFIXES,
    family_of,
    sniff,
    suffix_for,
    suffix_of,
)
from nemovideo._values.remedies import Code, Remedy
from nemovideo.errors import (
    MAX_UPLOAD_BYTES,
    SUPPORTED_SUFFIXES,
    FileTooLargeError,
    InvalidRequestError,
    NemoError,
    SourceNotFoundError,
    UnsupportedFileError,
)
from nemovideo.files import Opener, Source, Upload, is_url, name_of
from nemovideo.models import MediaInfo

_HEAD_BYTES = 4096
_READ_BYTES = 256 * 1024


def chunks_of(upload: Upload) -> Iterable[bytes] | AsyncIterable[bytes] | None:
    """Return the chunks of a source that can be read only once, or None for any other source."""
    source = upload.source
    if isinstance(source, (str, os.PathLike, bytes, bytearray, memoryview)):
        return None
    if isinstance(source, AsyncIterable):
        return source
    if hasattr(source, "read"):
        file = cast("BinaryIO", source)
        return None if _can_seek(file) else iter(partial(file.read, _READ_BYTES), b"")
    return source if hasattr(source, "__iter__") else None


class Spool:
    """A temporary file of chunks, which makes them seekable and repeatable."""

    def __init__(self, upload: Upload) -> None:
        self._upload = upload
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by the finalizer
        weakref.finalize(self, self._file.close)
        self._size = 0

    def write(self, chunk: bytes) -> None:
        """Append a chunk.

        Raises:
            FileTooLargeError: The upload exceeds 500 MB.
            InvalidRequestError: The chunk is not bytes, or the disk is full.
        """
        if not isinstance(chunk, (bytes, bytearray, memoryview)):
            raise InvalidRequestError(
                f"a chunk of an upload is of type {type(chunk).__name__}, not bytes",
                remedy="Pass several files as separate arguments: upload(id, *files).",
            )
        self._size += memoryview(chunk).nbytes
        if self._size > MAX_UPLOAD_BYTES:
            raise _too_large(self._upload.name or "the upload", self._size)
        try:
            self._file.write(chunk)
        except OSError as error:
            raise InvalidRequestError(
                f"the chunks cannot be stored in {tempfile.gettempdir()}: {error.strerror}",
                remedy="Free some space there, or set TMPDIR to another folder.",
            ) from error

    def checked(self) -> Upload:
        """Check the complete file; raises the errors of `prepare`."""
        self._file.seek(0)
        return _prepare_file(cast("BinaryIO", self._file), self._upload, self._open)

    def _open(self) -> AbstractContextManager[BinaryIO]:
        self._file.seek(0)
        return nullcontext(cast("BinaryIO", self._file))


def prepare(source: Source) -> Upload:
    """Check a source by its header, and return it ready to send.

    Raises:
        SourceNotFoundError: The file does not exist, or is a folder.
        UnsupportedFileError: The file is empty or truncated, its format is not supported, or its
            content does not match its suffix.
        FileTooLargeError: The file is larger than 500 MB.
        InvalidRequestError: The source has an unsupported type, or is a file opened as text.
    """
    upload = source if isinstance(source, Upload) else Upload(source)
    content = upload.source
    if isinstance(content, (bytes, bytearray, memoryview)):
        data = bytes(content)
        opener = partial(io.BytesIO, data)
        return _prepare_file(opener(), upload, opener)
    if isinstance(content, (str, os.PathLike)):
        return _prepare_path(expanded(content), upload)
    if hasattr(content, "read") and not isinstance(content, AsyncIterable):
        file = cast("BinaryIO", content)
        try:
            return _prepare_file(file, upload, partial(_rewound, file, file.tell()))
        except NemoError:
            raise
        except (OSError, ValueError) as error:
            raise InvalidRequestError(
                f"the file cannot be read: {error}",
                remedy="Pass a path, bytes, an open binary file, or an iterable of chunks.",
            ) from error
    raise InvalidRequestError(
        f"cannot upload a value of type {type(content).__name__}",
        remedy="Pass a path, bytes, an open binary file, an http(s) URL, or chunks of bytes.",
    )


def is_photo(source: Source) -> bool:
    """Return whether a source is a still picture, by its header.

    Sources that cannot be read in advance are classified by suffix; a GIF is treated as a video.
    """
    upload = source if isinstance(source, Upload) else Upload(source)
    if not is_url(upload) and chunks_of(upload) is None:
        try:
            return (upload if upload.info is not None else prepare(upload)).header.kind == "image"
        except NemoError:
            pass  # the error is raised when the file is checked
    return suffix_of(name_of(upload)) in IMAGE_SUFFIXES - {"gif"}


def _prepare_path(path: Path, upload: Upload) -> Upload:
    def opener() -> BinaryIO:
        return cast("BinaryIO", open(path, "rb", buffering=0, opener=open_regular))

    with reading(path):
        if path.is_dir():
            raise SourceNotFoundError(
                f"{path} is a folder, not a file",
                remedy=Remedy(
                    "choose a file in it",
                    (
                        "use ",
                        Code("client.batch.remove_backgrounds", in_shell="`nemovideo batch`"),
                        " for all its videos",
                    ),
                ),
            )
        with opener() as file:
            return _prepare_file(file, upload, opener)


def _prepare_file(file: BinaryIO, upload: Upload, opener: Opener) -> Upload:
    """Check a file from its current position, which is restored."""
    start = file.tell()
    head = file.read(_HEAD_BYTES)
    if not isinstance(head, bytes):
        raise InvalidRequestError(
            "the file was opened as text", remedy='Open it with open(path, "rb").'
        )
    size = max(0, file.seek(0, os.SEEK_END) - start)
    file.seek(start)
    try:
        name, info = _checked(file, size, head, upload)
    finally:
        file.seek(start)
    return attrs.evolve(upload, name=name, info=info, open=opener)


def _checked(file: BinaryIO, size: int, head: bytes, upload: Upload) -> tuple[str, MediaInfo]:
    """Return the file name to send, and the parsed header."""
    name = safe_name(name_of(upload)) or "upload"
    suffix = suffix_of(name)
    families = sniff(head)
    if size == 0:
        raise UnsupportedFileError(f"{name!r} is empty", remedy="Choose a file with content.")
    if suffix and suffix not in CONTENT_TYPES:
        raise UnsupportedFileError(f"{name!r} has an unsupported format", remedy=_remedy(families))
    if size > MAX_UPLOAD_BYTES:
        raise _too_large(name, size)
    try:
        info = _inspect(file, size, name, families)
    except UnsupportedFileError:
        if upload.check or not suffix:
            raise
        info = info_from_suffix(suffix, size)
    if not suffix:
        name = safe_name(f"{name}.{info.format}")
    return name, info


def _inspect(file: BinaryIO, size: int, name: str, families: frozenset[str]) -> MediaInfo:
    """Parse the header, and check that it matches the suffix."""
    suffix = suffix_of(name)
    family = family_of(suffix) or min(families, default="")
    if family not in families:
        raise _misnamed(name, families)
    try:
        info = inspect(file, size, family, suffix or suffix_for(family))
    except DamagedError as error:
        raise UnsupportedFileError(
            f"{name!r} {error}",
            remedy=Remedy(
                "save or copy the file again",
                ("skip the check with ", Code("Upload(source, check=False)")),
            ),
        ) from None
    if suffix and family_of(info.format) != family:
        raise _misnamed(name, frozenset({family_of(info.format)}))
    return info


def _misnamed(name: str, families: frozenset[str]) -> UnsupportedFileError:
    mismatch = f"contains {'/'.join(sorted(families))} data, which does not match its suffix"
    reason = mismatch if families else "is not a media file"
    return UnsupportedFileError(f"{name!r} {reason}", remedy=_remedy(families))


def _remedy(families: frozenset[str]) -> str:
    suffix = suffix_for(min(families, default=""))
    if len(families) == 1 and suffix in CONTENT_TYPES:
        return f"Rename it to end in .{suffix}."
    return f"Use one of: {', '.join(SUPPORTED_SUFFIXES)}."


def _too_large(name: str, size: int) -> FileTooLargeError:
    return FileTooLargeError(f"{name!r} is {size / 1e6:.0f} MB; the limit is 500 MB")


def _can_seek(file: BinaryIO) -> bool:
    try:
        return file.seekable() if hasattr(file, "seekable") else hasattr(file, "seek")
    except ValueError:  # closed: reported when it is read
        return True


def _rewound(file: BinaryIO, start: int) -> AbstractContextManager[BinaryIO]:
    file.seek(start)
    return nullcontext(file)
