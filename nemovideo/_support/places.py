"""Folders of the user and their replacements, on machines that have none or forbid them."""

from __future__ import annotations

import hashlib
import logging
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from nemovideo.errors import InvalidRequestError

log = logging.getLogger("nemovideo")

_told: set[str] = set()


def home() -> Path | None:
    """Return the home folder; a container's arbitrary user has none."""
    with suppress(RuntimeError, KeyError):
        return Path.home()
    return None


def expanded(path: str | os.PathLike[str]) -> Path:
    """Return the path with "~" replaced by the home folder; "~name" stays where nobody has it.

    Raises:
        InvalidRequestError: There is no home folder.
    """
    found = Path(os.path.expanduser(path))  # noqa: PTH111 - Path.expanduser() raises for "~$clip.mp4"
    if found.parts[:1] == ("~",):
        raise InvalidRequestError(
            f"{found} cannot be found: this user has no home folder",
            remedy="Set HOME, or give the whole path.",
        )
    return found


def from_root(path: str | os.PathLike[str]) -> Path:
    """Return the path as an absolute one, with "~" expanded.

    Raises:
        InvalidRequestError: There is no home folder, or the working directory was removed.
    """
    try:
        return expanded(path).absolute()
    except FileNotFoundError:
        raise InvalidRequestError(
            f"{path} cannot be found: the working directory was removed",
            remedy="Change to a directory that exists, or give the whole path.",
        ) from None


def can_write_to(folder: Path) -> bool:
    """Whether files can be made in a folder, which itself is made where it is missing."""
    try:
        there = next(each for each in (folder, *folder.parents) if each.exists())
        return there.is_dir() and os.access(there, os.W_OK | os.X_OK)
    except (OSError, StopIteration):
        return False


def replacement(folder: str | os.PathLike[str], reason: str, remedy: str) -> Path:
    """Return a private temporary folder in place of one that cannot be used, and warn once.

    The same user gets the same folder in the next process, as long as the system keeps it.

    Args:
        folder: The folder that cannot be used; it need not exist.
        reason: Why.
        remedy: What to set.
    """
    found = _private(folder)
    if (key := f"{folder}: {reason}") not in _told:
        _told.add(key)
        log.warning("%s %s: using %s in its place. %s", folder, reason, found, remedy)
    return found


def _private(folder: str | os.PathLike[str]) -> Path:
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    owner = os.getuid() if hasattr(os, "getuid") else "user"
    path = Path(tempfile.gettempdir()) / f"nemovideo-{owner}-{name}"
    with suppress(OSError):
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()
        private = not hasattr(os, "getuid") or (
            found.st_uid == os.getuid() and not found.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
        )
        if stat.S_ISDIR(found.st_mode) and private and os.access(path, os.W_OK):
            return path
    return Path(tempfile.mkdtemp(prefix="nemovideo-"))
