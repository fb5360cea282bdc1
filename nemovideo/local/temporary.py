"""Temporary state directories: who still needs one is noted in it, for the process that resumes."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path

from nemovideo._support.disk import replace_text
from nemovideo._support.json_text import read_json

_NOTE = "temporary.json"


def mark(state_dir: Path) -> None:
    """Mark a state directory as temporary, needed by no job yet."""
    _write(state_dir, set())


def hold(state_dir: Path, name: str) -> None:
    """Keep a temporary state directory for a job; without effect on any other directory."""
    if (names := _holders(state_dir)) is not None:
        _write(state_dir, names | {name})


def let_go(state_dir: Path, name: str) -> None:
    """Keep a temporary state directory no longer for this job."""
    if (names := _holders(state_dir)) is not None and name in names:
        _write(state_dir, names - {name})


def remove_unneeded(state_dir: Path) -> None:
    """Remove a state directory that is marked as temporary and that no job needs."""
    if _holders(state_dir) == set():
        shutil.rmtree(state_dir, ignore_errors=True)


def _holders(state_dir: Path) -> set[str] | None:
    """Return the names that are noted, or None where there is no readable note."""
    with suppress(OSError, ValueError):
        names = read_json((state_dir / _NOTE).read_bytes())
        if isinstance(names, list):
            return {str(name) for name in names}
    return None


def _write(state_dir: Path, names: set[str]) -> None:
    note = state_dir / _NOTE
    with suppress(OSError):  # the directory stays then
        replace_text(note, json.dumps(sorted(names)), by=note.with_name(f"{_NOTE}.{os.getpid()}"))
