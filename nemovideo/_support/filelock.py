"""A lock between processes, held on a file: freed by the system when its holder dies."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
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


def take(descriptor: int) -> bool:
    """Lock an open file, and say whether that was possible; it never waits.

    Where the file system knows no locks, the lock counts as taken.
    """
    try:
        _lock(descriptor)
    except OSError as error:
        return not isinstance(error, (BlockingIOError, PermissionError))
    return True


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
        """Take the lock; False means that somebody else has it.

        Where the file system knows no locks, or the folder cannot be written to,
        the lock counts as taken: then nobody else can write there either.
        """
        for _ in range(_TRIES):
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            except OSError:
                return True
            if not take(descriptor):
                os.close(descriptor)
                return False
            if self._is_there(descriptor):
                self._descriptor = descriptor
                return True
            give_back(descriptor)  # its holder discarded it between our two calls
        return False

    def _is_there(self, descriptor: int) -> bool:
        """Say whether the open file is the one that others find at the path."""
        with suppress(OSError):
            return os.path.samestat(os.fstat(descriptor), self._path.stat())
        return False

    def discard(self) -> None:
        """Remove the file, if the lock is held and the system allows it; nobody needs it again."""
        if self._descriptor is not None:
            with suppress(OSError):
                self._path.unlink()

    def release(self) -> None:
        """Give the lock back, if it is held."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            give_back(descriptor)
