"""Every Python example in the docs runs, page by page, from top to bottom."""

from __future__ import annotations

import ast
import asyncio
import inspect
import logging
import pydoc
import re
import shutil
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from nemovideo.local import LocalBackend
from tests.support import ROOT
from tests.support.media import make_clip, make_picture, make_tone

DOCS = ROOT / "docs"
OWN_TESTS = ("batches.md", "streaming.md", "testing.md")
"""Pages whose examples need more than a clip and a backend; separate tests run them."""

_BLOCK = re.compile(r"^( *)```python\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def pages() -> list[Path]:
    """Return the README and every page of the docs that has examples."""
    found = [ROOT / "README.md", *sorted(DOCS.glob("**/*.md"))]
    return [
        page
        for page in found
        if page.name not in OWN_TESTS and _BLOCK.search(page.read_text(encoding="utf-8"))
    ]


def texts(pattern: str) -> Iterator[tuple[Path, str]]:
    """Yield the pages of the docs that match a pattern, with their text."""
    for page in DOCS.glob(pattern):
        yield page, page.read_text(encoding="utf-8")


def run_page(page: Path) -> int:
    """Run the ```python blocks of a page, with its line numbers; return the number of blocks."""
    text = page.read_text(encoding="utf-8")
    namespace: dict[str, object] = {"__name__": page.stem}
    blocks = list(_BLOCK.finditer(text))
    for block in blocks:
        lines_above = text.count("\n", 0, block.start(2))
        code = compile(
            "\n" * lines_above + textwrap.dedent(block[2]),
            str(page),
            "exec",
            flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
            dont_inherit=True,
        )
        result = eval(code, namespace)
        if inspect.iscoroutine(result):
            asyncio.run(result)
    return len(blocks)


@pytest.fixture
def _docs_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder with a clip, a song and a picture in it, and the "cloud" on this machine."""
    make_clip(tmp_path / "talk.mp4", seconds=0.4)
    make_picture(tmp_path / "beach.jpg", (200, 180, 120))
    make_tone(tmp_path / "song.wav")
    monkeypatch.chdir(tmp_path)
    loggers = [logging.getLogger(name) for name in ("httpx", "nemovideo", "nemovideo.local.access")]
    levels = [logger.level for logger in loggers]
    with LocalBackend() as cloud:
        monkeypatch.setenv("NEMO_API_URL", cloud.url)
        monkeypatch.setenv("NEMO_WEB_URL", cloud.url)
        yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


@pytest.mark.usefixtures("_docs_folder")
@pytest.mark.parametrize("page", pages(), ids=lambda page: page.stem)
def test_the_examples_of_a_page_run(page: Path) -> None:
    assert run_page(page)


@pytest.mark.usefixtures("_docs_folder")
@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_the_protocol_works_with_curl_alone(tmp_path: Path) -> None:
    page = (DOCS / "local.md").read_text(encoding="utf-8")
    found = re.search(r"^```sh\n(export API=.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert found
    with LocalBackend(tmp_path / "state") as server:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", found[1].replace("8000", str(server.port))],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert "functionCall" in done.stdout
    assert (tmp_path / "clean.mp4").read_bytes()[4:8] == b"ftyp"


def test_the_pictures_of_all_pages_exist_and_are_small() -> None:
    for page, text in texts("**/*.md"):
        for address in re.findall(r"!\[[^]]*\]\((?!https?:)([^)#]+)", text):
            assert (page.parent / address).stat().st_size < 150_000, page


def test_the_pages_that_other_files_refer_to_exist() -> None:
    named: dict[str, set[str]] = {}
    packages = ("nemovideo", "tests", "benchmarks", "examples")
    for pattern in ("Dockerfile", "*.*", ".ci/*", "docker/*", *(f"{p}/**/*.py" for p in packages)):
        for path in ROOT.glob(pattern):
            if path.is_file():
                text = path.read_text(encoding="utf-8", errors="replace")
                named[path.name] = set(re.findall(r"(?<![\w/])docs/[\w/-]+\.md", text))
    for name, pages_named in named.items():
        assert [page for page in pages_named if not (ROOT / page).exists()] == [], name
    (page,) = named["Dockerfile"]
    assert "docker build" in (ROOT / page).read_text(encoding="utf-8")


def test_code_blocks_are_closed_and_name_a_language() -> None:
    for page, text in texts("**/*.md"):
        fences = re.findall(r"^ *```(.*)$", text, re.MULTILINE)
        assert len(fences) % 2 == 0, page
        assert all(re.fullmatch(r"\w+", language) for language in fences[::2]), page
        assert not any(fences[1::2]), page


def test_the_pages_of_the_reference_name_the_files_that_they_are_generated_from() -> None:
    """In a clone, and on a code host, the pages are shown without the docstrings."""
    for page, text in texts("reference/*.md"):
        named = re.findall(r"`(nemovideo/[\w/.]+)`", text)
        assert all((ROOT / path).exists() for path in named), page
        for shown in re.findall(r"^::: nemovideo\.(\S+)", text, re.MULTILINE):
            found = [path.removesuffix(".py").rstrip("/") for path in named]
            assert any(f"nemovideo/{shown.replace('.', '/')}".startswith(path) for path in found)
        command = re.search(r"`python -m pydoc (\S+)`", text)
        assert command, page
        assert pydoc.locate(command[1]), page
