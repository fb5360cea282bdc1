"""Two masks of one frame: who has left, and whom a network missed."""

from __future__ import annotations

import numpy as np
import pytest

from nemovideo.local.matte.engine import Mask
from nemovideo.local.matte.raster import Region
from nemovideo.local.matte.reconcile import Sighting, reconcile


def people(*lefts: int) -> Mask:
    mask = np.zeros((180, 320), dtype=np.float32)
    for left in lefts:
        mask[60:, left : left + 60] = 1
    return mask


def face_at(left: int) -> Region:
    face = np.zeros((180, 320), dtype=bool)
    face[70:90, left + 20 : left + 40] = True
    return face


def test_a_person_who_left_is_dropped_though_the_small_network_still_finds_them() -> None:
    correction = reconcile(people(20, 120, 220) * 0.99, people(20), [face_at(20)])
    assert not correction.use_small
    assert correction.keep is None


def test_a_person_with_a_face_is_kept_though_the_large_network_misses_them() -> None:
    correction = reconcile(people(20, 120, 220) * 0.9, people(20), [face_at(20), face_at(220)])
    assert correction.keep is not None
    assert correction.keep[120, 250] == 1
    assert correction.keep[120, 150] == 0


def test_the_small_mask_is_used_if_the_large_one_misses_every_face() -> None:
    assert reconcile(people(20), people(220), [face_at(20)]).use_small
    assert reconcile(people(20), people(220)).use_small


def test_an_area_from_the_small_network_is_added_without_a_seam() -> None:
    small = np.zeros((180, 320), dtype=np.float32)
    small[40:, 100:220] = 1
    large = small.copy()
    large[100:, 180:] = 0  # an arm next to the body
    keep = reconcile(small, large).keep
    assert keep is not None
    assert keep[120, 176:200].min() > 0.99
    assert keep[120, :160].max() == 0


@pytest.mark.parametrize(
    ("seen", "error", "kept"), [(1.0, 3, True), (1.0, 40, False), (0.5, 3, False)]
)
def test_half_a_head_is_kept_if_the_large_network_saw_it_before(
    seen: float, error: int, kept: bool
) -> None:
    small = people(100) * 0.9
    large = people(100)
    large[:90, 100:130] = 0
    sighting = Sighting(people(100) * seen, np.full((180, 320), error, dtype=np.uint8))
    keep = reconcile(small, large, earlier=lambda: [sighting]).keep
    assert bool(keep is not None and keep[75, 115] == 1) is kept
    assert reconcile(small, large).keep is None
