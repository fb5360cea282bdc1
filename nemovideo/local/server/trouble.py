"""What may be said of a failure: a full disk by name, and no path of this machine."""

from __future__ import annotations

import errno
import re
import sqlite3

from nemovideo.errors import LocalBackendError, NemoError

DISK_FULL = "The disk of the server is full: free some space there, then repeat this."

OUT_OF_FILES = "The server has too many files and connections open. Try again in a moment."

_FULL = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))
_FULL_WORDS = ("No space left on device", "disk is full")
# A folder's part of an absolute path; what stands in a URL follows a colon or a letter.
_FOLDERS = re.compile(r"""(?<![\w/.:])(?:[A-Za-z]:)?[/\\](?:[^/\\\s'"]+[/\\])+""")


def is_disk_full(error: BaseException | None) -> bool:
    """Return whether a full disk, or a quota on it, is behind an error."""
    while error is not None:
        if isinstance(error, (OSError, sqlite3.Error, NemoError)):
            words = any(text in str(error) for text in _FULL_WORDS)
            if words or getattr(error, "errno", None) in _FULL:
                return True
        error = error.__cause__ or error.__context__
    return False


def is_out_of_files(error: BaseException) -> bool:
    """Return whether no more files can be opened, by this process or on this machine."""
    if isinstance(error, sqlite3.OperationalError):
        return "unable to open database file" in str(error)
    return getattr(error, "errno", None) in (errno.EMFILE, errno.ENFILE)


def without_paths(text: str) -> str:
    """Return the text with only the last part of each absolute path in it."""
    return _FOLDERS.sub("", text)


def told(error: BaseException) -> str:
    """Return an error's own words for a user, or that the disk is full."""
    return DISK_FULL if is_disk_full(error) else without_paths(str(error))


def reason(error: BaseException) -> str:
    """Return why a job failed, for the user who asked for it.

    A remedy is added only where it is for this machine, not for the draft.
    """
    if is_disk_full(error):
        return DISK_FULL
    if isinstance(error, NemoError) and not isinstance(error, LocalBackendError):
        return without_paths(error.message)
    if isinstance(error, (NemoError, ValueError)):
        return without_paths(str(error))
    return without_paths(f"{type(error).__name__}: {error}")
