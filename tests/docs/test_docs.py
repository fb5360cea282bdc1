"""Every Python example of the documents runs, page by page, from top to bottom."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import shutil
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from nemovideo.local import LocalBackend
from tests.support import ROOT
from tests.support.media import make_clip, make_tone

DOCS = ROOT / "docs"
OWN_TESTS = ("batches.md", "streaming.md", "testing.md")
"""Pages whose examples need more than a clip and a backend: they are run by tests of their own."""

_BLOCK = re.compile(r"^( *)```python\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def pages() -> list[Path]:
    """Return the README and every page of the docs that has examples."""
    found = [ROOT / "README.md", *sorted(DOCS.glob("**/*.md"))]
    return [
        page
        for page in found
        if page.name not in OWN_TESTS and _BLOCK.search(page.read_text(encoding="utf-8"))
    ]


def run_page(page: Path) -> int:
    """Run a page's ```python blocks and return how many there were; lines count as in the page."""
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
def _workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder with a clip and a song in it, and the "cloud" on this machine."""
    make_clip(tmp_path / "talk.mp4", seconds=0.4)
    make_tone(tmp_path / "song.wav")
    monkeypatch.chdir(tmp_path)
    with LocalBackend() as cloud:
        monkeypatch.setenv("NEMO_API_URL", cloud.url)
        monkeypatch.setenv("NEMO_WEB_URL", cloud.url)
        yield


@pytest.mark.usefixtures("_workplace")
@pytest.mark.parametrize("page", pages(), ids=lambda page: page.stem)
def test_the_examples_of_a_page_run(page: Path) -> None:
    assert run_page(page)


@pytest.mark.usefixtures("_workplace")
@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_the_protocol_works_with_curl_alone(tmp_path: Path) -> None:
    page = (DOCS / "local.md").read_text(encoding="utf-8")
    found = re.search(r"^```sh\n(export API=.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert found
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "nemovideo.local", "--port", str(port), "--engine", "fast"]
    with subprocess.Popen(
        [*command, "--state-dir", str(tmp_path / "state")], stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            assert f":{port}" in server.stdout.readline()
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", found[1].replace("8000", str(port))],
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        finally:
            server.terminate()
    assert done.returncode == 0, done.stderr
    assert "functionCall" in done.stdout
    assert (tmp_path / "clean.mp4").read_bytes()[4:8] == b"ftyp"


@pytest.mark.parametrize("page", sorted(DOCS.glob("**/*.md")), ids=lambda page: page.stem)
def test_the_pictures_of_a_page_are_there_and_small(page: Path) -> None:
    for address in re.findall(r"!\[[^]]*\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / address).stat().st_size < 150_000


@pytest.mark.parametrize("page", sorted(DOCS.glob("**/*.md")), ids=lambda page: page.stem)
def test_the_blocks_of_a_page_begin_as_mkdocs_reads_them(page: Path) -> None:
    fences = re.findall(r"^ *```(.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(fences) % 2 == 0
    assert all(re.fullmatch(r"\w+", language) for language in fences[::2])
    assert not any(fences[1::2])


@pytest.mark.parametrize("page", sorted(DOCS.glob("reference/*.md")), ids=lambda page: page.stem)
def test_a_page_of_the_reference_names_the_files_that_it_is_generated_from(page: Path) -> None:
    """A clone, and a code host, show the page without the docstrings."""
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"`(nemovideo/[\w/.]+)`", text)
    assert all((ROOT / path).exists() for path in named)
    for shown in re.findall(r"^::: nemovideo\.(\S+)", text, re.MULTILINE):
        found = [path.removesuffix(".py").rstrip("/") for path in named]
        assert any(f"nemovideo/{shown.replace('.', '/')}".startswith(path) for path in found)
