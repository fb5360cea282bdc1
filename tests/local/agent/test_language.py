"""Figures are read in linear time."""

from __future__ import annotations

import time

import pytest

from nemovideo.local.agent.language import digits, mark_times

_FIGURES = ("1", "1.", "1 ", "一", "十", "百分之", "1 and a half ", "a half ", "1s ", "第1", "2-")


@pytest.mark.parametrize("read", [digits, mark_times])
def test_figures_are_read_in_linear_time(read: object) -> None:
    assert callable(read)

    def seconds(figure: str, count: int) -> float:
        text = (figure * count)[:count]
        began = time.process_time()
        read(text)
        return time.process_time() - began

    slow = [
        figure
        for figure in _FIGURES
        if all(seconds(figure, 40_000) > 3 * seconds(figure, 20_000) + 0.05 for _ in range(3))
    ]
    assert slow == []
