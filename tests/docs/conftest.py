"""The examples of the docs render with the fast engine, and poll without waiting a second."""

from __future__ import annotations

import pytest

from nemovideo.retry import Polling
from tests.support.fast_engine import backend_defaults


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(backend_defaults(), "engine", "fast")
    monkeypatch.setattr(Polling, "wait_s", lambda *_: 0.05)
