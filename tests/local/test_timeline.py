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


def test_drafts_keep_their_keys() -> None:
    clip = Clip("video", 5000, "a.mp4", rotation_deg=90)
    timeline = Timeline((clip,), has_custom_size=True, has_custom_fps=True)
    draft = timeline.to_draft()
    assert draft["t"][0]["sg"][0]["m"]["turn"] == 90
    assert (draft["m"]["shaped"], draft["m"]["rated"]) == (True, True)
    assert Timeline.from_draft(draft) == timeline


@pytest.mark.parametrize("value", ["sideways", 10**10])
def test_an_invalid_value_is_reported_under_its_key(value: object) -> None:
    segment = {"d": 5000, "m": {"kind": "video", "name": "a.mp4", "turn": value}}
    with pytest.raises(ValueError, match="turn"):
        Timeline.from_draft({"t": [{"tt": 0, "sg": [segment]}]})
