"""Print pip constraints that hold each direct dependency at its lowest version.

Usage: lowest_versions.py PYPROJECT

Linters and type checkers are left out: what they find belongs to their newest versions.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

TOOLS = {"mypy", "ruff", "pyright", "basedpyright"}
REQUIREMENT = re.compile(r'"([a-z0-9-]+)(?:\[[^]]*\])?>=([0-9.]+)[^"]*"')


def main(pyproject: Path) -> None:
    # By hand: tomllib came with Python 3.11, and the lowest version is 3.10.
    text = pyproject.read_text(encoding="utf-8")
    project = text[text.index("dependencies = [") : text.index("[tool.")]
    bounds = [bound for bound in REQUIREMENT.findall(project) if bound[0] not in TOOLS]
    found = dict(bounds)
    assert set(bounds) == set(found.items()), "a package has two different lowest versions"
    assert {"httpx", "attrs", "av", "pytest"} <= set(found)
    print(*(f"{name}=={version}" for name, version in sorted(found.items())), sep="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
