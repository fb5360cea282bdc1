"""Print pip constraints that pin each direct dependency to its lowest version.

Usage: lowest_versions.py WHEEL EXTRA

Direct dependencies are those of the core and of the extra, including the extras that it
depends on. Linters and type checkers are left out: they are only run in their newest versions.
"""

from __future__ import annotations

import re
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

TOOLS = {"mypy", "ruff"}
REQUIREMENT = re.compile(
    r"(?P<name>[\w.-]+)(?:\[(?P<extras>[^]]*)\])?(?P<bounds>[^;]*)"
    r"(?:;.*extra == ['\"](?P<of>[\w-]+))?"
)


def requirements(wheel: Path) -> list[dict[str, str]]:
    with zipfile.ZipFile(wheel) as archive:
        (about,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(about).decode())
    found = [REQUIREMENT.match(line) for line in metadata.get_all("Requires-Dist", [])]
    return [match.groupdict("") for match in found if match]


def lowest(wheel: Path, extra: str) -> dict[str, str]:
    known, versions = requirements(wheel), dict[str, str]()
    wanted, seen = ["", extra], set[str]()
    while wanted:
        of = wanted.pop()
        seen.add(of)
        for one in known:
            if one["of"] != of:
                continue
            if one["name"] == "nemovideo":
                wanted += {name.strip() for name in one["extras"].split(",")} - seen
            bound = re.search(r">=\s*([\w.]+)", one["bounds"])
            if bound and one["name"] not in TOOLS:
                version = versions.setdefault(one["name"], bound[1])
                assert version == bound[1], f"{one['name']} has two different lowest versions"
    return versions


if __name__ == "__main__":
    found = lowest(Path(sys.argv[1]), sys.argv[2])
    assert {"httpx", "attrs", "av", "pytest"} <= set(found)
    print(*(f"{name}=={version}" for name, version in sorted(found.items())), sep="\n")
