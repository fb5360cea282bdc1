"""The engine "fine": key frames, propagation between them, and outliers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from weakref import WeakSet

import cv2
import numpy as np
import pytest

from nemovideo.local.matte import Cut
from nemovideo.local.matte.engine import Mask, Picture
from nemovideo.local.matte.fine import FineCutter
from nemovideo.local.matte.propagation import Propagated, between
from tests.support.matte import PictureView, Watched, agreement, scene


class Changed(Watched):
    """An engine whose n-th mask is changed."""

    def __init__(self, changes: Callable[[int, Mask], Mask]) -> None:
        super().__init__()
        self.changes = changes

    def mask(self, picture: Picture) -> Mask:
        return self.changes(len(self.shown), super().mask(picture))


def textured(picture: Picture) -> Picture:
    """Return the picture with a texture on every surface, for optical flow."""
    height, width = picture.shape[:2]
    rows, columns = np.arange(height)[:, np.newaxis], np.arange(width)[np.newaxis]
    person = picture[..., 0] > 120
    left = int(person.any(axis=0).argmax())
    pattern = np.where(person, (columns - left) * 5 % 40, rows * 3 % 40) - 20
    marked: Picture = (picture + pattern[..., np.newaxis] // 2).clip(0, 255).astype(np.uint8)
    return marked


def cuts(
    pictures: Sequence[Picture], *, small: Watched | None = None, large: Watched | None = None
) -> list[Cut]:
    cutter = FineCutter(small or Watched(), None, large or Watched())
    views = [PictureView(picture) for picture in pictures]
    followed = list(cutter.cut_frames(views))
    assert [view for view, _ in followed] == views
    return [cut for _, cut in followed]


def walk(count: int, step: int = 2) -> list[Picture]:
    return [textured(scene((60 + step * n, 60, 160 + step * n, 240))) for n in range(count)]


@pytest.mark.parametrize("step", [0, 2, 9])
def test_masks_between_key_frames_follow_the_motion(step: int) -> None:
    pictures, large = walk(15, step), Watched()
    for cut, picture in zip(cuts(pictures, large=large), pictures, strict=True):
        assert agreement(cut, picture) > 0.93


def test_fast_motion_makes_more_key_frames() -> None:
    shown = []
    for step in (0, 9):
        large = Watched()
        cuts(walk(24, step), large=large)
        shown.append(len(large.shown))
    assert shown[0] <= 3
    assert shown[1] >= 5


def test_motion_that_the_flow_loses_makes_even_more_key_frames() -> None:
    places = (40, 200, 90, 240, 20, 150)
    pictures = [
        textured(scene((left, 60, left + 100, 240))) for left in (places[n % 6] for n in range(24))
    ]
    large = Watched()
    cuts(pictures, large=large)
    assert len(large.shown) >= 8


def test_a_moving_camera_alone_makes_no_more_key_frames() -> None:
    noise = np.random.default_rng(1).normal(size=(240, 600)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 6)
    texture = (smooth / np.abs(smooth).max() * 45)[..., np.newaxis]
    block = scene((120, 60, 220, 240)).astype(np.float32)
    person = block[..., :1] > 120
    shown = []
    for step in (0, 1):
        large = Watched()
        pictures = [
            np.where(person, block + texture[:, 280:], 60 + texture[:, step * n : step * n + 320])
            .clip(0, 255)
            .astype(np.uint8)
            for n in range(40)
        ]
        for cut, picture in zip(cuts(pictures, large=large), pictures, strict=True):
            assert agreement(cut, picture) > 0.9
        shown.append(len(large.shown))
    assert shown[1] <= shown[0] + 1


def test_the_whole_frame_is_searched_again_only_if_the_picture_around_the_people_changed() -> None:
    small, large = Watched(), Watched()
    cuts(walk(60, 0), small=small, large=large)
    assert len(small.shown) == len(large.shown) + 1


def test_a_person_who_enters_is_kept_between_key_frames_too() -> None:
    standing = (20, 60, 100, 240)
    pictures = [
        textured(scene(standing, (max(200, 320 - 10 * n), 60, max(200, 320 - 10 * n) + 90, 240)))
        for n in range(36)
    ]
    pairs = list(zip(cuts(pictures), pictures, strict=True))
    for cut, picture in pairs[14:]:
        assert agreement(cut, picture) > 0.9


def test_the_rate_of_key_frames_is_per_second_not_per_frame() -> None:
    shown = []
    for fps in (5, 15, 30):
        large = Watched()
        cutter = FineCutter(Watched(), None, large, fps=fps)
        assert len(list(cutter.cut_frames([PictureView(one) for one in walk(25, 0)]))) == 25
        shown.append(len(large.shown))
    assert shown == [9, 4, 3]


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_single_wrong_mask_has_no_effect(value: float) -> None:
    pictures = walk(24)
    large = Changed(lambda n, mask: np.full_like(mask, value) if n == 3 else mask)
    for cut, picture in zip(cuts(pictures, large=large), pictures, strict=True):
        assert agreement(cut, picture) > 0.9


def test_half_a_head_that_the_large_network_loses_for_two_key_frames_is_kept() -> None:
    def half_lost(count: int, mask: Mask) -> Mask:
        if count in (1, 2):
            rows, columns = np.nonzero(mask > 0.5)
            top, left, right = rows.min(), columns.min(), columns.max()
            mask[: (3 * top + rows.max()) // 4, left : (left + right) // 2] = 0
        return mask

    pictures, small = walk(60), Changed(lambda _, mask: mask * np.float32(0.74))
    for cut, picture in zip(
        cuts(pictures, small=small, large=Changed(half_lost)), pictures, strict=True
    ):
        assert agreement(cut, picture) > 0.93


def test_legs_that_the_small_network_misses_are_kept() -> None:
    class Shirts(Watched):
        def mask(self, picture: Picture) -> Mask:
            return super().mask(picture) * (picture[..., 1] > 160)

    picture = scene((130, 20, 190, 220))
    picture[110:220, 130:190] = (180, 120, 100)
    for cut in cuts([textured(picture)] * 40, small=Shirts())[20:]:
        assert agreement(cut, picture) > 0.95


def test_the_small_network_is_the_fallback_if_the_large_one_finds_nobody() -> None:
    pictures = walk(12)
    large = Changed(lambda n, mask: np.zeros_like(mask))
    for cut, picture in zip(cuts(pictures, large=large), pictures, strict=True):
        assert agreement(cut, picture) > 0.9


def test_a_person_whom_only_the_large_network_finds_is_kept() -> None:
    pictures = walk(12)
    small = Changed(lambda n, mask: np.zeros_like(mask))
    for cut, picture in zip(cuts(pictures, small=small), pictures, strict=True):
        assert agreement(cut, picture) > 0.9


def test_an_empty_scene_has_empty_masks() -> None:
    for cut in cuts([textured(scene()) for _ in range(9)]):
        assert cut.no_person
        assert cut.mask.max() == 0


@pytest.mark.parametrize("times", [[3, 1, 1], [9]])
def test_repeated_frames_are_cut_once(times: list[int]) -> None:
    pictures = walk(12)
    views = [
        view
        for n, view in enumerate(PictureView(picture) for picture in pictures)
        for _ in range(times[n % len(times)])
    ]
    followed = list(FineCutter(Watched(), None, Watched()).cut_frames(views))
    assert [view for view, _ in followed] == views
    assert len({id(cut) for _, cut in followed}) == len(pictures)


def test_the_farther_key_frame_weighs_more_than_its_distance_suggests() -> None:
    sure = np.ones((4, 4), dtype=np.float32)
    empty, full = Propagated(np.zeros_like(sure), sure), Propagated(sure, sure)
    assert 0.3 < between(empty, full, 0.25).mean() < 0.4
    assert between(empty, full, 0.5).mean() == pytest.approx(0.5)


def test_frames_are_released_once_they_are_cut() -> None:
    alive: WeakSet[PictureView] = WeakSet()
    most = 0

    def views() -> Iterator[PictureView]:
        for picture in walk(60, 0):
            yield view_of(picture)

    def view_of(picture: Picture) -> PictureView:
        view = PictureView(picture)
        alive.add(view)
        return view

    for _ in FineCutter(Watched(), None, Watched()).cut_frames(views()):
        most = max(most, len(alive))
    assert most <= 2 * 16 + 3  # two spans between key frames, and the frames in use


def test_a_cut_starts_a_new_scene() -> None:
    left, right = (
        textured(scene((10, 100, 90, 240))),
        textured(scene((200, 60, 300, 240), wall=(100, 180, 255))),
    )
    pictures = [left] * 4 + [right] * 4
    for cut, picture in zip(cuts(pictures), pictures, strict=True):
        assert agreement(cut, picture) > 0.93
