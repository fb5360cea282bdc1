"""File operations: stamps, hashes, atomic writes, and typed errors."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import attrs

from nemovideo._support.user_folders import absolute_path
from nemovideo.errors import NemoError, OutputError, SourceNotFoundError

_BLOCK_BYTES = 1024 * 1024


@attrs.frozen
class Stamp:
    """The metadata that identifies a state of a file without reading it."""

    size_bytes: int
    mtime_ns: int
    inode: int

    @classmethod
    def of(cls, path: Path) -> Stamp | None:
        """Return the stamp of a regular file, or None if there is none."""
        with suppress(OSError, ValueError):  # a NUL character in the path
            found = path.stat()
            if stat.S_ISREG(found.st_mode):
                return cls(found.st_size, found.st_mtime_ns, found.st_ino)
        return None


def normalized_path(path: str | os.PathLike[str]) -> Path:
    """Return an absolute path without "~" and ".."; symbolic links are not resolved."""
    return Path(os.path.abspath(absolute_path(path)))  # noqa: PTH100 - resolve() follows links


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Map errors from reading a file in the block.

    Raises:
        SourceNotFoundError: The file does not exist, or cannot be read.
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
    """Map errors from writing a file in the block.

    Raises:
        OutputError: The disk is full or unavailable, or the path is not writable.
    """
    try:
        yield
    except NemoError:
        raise
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error


@contextmanager
def replacing(path: Path, *, temp: Path) -> Iterator[None]:
    """Replace `path` with `temp`, which the block writes; remove `temp` if the block fails."""
    try:
        yield
        temp.replace(path)
    except BaseException:
        with suppress(OSError):
            temp.unlink(missing_ok=True)
        raise


def open_regular(path: str | os.PathLike[str], flags: int, mode: int = 0o666) -> int:
    """Open a regular file without blocking; can be the `opener` of `open()`.

    Opening a pipe or a device, which another user may have put there, could block forever.

    Raises:
        OSError: It cannot be opened, or is not a regular file.
    """
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0), mode)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, f"{Path(path).name} is not a regular file")
    return descriptor


def read_bytes(path: Path) -> bytes:
    """Return the content of a regular file.

    Raises:
        OSError: It cannot be read, or is not a regular file.
    """
    with open(path, "rb", opener=open_regular) as file:
        return file.read()


def sha256_of(opened: BinaryIO) -> str:
    """Return the SHA-256 of an open file from its current position, in hex."""
    digest = hashlib.sha256()
    while block := opened.read(_BLOCK_BYTES):
        digest.update(block)
    return digest.hexdigest()


def sha256_of_file(path: Path) -> str:
    """Return the SHA-256 of a file, in hex.

    Raises:
        OSError: It cannot be read, or is not a regular file.
    """
    with open(path, "rb", opener=open_regular) as file:
        return sha256_of(file)


def replace_text(
    path: Path, text: str, *, temp: Path, private: bool = False, durable: bool = False
) -> None:
    """Write a UTF-8 text file atomically.

    `temp` is a temporary file in the same folder, for this writer only; a stale one from a killed
    process is replaced. A `private` file is for its owner only; a `durable` one is flushed to the
    disk.

    Raises:
        OSError: The file cannot be written, and is unchanged.
    """
    temp.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    descriptor = os.open(temp, flags, 0o600 if private else 0o666)
    with (
        replacing(path, temp=temp),
        os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file,
    ):
        file.write(text)
        file.flush()
        if durable:
            os.fsync(file.fileno())
    if durable:
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Flush a rename to the disk, if the system supports it."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
