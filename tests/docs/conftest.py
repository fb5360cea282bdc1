"""The examples of the docs render with the fast engine: the default one takes ten times as long."""

from __future__ import annotations

import pytest

from tests.support.fast_engine import backend_defaults


@pytest.fixture(autouse=True)
def _fast_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(backend_defaults(), "engine", "fast")
