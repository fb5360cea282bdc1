"""File modes of the state directory: accessible by its owner only (0700 and 0600)."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

_FOLDERS = ("media", "renders", "incoming", "client")


def make_private(state_dir: Path) -> None:
    """Remove other users' access to the directory, and to the backend's existing files in it.

    A sticky directory, such as the system's temporary directory, is shared on purpose and left
    unchanged.
    """
    if os.name == "nt" or state_dir.stat().st_mode & stat.S_ISVTX:
        return
    for path in (state_dir, *_own_paths(state_dir)):
        with suppress(OSError):  # owned by another user, or a file system without modes
            mode = path.lstat().st_mode
            if mode & 0o077 and not stat.S_ISLNK(mode):
                path.chmod(0o700 if stat.S_ISDIR(mode) else 0o600)


def _own_paths(state_dir: Path) -> Iterator[Path]:
    yield from state_dir.glob("backend.sqlite3*")
    for name in _FOLDERS:
        folder = state_dir / name
        if folder.is_dir() and not folder.is_symlink():  # a link's target may belong to others
            yield folder
            yield from folder.rglob("*")


def private_folder(root: Path, *parts: str) -> Path:
    """Return a folder below `root`; missing levels are created with mode 0700."""
    folder = root
    for part in parts:
        folder = folder / part
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def create_private(path: Path) -> None:
    """Create a file with mode 0600, unless it exists."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def open_private(path: Path) -> IO[bytes]:
    """Open a new file with mode 0600 for writing."""
    return open(path, "wb", opener=lambda name, flags: os.open(name, flags, 0o600))
