"""Store the figures of a run with the machine and date.

A script adds `--json FILE` with `add_option`, and passes its figures to `write`. The files are in
`benchmarks/results/`; `page.py` generates the page of the docs from them.
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
"""One measurement: names, and figures with the unit in the key."""

_SIGNIFICANT_DIGITS = 6


@attrs.frozen
class Record:
    """One run: `how` describes its size, `versions` are those of the relevant packages."""

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
    """Add the option `--json FILE`."""
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="also write the figures to this file"
    )


def write(
    path: Path | None,
    benchmark: str,
    rows: Iterable[Row],
    *,
    how: str,
    packages: Sequence[str],
    programs: Mapping[str, str] | None = None,
) -> None:
    """Write the figures of a run to a file.

    Args:
        path: The file, or None to write nothing.
        benchmark: The name of the benchmark.
        rows: The figures.
        how: A description of the number and size of the runs.
        packages: Installed packages to record the versions of, in addition to nemovideo.
        programs: Versions of programs that are not Python packages.
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
        rows=[{key: _rounded(value) for key, value in row.items()} for row in rows],
    )
    text = json.dumps(attrs.asdict(record), indent=1, ensure_ascii=False)
    path.write_text(f"{text}\n", encoding="utf-8")


def read(path: Path) -> Record:
    """Read a stored run."""
    return Record(**json.loads(path.read_text(encoding="utf-8")))


def _rounded(value: object) -> object:
    return float(f"{value:.{_SIGNIFICANT_DIGITS}g}") if isinstance(value, float) else value


def _cpu() -> str:
    """Return the model name of the processor on Linux, else its architecture."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _cores() -> int:
    """Return the number of processors available to this process."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory_gb() -> int | None:
    """Return the memory of the machine, or None if unknown."""
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9)
    except (AttributeError, OSError, ValueError):
        return None


def _system() -> str:
    """Return the name of the operating system and the architecture."""
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        name = f"{platform.system()} {platform.release()}"
    return f"{name}, {platform.machine()}"
