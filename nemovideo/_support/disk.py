"""What the house does with files: stamps, hashes, writing whole or not, and errors in our words."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import attrs

from nemovideo._support.places import from_root
from nemovideo.errors import NemoError, OutputError, SourceNotFoundError

_BLOCK_BYTES = 1024 * 1024


@attrs.frozen
class Stamp:
    """What tells one state of a file from another without reading it."""

    size_bytes: int
    mtime_ns: int
    inode: int

    @classmethod
    def of(cls, path: Path) -> Stamp | None:
        """Return the file's stamp, or None where there is no file."""
        with suppress(OSError):
            found = path.stat()
            return cls(found.st_size, found.st_mtime_ns, found.st_ino)
        return None


def absolute(path: str | os.PathLike[str]) -> Path:
    """Return the path from the root on, without "~" and ".."; a link stays the name that it is."""
    return Path(os.path.abspath(from_root(path)))  # noqa: PTH100 - resolve() follows links


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Tell of what the block cannot read.

    Raises:
        SourceNotFoundError: The file is not there, or cannot be read.
    """
    try:
        yield
    except NemoError:
        raise
    except FileNotFoundError:
        raise SourceNotFoundError(f"there is no file {path}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SourceNotFoundError(f"{path} cannot be read: {reason}") from error


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Tell of what the block cannot write.

    Raises:
        OutputError: The disk is full or gone, or the place cannot be written to.
    """
    try:
        yield
    except NemoError:
        raise
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error


@contextmanager
def replacing(path: Path, *, by: Path) -> Iterator[None]:
    """Put what the block has written to `by` in the place of `path`, if it has not failed."""
    try:
        yield
        by.replace(path)
    except BaseException:
        with suppress(OSError):
            by.unlink(missing_ok=True)
        raise


def sha256_of(opened: BinaryIO) -> str:
    """Return the SHA-256, in hex, of what is left of an open file."""
    digest = hashlib.sha256()
    while block := opened.read(_BLOCK_BYTES):
        digest.update(block)
    return digest.hexdigest()


def sha256_of_file(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hex.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        return sha256_of(file)


def replace_text(
    path: Path, text: str, *, by: Path, private: bool = False, lasting: bool = False
) -> None:
    """Put a file of this text, in UTF-8, in the place of another: whole, or not at all.

    Args:
        path: The file.
        text: What it shall hold.
        by: The name, in the same folder, under which it is written; nobody else may use that
            at the same time. One that a killed process left behind is replaced.
        private: Whether its owner only may read it.
        lasting: Whether it must be safe on the disk when this returns.

    Raises:
        OSError: It cannot be written; the file is as before then.
    """
    by.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    descriptor = os.open(by, flags, 0o600 if private else 0o666)
    with (
        replacing(path, by=by),
        os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file,
    ):
        file.write(text)
        file.flush()
        if lasting:
            os.fsync(file.fileno())
    if lasting:
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make a rename last, where the system can."""
    if os.name != "posix":
        return
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
