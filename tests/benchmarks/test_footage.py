"""The comparison of footage: a sample of clips is within limits, and a wrong one is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.footage import (
    CLOCKS,
    ENCODINGS,
    ORIENTATIONS,
    Encoding,
    card,
    compared,
    rendered,
    set_display_matrix,
    write,
)


@pytest.mark.parametrize(
    "encoding", ENCODINGS, ids=lambda encoding: f"{encoding.codec} {encoding.pixels}"
)
def test_footage_is_within_four_levels_and_one_frame(tmp_path: Path, encoding: Encoding) -> None:
    at = ENCODINGS.index(encoding)
    clock = [*CLOCKS][at % len(CLOCKS)]
    matrix = [*ORIENTATIONS.values()][at % 8]
    path = write(tmp_path / "a.mov", ENCODINGS[at], CLOCKS[clock], tagged=at % 2 == 0)
    frames = rendered(set_display_matrix(path, matrix), tmp_path / "o.mp4")
    rate = float((tmp_path / "o.rate").read_text())
    levels, off = compared(frames, clock, matrix, rate, gray=ENCODINGS[at].pixels == "gray")
    assert levels <= 4
    assert off <= 1


def test_a_wrong_picture_exceeds_the_limit() -> None:
    frames = [card(n, gray=False)[:, ::-1] for n in range(12)]
    levels, _ = compared(frames, "constant", ORIENTATIONS["upright"], 25.0, gray=False)
    assert levels > 50
