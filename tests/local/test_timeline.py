"""Drafts as typed objects."""

from __future__ import annotations

import pytest

from nemovideo.local.timeline import Timeline


@pytest.mark.parametrize("width", [10**10, -(10**10), 10**400])
def test_a_number_out_of_range_is_named_whatever_its_size(width: int) -> None:
    with pytest.raises(ValueError, match="width in the draft is out of range"):
        Timeline.from_draft({"t": [], "m": {"width": width}})
