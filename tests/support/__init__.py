"""What the tests share: generated clips, servers, clients, and readers of results."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

WITH_FAST_ENGINE = [sys.executable, str(ROOT / "tests" / "support" / "fast_engine.py")]
"""A command that runs the script or the `-m` module in its arguments with the fast engine."""
