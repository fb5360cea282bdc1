"""The user's folders, with temporary replacements where they are missing or read-only."""

from __future__ import annotations

import hashlib
import logging
import os
import stat
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Literal

from nemovideo.errors import InvalidRequestError

log = logging.getLogger("nemovideo")

_warned: set[str] = set()

MISSING = "there is no home folder for {}"
READ_ONLY = "cannot write to {}"
"""Reasons for `replacement`."""


def home() -> Path | None:
    """Return the home folder, or None: a container run under an arbitrary UID has none.

    One that does not exist, such as the /nonexistent of system users, must not be created.
    """
    with suppress(RuntimeError, KeyError, OSError):
        found = Path.home()
        return found if found.is_dir() else None
    return None


def user_folder(kind: Literal["cache", "data"]) -> Path:
    """Return the user's folder for this package's caches or data; it may not exist yet.

    `XDG_CACHE_HOME` or `XDG_DATA_HOME` takes precedence on every system. If there is no home folder
    either, a temporary one is used, with a warning.
    """
    variable = f"XDG_{kind.upper()}_HOME"
    if base := os.environ.get(variable):
        return Path(base) / "nemovideo"
    local = os.environ.get("LOCALAPPDATA") if sys.platform == "win32" else None
    if local:
        return Path(local) / "nemovideo"
    if (found := home()) is None:
        remedy = f"Set HOME or {variable} to a writable folder."
        return replacement(f"nemovideo's {kind}", MISSING, remedy)
    return found / _below_home(kind) / "nemovideo"


def _below_home(kind: Literal["cache", "data"]) -> Path:
    if sys.platform == "win32":
        return Path("AppData", "Local")
    if sys.platform == "darwin":
        return Path("Library", "Caches" if kind == "cache" else "Application Support")
    return Path(".cache") if kind == "cache" else Path(".local", "share")


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


def absolute_path(path: str | os.PathLike[str]) -> Path:
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
    The reason has {} in place of the folder.
    """
    found = _private(folder)
    if (why := reason.format(folder)) not in _warned:
        _warned.add(why)
        log.warning("%s%s; using %s instead. %s", why[0].upper(), why[1:], found, remedy)
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
