"""Drafts as typed objects."""

from __future__ import annotations

import pytest

from nemovideo.local.timeline import Clip, Overlay, Timeline, Title


@pytest.mark.parametrize("width", [10**10, -(10**10), 10**400])
def test_a_number_out_of_range_is_named_whatever_its_size(width: int) -> None:
    with pytest.raises(ValueError, match="width in the draft is out of range"):
        Timeline.from_draft({"t": [], "m": {"width": width}})


def test_only_titles_and_overlays_shown_at_the_same_time_are_counted() -> None:
    assert (Timeline().part_count, Timeline().max_overlaid) == (0, 0)
    titles = (Title("a", 1000), Title("b", 1000, start_ms=1000), Title("c", 1000, start_ms=1500))
    logo = Overlay("m1", "logo.png", 5000)
    timeline = Timeline((Clip("card", 5000, "c"),), titles=titles, overlays=(logo,))
    assert (timeline.part_count, timeline.max_overlaid) == (5, 3)
