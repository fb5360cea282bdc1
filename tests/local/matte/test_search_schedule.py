"""When frames are searched for new people: early after motion, rarely without."""

from __future__ import annotations

import numpy as np
import pytest

from nemovideo.local.matte import Cutter
from nemovideo.local.matte.engine import Picture
from nemovideo.local.matte.search_schedule import SearchSchedule
from nemovideo.local.matte.tracking import Box
from tests.support.matte import PictureView, Watched, agreement, scene

PERSON: Box = (90, 60, 180, 240)


def searched(pictures: list[Picture], tracked: list[Box]) -> list[int]:
    """Return the numbers of the pictures that are due."""
    schedule = SearchSchedule()
    due = []
    for number, picture in enumerate(pictures):
        schedule.count()
        if schedule.is_due(PictureView(picture), tracked):
            due.append(number)
    return due


def noisy(picture: Picture, seed: int) -> Picture:
    noise = np.random.default_rng(seed).normal(0, 6, picture.shape)
    return (picture + noise).clip(0, 255).astype(np.uint8)


def test_without_motion_around_tracked_people_the_frame_is_searched_every_90_frames() -> None:
    pictures = [noisy(scene((90 + n % 8, 60, 172 + n % 8, 240)), n) for n in range(100)]
    assert searched(pictures, [PERSON]) == [0, 90]


def test_with_motion_around_them_it_is_searched_every_12_frames() -> None:
    pictures = [scene(PERSON) for _ in range(30)]
    for number, picture in enumerate(pictures):
        picture[40:80, 220:260] = number * 3 % 200
    assert searched(pictures, [PERSON]) == [0, 12, 24]


def test_motion_is_relative_to_the_last_search() -> None:
    before, after = scene(PERSON), scene(PERSON, (220, 100, 280, 240))
    assert searched([before] * 20 + [after] * 90, [PERSON]) == [0, 20]


def test_an_empty_scene_is_searched_every_8_frames() -> None:
    assert searched([scene()] * 30, []) == [0, 8, 16, 24]


def test_a_new_scene_is_searched_immediately() -> None:
    schedule, view = SearchSchedule(), PictureView(scene(PERSON))
    assert schedule.is_due(view, [])
    assert not schedule.is_due(view, [PERSON])
    schedule.reset()
    assert schedule.is_due(view, [PERSON])


@pytest.mark.parametrize("second", [(210, 80, 290, 240), (4, 60, 70, 240)])
def test_a_person_who_joins_is_found_within_40_frames(second: Box) -> None:
    alone, both = scene(PERSON), scene(PERSON, second)
    views = [PictureView(picture) for picture in [alone] * 40 + [both] * 40]
    cuts = [cut for _, cut in Cutter(Watched()).cut_frames(views)]
    assert agreement(cuts[39], alone) > 0.93
    assert agreement(cuts[-1], both) > 0.93
