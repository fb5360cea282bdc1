"""Error messages for users: no paths of this machine, and clear advice about a full disk."""

from __future__ import annotations

import errno
import re
import sqlite3

from nemovideo.errors import LocalBackendError, NemoError

DISK_FULL = "The disk of the server is full"
FREE_SPACE = (
    "Free some space on the disk of the server's --state-dir, or remove old results earlier "
    "(--keep); then try again."
)

OUT_OF_FILES = "The server has too many files and connections open. Try again in a moment."

_FULL = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))
_FULL_WORDS = ("No space left on device", "disk is full")
# The folders of an absolute path; in a URL, they follow a colon or a letter.
_FOLDERS = re.compile(r"""(?<![\w/.:])(?:[A-Za-z]:)?[/\\](?:[^/\\\s'"]+[/\\])+""")


def is_disk_full(error: BaseException | None) -> bool:
    """Return whether an error was caused by a full disk or a disk quota."""
    while error is not None:
        if isinstance(error, (OSError, sqlite3.Error, NemoError)):
            words = any(text in str(error) for text in _FULL_WORDS)
            if words or getattr(error, "errno", None) in _FULL:
                return True
        error = error.__cause__ or error.__context__
    return False


def is_out_of_files(error: BaseException) -> bool:
    """Return whether an error was caused by too many open files in this process or machine."""
    if isinstance(error, sqlite3.OperationalError):
        return "unable to open database file" in str(error)
    return getattr(error, "errno", None) in (errno.EMFILE, errno.ENFILE)


def without_paths(text: str) -> str:
    """Return the text with absolute paths shortened to their last part."""
    return _FOLDERS.sub("", text)


def error_text(error: BaseException) -> str:
    """Return the message of an error with its remedy."""
    return f"{DISK_FULL}. {FREE_SPACE}" if is_disk_full(error) else without_paths(str(error))


def failure_text(error: BaseException) -> str:
    """Return why a job failed.

    A remedy that applies to this machine, not to the draft, is on a second line; see `parts_of`.
    """
    if is_disk_full(error):
        return f"{DISK_FULL}\n{FREE_SPACE}"
    if isinstance(error, LocalBackendError):
        return without_paths(f"{error.message}\n{error.remedy}")
    if isinstance(error, NemoError):
        return without_paths(error.message)
    if isinstance(error, ValueError):
        return without_paths(str(error))
    return without_paths(f"{type(error).__name__}: {error}")


def parts_of(failure: str, key: str) -> dict[str, object]:
    """Return a failure as members of a JSON object: its message, and its remedy if it has one."""
    message, _, remedy = failure.partition("\n")
    return {key: message, "remedy": remedy} if remedy else {key: message}
