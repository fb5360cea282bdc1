"""The progress of a call with a single phase."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from nemovideo._progress.bar import OnProgress, reporting
from nemovideo.models import Progress


class Show(Protocol):
    """Reports the completed fraction, with a message in place of the usual one if given."""

    def __call__(self, fraction: float, message: str | None = None) -> None:
        """Report a fraction of 0.0 to 1.0."""
        ...


@contextmanager
def reporting_single(
    progress: bool | OnProgress, phase: str, message: str, finished: str
) -> Iterator[Show]:
    """Yield the function that reports a phase for `progress=`.

    The end of the block is reported with the message `finished`, unless it raises.
    """
    began_s = time.monotonic()
    usual = message
    with reporting(progress, start=message) as report:

        def show(fraction: float, message: str | None = None) -> None:
            if report is None:
                return
            elapsed_s = time.monotonic() - began_s
            eta_s = elapsed_s * (1 - fraction) / fraction if fraction > 0 else None
            report(Progress(phase, fraction, elapsed_s, eta_s, message or usual))

        yield show
        show(1.0, finished)
