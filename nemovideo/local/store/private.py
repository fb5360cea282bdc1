"""File modes of the state directory: its owner's alone (0700 and 0600), old files included."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

OURS = ("media", "renders", "incoming", "client")


def make_private(state_dir: Path) -> None:
    """Close the directory, and what an earlier version left open in it, to other users.

    Only the backend's own files in it are touched. A directory that is shared on
    purpose (a sticky one, like the system's temporary directory) stays as it is.
    """
    if os.name == "nt" or state_dir.stat().st_mode & stat.S_ISVTX:
        return
    for path in (state_dir, *_kept(state_dir)):
        with suppress(OSError):  # another user's, or a file system without modes
            mode = path.lstat().st_mode
            if mode & 0o077 and not stat.S_ISLNK(mode):
                path.chmod(0o700 if stat.S_ISDIR(mode) else 0o600)


def _kept(state_dir: Path) -> Iterator[Path]:
    yield from state_dir.glob("backend.sqlite3*")
    for name in OURS:
        folder = state_dir / name
        if folder.is_dir() and not folder.is_symlink():  # what a link leads to may be others'
            yield folder
            yield from folder.rglob("*")


def private_folder(root: Path, *parts: str) -> Path:
    """Return a folder below `root`, made with mode 0700 at every level if need be."""
    folder = root
    for part in parts:
        folder = folder / part
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def private_file(path: Path) -> None:
    """Create the file with mode 0600, unless it exists."""
    os.close(_opened(path, os.O_RDWR | os.O_CREAT))


def write_private(path: Path) -> IO[bytes]:
    """Open a new file for writing, readable by its owner only."""
    return open(path, "wb", opener=_opened)


def _opened(path: str | Path, flags: int) -> int:
    return os.open(path, flags, 0o600)
