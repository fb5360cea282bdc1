"""A short run of `benchmarks/soak.py` in its own process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).parents[2] / "benchmarks" / "soak.py"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_calls_streams_and_forks_leak_nothing() -> None:
    done = subprocess.run(
        [sys.executable, SOAK, "--share", "0.05"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
