"""The progress of a job: what callbacks receive."""

from __future__ import annotations

import logging

import pytest

from nemovideo._jobs.progress import Meter, reporting_render
from nemovideo.models import Progress, RenderJob
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


def test_the_seconds_in_the_log_of_a_resumed_job_add_up(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "nemovideo")
    clock = FakeClock()
    meter = Meter(clock, None, 0.3, 2.0)
    for phase in ("upload", "render", "download"):
        meter.begin(phase, phase)
        if phase == "render":
            meter.job(RenderJob("render_1", "completed", 100.0))
        clock.sleep(1.0)
    meter.end()
    assert caplog.messages[0] == (
        "job finished (render_1) in 5.0 s: "
        "upload 1.0 s, render 1.0 s, download 1.0 s, earlier runs 2.0 s"
    )


def test_a_render_alone_has_its_own_scale_and_calls_the_users_callback_too() -> None:
    seen: list[Progress] = []
    jobs: list[RenderJob] = []
    clock = FakeClock()
    with reporting_render(clock, seen.append, jobs.append) as on_job:
        assert on_job is not None
        for job in (RenderJob("r", "processing", 50.0), RenderJob("r", "completed", 100.0)):
            clock.sleep(1.0)
            on_job(job)
    assert [now.phase for now in seen] == ["render", "render", "render", "download"]
    assert [round(now.fraction, 2) for now in seen] == [0, 0.45, 0.9, 1]
    assert [now.render_id for now in seen] == [None, "r", "r", "r"]
    assert [job.status for job in jobs] == ["processing", "completed"]


def test_the_time_left_of_a_render_does_not_include_the_start() -> None:
    seen: list[Progress] = []
    clock = FakeClock()
    with reporting_render(clock, seen.append, None) as on_job:
        assert on_job is not None
        for progress, pause_s in ((0.0, 5.0), (1.0, 5.0), (11.0, 2.0)):
            clock.sleep(pause_s)
            on_job(RenderJob("r", "processing", progress))
    assert [now.eta_s for now in seen[:3]] == [None] * 3
    assert seen[3].eta_s == pytest.approx(2 / 9 * (100 - 0.9 * 11), abs=0.01)
    assert seen[3].elapsed_s == 12
