"""The progress of a job: what callbacks get."""

from __future__ import annotations

from nemovideo._jobs.progress import Meter
from nemovideo.models import Progress
from nemovideo.testing import FakeClock


def test_the_time_left_is_exactly_zero_at_the_end() -> None:
    clock = FakeClock()
    seen: list[Progress] = []
    meter = Meter(clock, seen.append)
    for phase in ("upload", "edit", "render", "download"):
        meter.begin(phase, phase)
        clock.sleep(1.0)
    meter.bytes(10, 10)
    assert seen[-1].eta_s == 0.0
    meter.end()
    assert (seen[-1].fraction, seen[-1].eta_s) == (1.0, 0.0)
