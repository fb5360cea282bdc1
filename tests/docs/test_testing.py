"""The page on testing: its examples run, and then the tests in them, as a user would run them."""

from __future__ import annotations

import re

import pytest

from nemovideo.local import LocalBackend
from nemovideo.local.models import cache_dir
from tests.docs.test_docs import DOCS, run_page
from tests.support.media import make_clip

pytest_plugins = ("pytester",)

PAGE = DOCS / "testing.md"
CACHE = cache_dir().parent  # pytester sets another home, where the model is not cached


def test_the_examples_and_the_tests_on_testing_run(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(CACHE))
    make_clip(pytester.path / "talk.mp4", seconds=0.4)
    with LocalBackend() as cloud:
        monkeypatch.setenv("NEMO_API_URL", cloud.url)
        assert run_page(PAGE)
    # From here on the "cloud" is gone; the cassette that the page has recorded is there.
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    tests = [block for block in blocks if not re.search(r"\brecord\(", block)]
    pytester.makepyfile("\n".join(tests))
    pytester.runpytest_subprocess("-W", "error").assert_outcomes(passed=3)
