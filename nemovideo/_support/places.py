"""The user's folders, with temporary replacements where they are missing or read-only."""

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

_warned: set[str] = set()


def home() -> Path | None:
    """Return the home folder, or None: a container's arbitrary user has none."""
    with suppress(RuntimeError, KeyError):
        return Path.home()
    return None


def expanded(path: str | os.PathLike[str]) -> Path:
    """Expand "~" in a path; an unknown "~name" is kept.

    Raises:
        InvalidRequestError: There is no home folder.
    """
    found = Path(os.path.expanduser(path))  # noqa: PTH111 - Path.expanduser() raises for "~$clip.mp4"
    if found.parts[:1] == ("~",):
        raise InvalidRequestError(
            f"{found} cannot be found: this user has no home folder",
            remedy="Set HOME, or use an absolute path.",
        )
    return found


def from_root(path: str | os.PathLike[str]) -> Path:
    """Return an absolute path, with "~" expanded.

    Raises:
        InvalidRequestError: There is no home folder, or the working directory was removed.
    """
    try:
        return expanded(path).absolute()
    except FileNotFoundError:
        raise InvalidRequestError(
            f"{path} cannot be found: the working directory was removed",
            remedy="Change to a directory that exists, or use an absolute path.",
        ) from None


def can_write_to(folder: Path) -> bool:
    """Return whether files can be created in a folder, which need not exist yet."""
    try:
        nearest = next(each for each in (folder, *folder.parents) if each.exists())
        return nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)
    except (OSError, StopIteration):
        return False


def replacement(folder: str | os.PathLike[str], reason: str, remedy: str) -> Path:
    """Return a private temporary folder in place of an unusable one, and warn once.

    Later processes of the same user get the same folder, as long as the system keeps it.

    Args:
        folder: The unusable folder, which may not exist.
        reason: The reason, for the warning.
        remedy: The remedy, for the warning.
    """
    found = _private(folder)
    if (key := f"{folder}: {reason}") not in _warned:
        _warned.add(key)
        log.warning("%s %s: using %s instead. %s", folder, reason, found, remedy)
    return found


def _private(folder: str | os.PathLike[str]) -> Path:
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    uid = os.getuid() if hasattr(os, "getuid") else None
    path = Path(tempfile.gettempdir()) / f"nemovideo-{'user' if uid is None else uid}-{name}"
    with suppress(OSError):
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()
        private = uid is None or (found.st_uid == uid and not found.st_mode & 0o077)
        if stat.S_ISDIR(found.st_mode) and private and os.access(path, os.W_OK):
            return path
    return Path(tempfile.mkdtemp(prefix="nemovideo-"))
