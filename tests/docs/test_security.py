"""The security page: every promise names a test, and the test exists."""

from __future__ import annotations

import re

from tests.support import ROOT


def test_every_promise_is_verified_by_a_test() -> None:
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    lines = re.findall(r"^\| (.+) \|$", page, re.MULTILINE)
    rows = [line for line in lines if "verified by" not in line]
    missing = []
    for row in rows:
        found = re.search(r"`(tests/[\w/]+\.py)::(\w+)`$", row)
        assert found, row
        path = ROOT / found[1]
        if not path.exists() or f"def {found[2]}(" not in path.read_text(encoding="utf-8"):
            missing.append(found[0])
    assert len(rows) > 30
    assert missing == []
