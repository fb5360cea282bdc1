"""The progress of a call with a single phase."""

from __future__ import annotations

from functools import partial

import pytest

from nemovideo._progress.single import reporting_single
from nemovideo.models import Progress


def test_a_callback_gets_the_fractions_and_the_end() -> None:
    seen: list[Progress] = []
    with reporting_single(seen.append, "write", "Writing…", "Video ready!") as show:
        show(0.0, "Writing frame 1…")
        show(0.25)
    assert [(now.phase, now.fraction, now.message) for now in seen] == [
        ("write", 0.0, "Writing frame 1…"),
        ("write", 0.25, "Writing…"),
        ("write", 1.0, "Video ready!"),
    ]
    assert seen[0].eta_s is None
    assert seen[1].eta_s == pytest.approx(3 * (seen[1].elapsed_s - seen[0].elapsed_s))
    assert seen[2].eta_s == 0


def test_the_time_left_does_not_include_what_precedes_the_first_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    times_s = iter([0.0, 10.0, 11.0, 100.0])
    monkeypatch.setattr("nemovideo._progress.single.time.monotonic", partial(next, times_s))
    seen: list[Progress] = []
    with reporting_single(seen.append, "frames", "Reading frames…", "All frames read") as show:
        show(0.01)
        show(0.02)
    assert [now.elapsed_s for now in seen] == [10, 11, 100]
    assert [now.eta_s for now in seen] == [None, pytest.approx(98), 0]


def test_after_an_error_completion_is_not_reported() -> None:
    seen: list[Progress] = []

    def call() -> None:
        with reporting_single(seen.append, "write", "Writing…", "Video ready!") as show:
            show(0.5)
            raise ValueError

    with pytest.raises(ValueError):
        call()
    assert [now.fraction for now in seen] == [0.5]


def test_a_bar_starts_with_the_message_of_the_call(capsys: pytest.CaptureFixture[str]) -> None:
    with reporting_single(True, "write", "Writing…", "Video ready!") as show:
        show(0.5)
    drawn = capsys.readouterr().err
    assert "Writing…   0%" in drawn
    assert "Connecting" not in drawn
    assert "Video ready! 100%" in drawn


def test_nothing_is_drawn_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    with reporting_single(False, "write", "Writing…", "Video ready!") as show:
        show(0.5)
    assert capsys.readouterr().err == ""
