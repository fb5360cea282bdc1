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


def time_left_s(elapsed_s: float, first: float, fraction: float) -> float | None:
    """Return the seconds left, if work took `elapsed_s` to get from `first` to `fraction`.

    None if it is not known yet.
    """
    if fraction >= 1:
        return 0.0
    return elapsed_s * (1 - fraction) / (fraction - first) if fraction > first else None


@contextmanager
def reporting_single(
    progress: bool | OnProgress, phase: str, message: str, finished: str
) -> Iterator[Show]:
    """Yield the function that reports a phase for `progress=`.

    The end of the block is reported with the message `finished`, unless it raises. The time left is
    estimated starting with the first report: what comes before, such as loading a model, is not
    repeated.
    """
    began_s = time.monotonic()
    usual = message
    first: tuple[float, float] | None = None  # the time and fraction of the first report
    with reporting(progress, start=message) as report:

        def show(fraction: float, message: str | None = None) -> None:
            nonlocal first
            if report is None:
                return
            now_s = time.monotonic()
            first = first or (now_s, fraction)
            eta_s = time_left_s(now_s - first[0], first[1], fraction)
            report(Progress(phase, fraction, now_s - began_s, eta_s, message or usual))

        yield show
        show(1.0, finished)
