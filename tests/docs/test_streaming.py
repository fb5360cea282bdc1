"""The examples of the page on streaming run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.test_docs import DOCS, run_page


def test_the_examples_of_the_page_on_streaming_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_page(DOCS / "streaming.md") == 6
