"""A file lock between processes, which the system releases when its holder dies."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from enum import Enum
from pathlib import Path

from nemovideo._support.forks import reset_in_children

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


_ATTEMPTS = 100


class LockStatus(Enum):
    """The result of an attempt to lock a file."""

    ACQUIRED = "acquired"
    BUSY = "busy"
    UNKNOWN = "unknown"
    """The file system has no locks, or grants every lock."""


def try_lock(descriptor: int, path: Path) -> LockStatus:
    """Lock an open file without waiting.

    Some network file systems grant every lock, so a second attempt, which must fail, verifies it.
    """
    try:
        _lock(descriptor)
    except OSError as error:
        busy = isinstance(error, (BlockingIOError, PermissionError))
        return LockStatus.BUSY if busy else LockStatus.UNKNOWN
    try:
        probe = os.open(path, os.O_RDWR)
    except OSError:
        return LockStatus.ACQUIRED
    try:
        _lock(probe)
    except OSError:
        return LockStatus.ACQUIRED
    else:
        same = os.path.samestat(os.fstat(probe), os.fstat(descriptor))
        return LockStatus.UNKNOWN if same else LockStatus.ACQUIRED
    finally:
        os.close(probe)


def unlock(descriptor: int) -> None:
    """Unlock an open file, and close it."""
    with suppress(OSError):  # closing is not enough if a forked process has a copy
        _unlock(descriptor)
    os.close(descriptor)


class FileLock:
    """A non-blocking lock on the file `path`, which is created and kept until `discard`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        reset_in_children(self)

    def after_fork(self) -> None:
        """Close the copy of a forked child, which would hold the lock after its parent's death."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def acquire(self) -> bool:
        """Acquire the lock, and return False if it is held elsewhere.

        On a file system without locks, or in a read-only folder, the lock is treated as acquired.
        """
        for _ in range(_ATTEMPTS):
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            except OSError:
                return True
            if try_lock(descriptor, self._path) is LockStatus.BUSY:
                os.close(descriptor)
                return False
            if self._is_current(descriptor):
                self._descriptor = descriptor
                return True
            unlock(descriptor)  # the previous holder discarded the file before we locked it
        return False

    def _is_current(self, descriptor: int) -> bool:
        """Return whether the open file is still the one at the path."""
        with suppress(OSError):
            return os.path.samestat(os.fstat(descriptor), self._path.stat())
        return False

    def discard(self) -> None:
        """Remove the file if the lock is held, and if the system allows it."""
        if self._descriptor is not None:
            with suppress(OSError):
                self._path.unlink()

    def release(self) -> None:
        """Release the lock, if it is held."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            unlock(descriptor)
