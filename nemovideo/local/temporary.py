"""Temporary state directories, kept while unfinished jobs need them to be resumed.

A file in the directory lists the jobs, so that the process that resumes the last job can remove the
directory.
"""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path

from nemovideo._support.disk import read_bytes, replace_text
from nemovideo._support.json_text import read_json

_FILE = "temporary.json"


def mark(state_dir: Path) -> None:
    """Mark a state directory as temporary, without jobs."""
    _write(state_dir, set())


def hold(state_dir: Path, name: str) -> None:
    """Keep a temporary state directory for a job; no effect on other directories."""
    if (names := _jobs(state_dir)) is not None:
        _write(state_dir, names | {name})


def release(state_dir: Path, name: str) -> None:
    """Stop keeping a temporary state directory for a job."""
    if (names := _jobs(state_dir)) is not None and name in names:
        _write(state_dir, names - {name})


def remove_unneeded(state_dir: Path) -> None:
    """Remove a state directory if it is temporary and no job needs it."""
    if _jobs(state_dir) == set():
        shutil.rmtree(state_dir, ignore_errors=True)


def _jobs(state_dir: Path) -> set[str] | None:
    """Return the jobs that need the directory, or None if it is not a temporary one."""
    with suppress(OSError, ValueError):
        names = read_json(read_bytes(state_dir / _FILE))
        if isinstance(names, list):
            return {str(name) for name in names}
    return None


def _write(state_dir: Path, names: set[str]) -> None:
    path = state_dir / _FILE
    with suppress(OSError):  # the directory is then kept
        replace_text(path, json.dumps(sorted(names)), temp=path.with_name(f"{_FILE}.{os.getpid()}"))
