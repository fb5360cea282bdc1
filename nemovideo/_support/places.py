"""Folders of the user and their replacements, on machines that have none or forbid them."""

from __future__ import annotations

import hashlib
import logging
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

log = logging.getLogger("nemovideo")

_told: set[str] = set()


def home() -> Path | None:
    """Return the home folder; a container's arbitrary user has none."""
    with suppress(RuntimeError, KeyError):
        return Path.home()
    return None


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
