"""The engine "fine": key frames, what lies between them, and what is not believed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from nemovideo.local.matte import Cut
from nemovideo.local.matte.engine import Mask, Picture
from nemovideo.local.matte.fine import FineCutter
from tests.support.matte import PictureView, Watched, agreement, scene


class Changed(Watched):
    """An engine whose n-th answers are changed."""

    def __init__(self, changes: Callable[[int, Mask], Mask]) -> None:
        super().__init__()
        self.changes = changes

    def mask(self, picture: Picture) -> Mask:
        return self.changes(len(self.shown), super().mask(picture))


def textured(picture: Picture) -> Picture:
    """The picture with something on every surface that its motion can be seen by."""
    height, width = picture.shape[:2]
    rows, columns = np.arange(height)[:, np.newaxis], np.arange(width)[np.newaxis]
    person = picture[..., 0] > 120
    left = int(person.any(axis=0).argmax())
    pattern = np.where(person, (columns - left) * 5 % 40, rows * 3 % 40) - 20
    made: Picture = (picture + pattern[..., np.newaxis] // 2).clip(0, 255).astype(np.uint8)
    return made


def cuts(
    pictures: Sequence[Picture], *, small: Watched | None = None, strong: Watched | None = None
) -> list[Cut]:
    cutter = FineCutter(small or Watched(), None, strong or Watched())
    views = [PictureView(picture) for picture in pictures]
    followed = list(cutter.follow(views))
    assert [view for view, _ in followed] == views
    return [cut for _, cut in followed]


def walk(count: int, step: int = 2) -> list[Picture]:
    return [textured(scene((60 + step * n, 60, 160 + step * n, 240))) for n in range(count)]


@pytest.mark.parametrize("step", [0, 2, 9])
def test_masks_between_key_frames_move_along_with_the_picture(step: int) -> None:
    pictures, strong = walk(15, step), Watched()
    for cut, picture in zip(cuts(pictures, strong=strong), pictures, strict=True):
        assert agreement(cut, picture) > 0.93


def test_the_strong_network_sees_few_frames_where_little_moves_and_more_where_much_does() -> None:
    shown = []
    for step in (0, 9):
        strong = Watched()
        cuts(walk(24, step), strong=strong)
        shown.append(len(strong.shown))
    assert shown[0] <= 6
    assert shown[1] >= 12


def test_looks_are_a_matter_of_time_not_of_frames() -> None:
    shown = []
    for fps in (5, 30, 60):
        strong = Watched()
        cutter = FineCutter(Watched(), None, strong, fps=fps)
        assert len(list(cutter.follow([PictureView(one) for one in walk(61, 0)]))) == 61
        shown.append(len(strong.shown))
    assert shown == [31, 11, 6]


@pytest.mark.parametrize("answer", [0.0, 1.0])
def test_one_answer_that_no_neighbor_shares_is_not_believed(answer: float) -> None:
    pictures = walk(24)
    strong = Changed(lambda n, mask: np.full_like(mask, answer) if n == 3 else mask)
    for cut, picture in zip(cuts(pictures, strong=strong), pictures, strict=True):
        assert agreement(cut, picture) > 0.9


def test_where_the_strong_network_loses_the_person_the_small_one_stands() -> None:
    pictures = walk(12)
    strong = Changed(lambda n, mask: np.zeros_like(mask))
    for cut, picture in zip(cuts(pictures, strong=strong), pictures, strict=True):
        assert agreement(cut, picture) > 0.9


def test_who_only_the_strong_network_sees_is_kept() -> None:
    pictures = walk(12)
    small = Changed(lambda n, mask: np.zeros_like(mask))
    for cut, picture in zip(cuts(pictures, small=small), pictures, strict=True):
        assert agreement(cut, picture) > 0.9


def test_where_nobody_is_nothing_is_kept() -> None:
    for cut in cuts([textured(scene()) for _ in range(9)]):
        assert cut.nobody
        assert cut.mask.max() == 0


@pytest.mark.parametrize("times", [[1, 2], [3, 1, 1], [9], [1, 1, 9]])
def test_pictures_that_stand_are_cut_once(times: list[int]) -> None:
    pictures = walk(12)
    views = [
        view
        for n, view in enumerate(PictureView(picture) for picture in pictures)
        for _ in range(times[n % len(times)])
    ]
    followed = list(FineCutter(Watched(), None, Watched()).follow(views))
    assert [view for view, _ in followed] == views
    assert len({id(cut) for _, cut in followed}) == len(pictures)


def test_another_shot_begins_anew() -> None:
    left, right = (
        textured(scene((10, 100, 90, 240))),
        textured(scene((200, 60, 300, 240), wall=(100, 180, 255))),
    )
    pictures = [left] * 4 + [right] * 4
    for cut, picture in zip(cuts(pictures), pictures, strict=True):
        assert agreement(cut, picture) > 0.93
