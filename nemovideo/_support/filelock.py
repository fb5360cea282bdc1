"""A lock between processes, held on a file: freed by the system when its holder dies."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from enum import Enum
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def _unlock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


_TRIES = 100


class Taken(Enum):
    """How an attempt to lock a file went."""

    YES = "yes"
    BUSY = "busy"
    UNKNOWN = "unknown"
    """The file system knows no locks, or gives one to everybody who asks."""


def take(descriptor: int, path: Path) -> Taken:
    """Lock an open file; never waits.

    Some network file systems grant every lock, so a second one is asked for, which must fail.
    """
    try:
        _lock(descriptor)
    except OSError as error:
        refused = isinstance(error, (BlockingIOError, PermissionError))
        return Taken.BUSY if refused else Taken.UNKNOWN
    try:
        probe = os.open(path, os.O_RDWR)
    except OSError:
        return Taken.YES
    try:
        _lock(probe)
    except OSError:
        return Taken.YES
    else:
        same = os.path.samestat(os.fstat(probe), os.fstat(descriptor))
        return Taken.UNKNOWN if same else Taken.YES
    finally:
        os.close(probe)


def give_back(descriptor: int) -> None:
    """Unlock an open file, and close it."""
    with suppress(OSError):  # a copy that a fork made must not keep the lock
        _unlock(descriptor)
    os.close(descriptor)


class FileLock:
    """The lock on `path`, a file that is created and stays until discarded; it never waits."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Take the lock; False means that it is held elsewhere.

        Where the file system knows no locks, or the folder cannot be written to,
        the lock counts as taken.
        """
        for _ in range(_TRIES):
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            except OSError:
                return True
            if take(descriptor, self._path) is Taken.BUSY:
                os.close(descriptor)
                return False
            if self._is_there(descriptor):
                self._descriptor = descriptor
                return True
            give_back(descriptor)  # its holder discarded it between our two calls
        return False

    def _is_there(self, descriptor: int) -> bool:
        """Return whether the open file is the one that others find at the path."""
        with suppress(OSError):
            return os.path.samestat(os.fstat(descriptor), self._path.stat())
        return False

    def discard(self) -> None:
        """Remove the file, if the lock is held and the system allows it."""
        if self._descriptor is not None:
            with suppress(OSError):
                self._path.unlink()

    def release(self) -> None:
        """Release the lock, if it is held."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            give_back(descriptor)
