"""No test of the flows may leave a thread behind."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _no_thread_leaks() -> Iterator[None]:
    before = {thread for thread in threading.enumerate() if thread.name == "nemovideo-stream"}
    yield
    after = {thread for thread in threading.enumerate() if thread.name == "nemovideo-stream"}
    assert after <= before
    gc.collect()  # an unclosed socket warns now, and warnings are errors
