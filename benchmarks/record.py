"""What is kept of a benchmark's run: its figures, and on what and when they were measured.

A script takes `--json FILE` by `add_option` and hands its figures to `write`. The kept
files are in `benchmarks/results/`, and `page.py` makes the page of the docs from them.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import attrs

Row = dict[str, Any]
"""One measurement: what was measured by name, figures with their units in the key."""

_DIGITS = 6


@attrs.frozen
class Record:
    """One run: `how` says how often and how much, `versions` are those that matter for it."""

    benchmark: str
    date: str
    how: str
    cpu: str
    cores: int
    memory_gb: int | None
    system: str
    python: str
    versions: dict[str, str]
    rows: list[Row]


def add_option(parser: argparse.ArgumentParser) -> None:
    """Give a script the option `--json FILE`."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures there too")


def write(
    path: Path | None,
    benchmark: str,
    rows: Iterable[Row],
    *,
    how: str,
    packages: Sequence[str],
    programs: Mapping[str, str] | None = None,
) -> None:
    """Write a run's figures to a file, if there is one.

    Args:
        path: The file, or nothing.
        benchmark: The name of what was measured.
        rows: The figures.
        how: How often and how much, in words.
        packages: Installed packages whose versions matter; nemovideo's always does.
        programs: Versions of what is no Python package.
    """
    if path is None:
        return
    record = Record(
        benchmark,
        date=dt.datetime.now(tz=dt.timezone.utc).date().isoformat(),
        how=how,
        cpu=_cpu(),
        cores=_cores(),
        memory_gb=_memory_gb(),
        system=_system(),
        python=platform.python_version(),
        versions={
            **{name: metadata.version(name) for name in ("nemovideo", *packages)},
            **(programs or {}),
        },
        rows=[{key: _short(value) for key, value in row.items()} for row in rows],
    )
    text = json.dumps(attrs.asdict(record), indent=1, ensure_ascii=False)
    path.write_text(f"{text}\n", encoding="utf-8")


def read(path: Path) -> Record:
    """Return what was written."""
    return Record(**json.loads(path.read_text(encoding="utf-8")))


def _short(value: object) -> object:
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value


def _cpu() -> str:
    """Return the processor's name, from Linux where it says it, else its kind."""
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text(encoding="utf-8").splitlines() if listed.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _cores() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory_gb() -> int | None:
    """Return the machine's memory, where the system says it."""
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9)
    except (AttributeError, OSError, ValueError):
        return None


def _system() -> str:
    """Return the operating system's name, and the kind of machine it is for."""
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        name = f"{platform.system()} {platform.release()}"
    return f"{name}, {platform.machine()}"
