"""The progress of a whole job, over all its phases and processes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from nemovideo._progress.bar import OnProgress, reporting
from nemovideo._progress.single import time_left_s
from nemovideo._support.clock import Clock
from nemovideo.models import Progress, RenderJob

_JOB = {"upload": 0.15, "edit": 0.15, "render": 0.6, "download": 0.1}
_RENDER = {"render": 0.9, "download": 0.1}

log = logging.getLogger("nemovideo")


class Meter:
    """Adds up the phases by their weights, without ever decreasing.

    `fraction` and `elapsed_s` are the progress of earlier processes; `weights` are by phase.
    With `awaits_job`, nothing is reported until the service has reported the progress of a render
    that an earlier process submitted.
    """

    def __init__(
        self,
        clock: Clock,
        report: OnProgress | None,
        fraction: float = 0.0,
        elapsed_s: float = 0.0,
        *,
        weights: Mapping[str, float] = _JOB,
        awaits_job: bool = False,
    ) -> None:
        self._clock = clock
        self._report = report
        self._earlier_s = elapsed_s
        self._started = clock.monotonic() - elapsed_s
        self._weights = weights
        self._awaits_job = awaits_job
        self._phase = next(iter(weights))
        self._message = ""
        self._render_id: str | None = None
        self._begun: dict[str, float] = {}
        self._first_frames: tuple[float, float] | None = None  # their time, and the fraction
        self.fraction = fraction

    @property
    def elapsed_s(self) -> float:
        """Seconds spent so far, in all processes."""
        return self._clock.monotonic() - self._started

    def begin(self, phase: str, message: str) -> None:
        """Start a phase."""
        self._begun[phase] = self._clock.monotonic()
        self._phase, self._message = phase, message
        self._update(0.0)

    def bytes(self, done: int, total: int | None) -> None:
        """Record the progress of an upload or a download."""
        if self._phase == "upload":
            self._message = "Uploading…"
        self._update(done / total if total else 0.0)

    def job(self, job: RenderJob) -> None:
        """Record the progress of the render job."""
        self._message, self._render_id, self._awaits_job = "Rendering…", job.id, False
        part = 1.0 if job.completed else (job.progress or 0.0) / 100
        self._update(part)
        if part > 0 and self._first_frames is None:
            self._first_frames = self._clock.monotonic(), self.fraction

    def outage(self) -> None:
        """Report a lost connection."""
        self._awaits_job = False
        self.say("Connection lost; retrying…")

    def say(self, message: str) -> None:
        """Report a message, without progress."""
        self._message = message
        self._update(0.0)

    def end(self) -> None:
        """Report the finished result, and log the seconds of this run and its phases."""
        ends = [*self._begun.values(), self._clock.monotonic()][1:]
        phases = zip(self._begun, self._begun.values(), ends, strict=True)
        parts = [f"{phase} {end - began:.1f} s" for phase, began, end in phases]
        if self._earlier_s:
            parts.append(f"earlier runs {self._earlier_s:.1f} s")
        log.info(
            "job finished (%s) in %.1f s: %s", self._render_id, self.elapsed_s, ", ".join(parts)
        )
        self._phase, self._message, self.fraction = "download", "Video ready!", 1.0
        self._update(1.0)

    def _update(self, part: float) -> None:
        names = list(self._weights)
        done = sum(self._weights[name] for name in names[: names.index(self._phase)])
        fraction = min(1.0, done + self._weights[self._phase] * min(part, 1.0))
        self.fraction = fraction = max(fraction, self.fraction)
        if self._report is None or self._awaits_job:
            return
        elapsed, eta = self.elapsed_s, self._eta_s(fraction)
        phase, message = self._phase, self._message
        self._report(Progress(phase, fraction, elapsed, eta, message, self._render_id))

    def _eta_s(self, fraction: float) -> float | None:
        """Return the seconds left.

        Those of a render are estimated from its first frames, so that loading does not count.
        """
        left = None
        if self._phase != "render":
            if fraction > self._weights.get("upload", 0.0):
                left = time_left_s(self.elapsed_s, 0.0, fraction)
        elif self._first_frames is not None:
            at_s, first = self._first_frames
            left = time_left_s(self._clock.monotonic() - at_s, first, fraction)
        return None if left is None else round(left, 3)  # the weights add up to 1 - 1e-16


@contextmanager
def reporting_render(
    clock: Clock, progress: bool | OnProgress, on_job: Callable[[RenderJob], None] | None
) -> Iterator[Callable[[RenderJob], None] | None]:
    """Yield the callback of a render for `progress=`, which also calls the user's own."""
    with reporting(progress) as report:
        if report is None:
            yield on_job
            return
        meter = Meter(clock, report, weights=_RENDER)
        meter.begin("render", "Rendering…")

        def show(job: RenderJob) -> None:
            meter.job(job)
            if on_job is not None:
                on_job(job)

        yield show
        meter.end()
