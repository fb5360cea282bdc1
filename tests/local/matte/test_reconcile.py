"""Two opinions on one frame: who has left, and who was lost."""

from __future__ import annotations

import numpy as np

from nemovideo.local.matte.engine import Mask
from nemovideo.local.matte.raster import Region
from nemovideo.local.matte.reconcile import judged


def people(*lefts: int) -> Mask:
    mask = np.zeros((180, 320), dtype=np.float32)
    for left in lefts:
        mask[60:, left : left + 60] = 1
    return mask


def face_at(left: int) -> Region:
    face = np.zeros((180, 320), dtype=bool)
    face[70:90, left + 20 : left + 40] = True
    return face


def test_who_left_is_not_kept_because_the_small_network_goes_on_seeing_them() -> None:
    verdict = judged(people(20, 120, 220) * 0.99, people(20), [face_at(20)])
    assert not verdict.small_stands
    assert verdict.keep is None


def test_who_shows_a_face_is_kept_though_the_strong_network_lost_them() -> None:
    verdict = judged(people(20, 120, 220) * 0.9, people(20), [face_at(20), face_at(220)])
    assert verdict.keep is not None
    assert verdict.keep[120, 250] == 1
    assert verdict.keep[120, 150] == 0


def test_where_the_strong_network_sees_no_face_it_has_lost_the_person() -> None:
    assert judged(people(20), people(220), [face_at(20)]).small_stands
    assert judged(people(20), people(220)).small_stands


def test_what_only_the_small_network_keeps_leaves_no_line_where_it_meets_the_rest() -> None:
    small = np.zeros((180, 320), dtype=np.float32)
    small[40:, 100:220] = 1
    strong = small.copy()
    strong[100:, 180:] = 0  # an arm that the strong network lost, beside the body
    keep = judged(small, strong).keep
    assert keep is not None
    assert keep[120, 176:200].min() > 0.99
    assert keep[120, :160].max() == 0
