"""Every Python example of the documents runs, page by page, from top to bottom."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
SERVERLESS = ("drafts.md",)
"""Pages whose examples need no server; they run in an empty folder, in one namespace a page."""

_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def run_page(page: Path) -> int:
    """Run a page's ```python blocks and return how many there were; lines count as in the page."""
    text = page.read_text(encoding="utf-8")
    namespace: dict[str, object] = {"__name__": page.stem}
    blocks = list(_BLOCK.finditer(text))
    for block in blocks:
        lines_above = text.count("\n", 0, block.start(1))
        code = compile("\n" * lines_above + block[1], str(page), "exec", dont_inherit=True)
        exec(code, namespace)
    return len(blocks)


@pytest.mark.parametrize("page", SERVERLESS)
def test_the_examples_of_a_page_run(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_page(DOCS / page)


@pytest.mark.parametrize("page", sorted(DOCS.glob("**/*.md")), ids=lambda page: page.stem)
def test_the_pictures_of_a_page_are_there_and_small(page: Path) -> None:
    for address in re.findall(r"!\[[^]]*\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / address).stat().st_size < 60_000
