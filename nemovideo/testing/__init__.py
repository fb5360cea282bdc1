"""For tests of programs that use nemovideo: a pytest fixture, a clock that never waits, recordings.

`nemovideo_backend` is a real backend on this machine. `record` writes a session with any backend,
including the cloud, to a file that `replay` plays back in a test.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nemovideo.testing.fake_clock import FakeClock

if TYPE_CHECKING:
    from nemovideo.local import LocalBackend
    from nemovideo.testing.cassettes import Recording, Replay, record, replay

__all__ = ["FakeClock", "Recording", "Replay", "nemovideo_backend", "record", "replay"]


if not TYPE_CHECKING:  # a type checker would accept any name

    def __getattr__(name: str) -> object:
        """Load the cassettes on first use, since every start of pytest loads this plugin."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from nemovideo.testing import cassettes

        return getattr(cassettes, name)


@pytest.fixture
def nemovideo_backend(tmp_path: Path) -> Iterator[LocalBackend]:
    """A running `LocalBackend` with the real agent and renderer, new for each test.

    Raises:
        MissingExtraError: The extra [local] is not installed.
    """
    from nemovideo.local import LocalBackend

    with LocalBackend(tmp_path / "nemovideo-backend", engine="fast") as backend:
        yield backend
