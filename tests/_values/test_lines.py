"""Times as text."""

from __future__ import annotations

import pytest

from nemovideo._values.lines import duration_text


@pytest.mark.parametrize(
    ("duration_s", "text"),
    [
        (1, "1 second"),
        (8, "8 seconds"),
        (7.54, "7.5 seconds"),
        (59.7, "1 minute"),
        (60, "1 minute"),
        (90, "1.5 minutes"),
        (600, "10 minutes"),
        (5430, "90 minutes"),
    ],
)
def test_a_duration_is_written_as_a_person_says_it(duration_s: float, text: str) -> None:
    assert duration_text(duration_s) == text
