"""Check the contents of the built wheel and sdist: `check_packages.py DIST`."""

from __future__ import annotations

import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path


def main(dist: Path) -> None:
    (wheel,) = dist.glob("*.whl")
    (sdist,) = dist.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (about,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(about).decode())
    roots = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert roots == {"nemovideo"}, roots
    assert "nemovideo/py.typed" in names
    assert "nemovideo/local/agent/words/english.ini" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert all(
        name.endswith((".py", "py.typed", ".ini", ".json"))
        for name in names
        if name.startswith("nemovideo/")
    )
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.10"
    assert metadata.get_all("Project-URL"), "the package has no links"
    extras = set(metadata.get_all("Provides-Extra", []))
    assert {"local", "notebook", "batch", "cli", "test", "docs"} <= extras, extras
    with tarfile.open(sdist) as source:
        inside = {name.split("/", 1)[-1] for name in source.getnames()}
    for needed in ("nemovideo/client.py", "tests/conftest.py", "LICENSE", "README.md"):
        assert needed in inside, needed
    print(f"{wheel.name}: {len(names)} files, {wheel.stat().st_size / 1e3:.0f} kB; {sdist.name}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
