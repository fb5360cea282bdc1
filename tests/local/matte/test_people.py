"""Tracking, boxes, regions, edges and smoothing, and the real engine on a real clip."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from nemovideo.local.matte import Cut, Cutter, SelfieSegmentation
from nemovideo.local.matte.distant_faces import distant_faces
from nemovideo.local.matte.edges import guided, levels
from nemovideo.local.matte.engine import Mask, Picture
from nemovideo.local.matte.faces import FaceFinder
from nemovideo.local.matte.people import People
from nemovideo.local.matte.regions import main_people, region_at, regions_of
from nemovideo.local.matte.smoothing import between, motion, relative_change, stabilized
from nemovideo.local.matte.tracking import (
    Box,
    Size,
    Thumbnail,
    is_scene_change,
    overlap_share,
    person_box,
    resampled_to_box,
    side_by_side,
    stabilized_box,
    wider,
    with_min_aspect,
)
from nemovideo.local.render import render
from nemovideo.local.timeline import Background
from tests.support.matte import PictureView, Watched, agreement, scene
from tests.support.render import carphone, decode, item, timeline_of

GREEN = (0, 177, 64)
SIZE = (320, 240)


@pytest.fixture(scope="module")
def engine() -> SelfieSegmentation:
    return SelfieSegmentation()


@pytest.fixture(scope="module")
def pictures() -> list[Picture]:
    with av.open(str(carphone())) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return [frame.astype(np.uint8) for frame in frames]


class KnownFaces(FaceFinder):
    """A face detector with a fixed result."""

    side = 64

    def __init__(self, faces: list[Box]) -> None:
        self.faces = faces

    def find(self, picture: Picture, size: Size) -> list[Box]:
        return self.faces


def cuts(engine: Watched, pictures: Iterable[Picture]) -> list[Cut]:
    return [cut for _, cut in Cutter(engine).cut_frames(PictureView(p) for p in pictures)]


def test_the_engine_separates_the_man_from_the_car(
    engine: SelfieSegmentation, pictures: list[Picture]
) -> None:
    mask = engine.mask(pictures[0])
    assert mask.shape == (256, 256)
    assert mask.dtype == np.float32
    assert mask[90:150, 110:150].mean() > 0.9, "the face"
    assert mask[220:, 100:200].mean() > 0.9, "the jacket"
    assert mask[:90, 210:].mean() < 0.1, "the car's window"
    assert mask[:20].mean() < 0.1, "the car's roof"


def test_a_face_is_found_and_none_on_a_wall(pictures: list[Picture]) -> None:
    faces = FaceFinder()
    view = PictureView(pictures[0])
    (face,) = faces.find(view.picture((0, 0, 176, 144), (faces.side, faces.side)), (176, 144))
    assert overlap_share(face, (65, 40, 115, 100)) > 0.7
    wall = PictureView(scene())
    assert faces.find(wall.picture((0, 0, *SIZE), (faces.side, faces.side)), SIZE) == []


def test_a_distant_face_is_found_in_a_wide_shot(
    pictures: list[Picture],
) -> None:
    faces = FaceFinder()
    wide = scene(size=(1280, 720))
    small = Image.fromarray(pictures[0]).resize((88, 72), Image.Resampling.LANCZOS)
    wide[400:472, 800:888] = np.asarray(small)
    view = PictureView(wide)
    assert faces.find(view.picture((0, 0, 1280, 720), (faces.side, faces.side)), view.size) == []
    (face,) = distant_faces(view, faces)
    assert overlap_share(face, (832, 420, 858, 450)) > 0.7
    assert distant_faces(PictureView(scene(size=(1280, 720))), faces) == []


def test_a_wide_box_is_split_into_overlapping_parts() -> None:
    assert side_by_side((100, 50, 300, 450)) == [(100, 50, 300, 450)]
    parts = side_by_side((40, 300, 1240, 700))
    assert len(parts) > 2
    assert parts[0][0] == 40
    assert parts[-1][2] == 1240
    assert all(left[2] - right[0] > 100 for left, right in itertools.pairwise(parts))


def test_the_car_is_removed_and_the_man_kept(
    tmp_path: Path, engine: SelfieSegmentation, pictures: list[Picture]
) -> None:
    car = item(carphone())
    timeline = timeline_of(car, background=Background("color", color="#00b140"), duration_ms=1000)
    result = render(timeline, {"m1": car}, tmp_path / "o.mp4", engine=engine)
    seen = decode(result.path)
    assert result.warnings == ()
    assert len(seen.frames) == 30
    assert seen.frames[0].shape == (144, 176, 3)
    for number in (0, 10, 20, 29):
        after, before = seen.frames[number].astype(int), pictures[number].astype(int)
        for corner in (np.s_[4:30, 4:30], np.s_[4:30, 150:172], np.s_[60:100, 4:20]):
            assert np.abs(after[corner] - GREEN).mean() < 8
        assert np.abs(after - before)[120:140, 60:110].mean() < 12, "the shirt"
        there = np.abs(after - GREEN).sum(axis=-1) > 60
        assert 0.25 < there.mean() < 0.6
        assert np.median(np.abs(after - before)[there]) < 6


def test_the_default_engine_is_used_without_an_engine(tmp_path: Path) -> None:
    car = item(carphone())
    timeline = timeline_of(car, background=Background("color", color="#00b140"), duration_ms=200)
    seen = decode(render(timeline, {"m1": car}, tmp_path / "o.mp4").path)
    assert np.abs(np.array(seen.corner(0)) - GREEN).max() < 8


def test_every_view_is_yielded_in_order_with_its_person() -> None:
    pictures = [scene((100 + n, 60, 200 + n, 240)) for n in range(9)]
    views = [PictureView(picture) for picture in pictures]
    followed = list(Cutter(Watched()).cut_frames(views))
    assert [view for view, _ in followed] == views
    for (_, cut), picture in zip(followed, pictures, strict=True):
        assert agreement(cut, picture) > 0.93


def test_the_crop_follows_the_person() -> None:
    engine = Watched()
    pictures = [scene((left, 100, left + 80, 240)) for left in range(20, 200, 6)]
    found = cuts(engine, pictures)
    assert all(cut.box[2] - cut.box[0] < 200 for cut in found)
    assert all(agreement(cut, picture) > 0.9 for cut, picture in zip(found, pictures, strict=True))


def test_fast_motion_leaves_no_trail() -> None:
    pictures = [scene((left, 100, left + 60, 240)) for left in range(20, 220, 25)]
    for cut, picture in zip(cuts(Watched(), pictures), pictures, strict=True):
        assert agreement(cut, picture) > 0.9


def test_the_engine_runs_more_often_with_fast_motion() -> None:
    still, fast = Watched(), Watched()
    cuts(still, [scene((100, 60, 200, 240)) for _ in range(40)])
    cuts(fast, [scene((20 + 5 * n, 60, 120 + 5 * n, 240)) for n in range(40)])
    assert len(still.shown) <= 18
    assert len(fast.shown) >= 40


def test_a_repeated_frame_runs_the_engine_once() -> None:
    engine = Watched()
    view = PictureView(scene((100, 60, 200, 240)))
    list(Cutter(engine).cut_frames([view]))
    once = len(engine.shown)
    followed = list(Cutter(engine).cut_frames([view] * 50))
    assert len(followed) == 50
    assert len(engine.shown) == 2 * once


class Released(PictureView):
    """A view that must not be used after it was yielded."""

    released = False

    def thumbnail(self) -> Thumbnail:
        assert not self.released
        return super().thumbnail()

    def picture(self, box: Box, size: Size) -> Picture:
        assert not self.released
        return super().picture(box, size)


@pytest.mark.parametrize(
    ("step", "times"), [(0, [1, 1, 9]), (1, [1, 2]), (1, [2, 5]), (12, [1]), (12, [3, 1, 1])]
)
def test_repeated_frames_are_cut_once_and_not_used_after(step: int, times: list[int]) -> None:
    one_by_one = [
        Released(scene((20 + step * n % 150, 60, 120 + step * n % 150, 240))) for n in range(16)
    ]
    views = [view for n, view in enumerate(one_by_one) for _ in range(times[n % len(times)])]
    followed = []
    for view, cut in Cutter(Watched()).cut_frames(views):
        view.released = True
        followed.append((view, cut))
    assert [view for view, _ in followed] == views
    assert len(set(followed)) == len(one_by_one)


def test_a_cut_starts_a_new_search() -> None:
    left = scene((10, 100, 90, 240))
    right = scene((220, 60, 310, 240), wall=(90, 250, 250))
    found = cuts(Watched(), [left, left, left, right, right])
    assert is_scene_change(PictureView(left).thumbnail(), PictureView(right).thumbnail())
    assert not is_scene_change(PictureView(left).thumbnail(), PictureView(left).thumbnail())
    assert agreement(found[2], left) > 0.93
    assert agreement(found[3], right) > 0.93


@pytest.mark.parametrize("by", [(0, 2), (1, -2), (-3, 3)])
def test_camera_shake_is_not_a_scene_change(by: tuple[int, int]) -> None:
    first, other = (
        np.random.default_rng(seed).integers(0, 255, (27, 48), dtype=np.uint8) for seed in (1, 2)
    )
    assert not is_scene_change(first, np.roll(first, by, axis=(0, 1)))
    assert is_scene_change(first, np.roll(first, 9, axis=1))
    assert is_scene_change(first, other)


def test_two_people_are_kept_each_with_a_crop() -> None:
    picture = scene((10, 110, 120, 240), (200, 100, 310, 240))
    engine = Watched()
    (cut,) = cuts(engine, [picture])
    assert agreement(cut, picture) > 0.93
    assert sum((shown[..., 0] > 120).mean() > 0.6 for shown in engine.shown) == 2


def test_a_small_person_above_the_lower_edge_is_behind() -> None:
    poster = (230, 30, 290, 100)
    (cut,) = cuts(Watched(), [scene((60, 60, 180, 240), poster)])
    assert agreement(cut, scene((60, 60, 180, 240))) > 0.93
    (alone,) = cuts(Watched(), [scene(poster)])
    assert agreement(alone, scene(poster)) > 0.9


@pytest.mark.parametrize(
    ("top", "face_px", "kept"),
    [(130, 20, 1), (60, 20, 2), (130, 40, 2)],
    ids=["distant and short", "distant and as tall", "short with a large face"],
)
def test_a_distant_person_at_the_lower_edge_is_behind(top: int, face_px: int, kept: int) -> None:
    faces = [(130, 60, 190, 120), (10, top, 10 + face_px, top + face_px)]
    people = People(Watched(), KnownFaces(faces))
    people.search(PictureView(scene((100, 40, 220, 240), (5, top, 60, 240))))
    assert len(people.boxes) == kept


def kept_at(people: People, picture: Picture) -> Mask:
    """Search and segment a frame; return the mask of the whole frame."""
    view = PictureView(picture)
    people.search(view)
    found = people.segment(view)
    assert found is not None
    return resampled_to_box(found.mask, found.box, (0, 0, *SIZE), 320)


@pytest.mark.parametrize(
    ("top", "seen_until"), [(130, 100), (150, 70)], ids=["face seen", "face lost on the way"]
)
def test_a_passer_by_who_touches_the_person_in_front_stays_behind(
    top: int, seen_until: int
) -> None:
    front, face = (120, 40, 220, 240), (140, 60, 200, 120)
    faces = KnownFaces([])
    people = People(Watched(), faces)
    for left in range(10, 110, 6):
        passer_by, small_face = (left, top, left + 60, 240), (left + 20, top, left + 40, top + 20)
        faces.faces = [face, small_face] if left < seen_until else [face]
        mask = kept_at(people, scene(passer_by, front))
        assert (mask[60:, 130:210] > 0.5).all(), "the person in front is whole"
        assert (mask[:, :108] > 0.5).mean() < 0.03, "and alone"
    assert len(people.boxes) == 1


def test_a_person_of_the_same_size_who_touches_is_kept() -> None:
    front, face = (160, 40, 260, 240), (180, 60, 240, 120)
    faces = KnownFaces([])
    people = People(Watched(), faces)
    for left in range(0, 80, 8):
        faces.faces = [face, (left + 20, 70, left + 70, 120)]
        mask = kept_at(people, scene((left, 60, left + 90, 240), front))
    assert (mask[100:300, left + 10 : 250] > 0.5).all()


def test_a_passer_by_who_comes_to_the_front_is_kept() -> None:
    front, face = (160, 40, 260, 240), (180, 60, 240, 120)
    faces = KnownFaces([face, (60, 150, 80, 170)])
    people = People(Watched(), faces)
    for right in (130, 170):
        mask = kept_at(people, scene((40, 150, right, 240), front))
        assert not (mask[:, :150] > 0.5).any()
    for step in range(3):
        faces.faces = [face, (50, 90 - 10 * step, 100, 140 - 10 * step)]
        mask = kept_at(people, scene((20, 60 - 10 * step, 170, 240), front))
    assert (mask[100:300, 30:240] > 0.5).all()


def test_a_person_who_enters_is_found() -> None:
    empty, full = scene(), scene((100, 60, 200, 240))
    found = cuts(Watched(), [empty] * 10 + [full] * 20)
    assert all(cut.no_person and not cut.mask.any() for cut in found[:10])
    assert agreement(found[-1], full) > 0.93
    assert sum(cut.no_person for cut in found) < 24


def test_a_person_who_leaves_is_dropped() -> None:
    found = cuts(Watched(), [scene((100, 60, 200, 240))] * 6 + [scene()] * 6)
    assert [cut.no_person for cut in found] == [False] * 6 + [True] * 6


def test_a_mask_is_resampled_to_another_box() -> None:
    mask = np.zeros((64, 64), dtype=np.float32)
    mask[32:, :32] = 1
    seen = resampled_to_box(mask, (0, 0, 64, 64), (0, 32, 32, 64))
    assert seen[4:, :-4].min() == 1
    assert resampled_to_box(mask, (0, 0, 64, 64), (64, 0, 128, 64)).max() == 0
    assert resampled_to_box(mask, (0, 0, 64, 64), (0, 0, 64, 64), 32).shape == (32, 32)


def test_a_box_is_padded_around_the_person() -> None:
    mask = np.zeros((100, 100), dtype=np.float32)
    mask[40:, 20:60] = 1
    box = person_box(mask, (0, 0, 800, 800), (800, 800))
    assert box[0] < 160 < 480 < box[2]
    assert box[1] < 320
    assert box[3] == 800
    assert all(value % 2 == 0 for value in box)
    assert person_box(np.zeros((90, 160), np.float32), (0, 0, 9, 9), (160, 90)) == (0, 0, 160, 90)


def test_a_box_does_not_jitter() -> None:
    box = stabilized_box((0, 0, 800, 800), (100, 100, 400, 800), (800, 800))
    assert box != (0, 0, 800, 800)
    for shift in (-8, 0, 8):
        assert stabilized_box(box, (100 + shift, 100, 400 + shift, 800), (800, 800)) == box
    assert stabilized_box(box, (60, 100, 400, 800), (800, 800))[0] <= 60


def test_a_box_grows_where_the_person_touches_its_edge() -> None:
    mask = np.zeros((50, 50), dtype=np.float32)
    mask[20:, 10:40] = 1
    assert wider(mask, (100, 100, 200, 200), (400, 200)) == (100, 100, 200, 200)
    left, top, right, bottom = wider(mask, (100, 100, 200, 200), (400, 400))
    assert (left, top, right) == (100, 100, 200)
    assert bottom > 200


@pytest.mark.parametrize("size", [(1920, 1080), (1080, 1920), (640, 480), (639, 481)])
def test_a_narrow_box_is_extended_to_a_minimum_aspect_ratio(
    size: tuple[int, int],
) -> None:
    width, height = size
    for box in (
        (0, 0, width // 8, height),
        (width - 60, height // 3, width, height),
        (width // 3, 40, width // 3 + 80, 400),
        (0, height // 2, width, height // 2 + 90),
        (20, 20, 220, 180),
    ):
        left, top, right, bottom = with_min_aspect(box, size)
        assert 0 <= left <= box[0] < box[2] <= right <= width
        assert 0 <= top <= box[1] < box[3] <= bottom <= height
        aspect = (right - left) / (bottom - top)
        assert aspect >= 0.8 or (left, right) == (0, width)
        assert aspect <= 1.25 or (top, bottom) == (0, height)
        assert all(edge % 2 == 0 or edge in (*box, *size) for edge in (left, top, right, bottom))
    assert with_min_aspect((20, 20, 220, 180), size) == (20, 20, 220, 180)


def blocks(*boxes: tuple[int, int, int, int]) -> Mask:
    mask = np.zeros((256, 256), dtype=np.float32)
    for left, top, right, bottom in boxes:
        mask[top:bottom, left:right] = 1
    return mask


def test_small_separate_regions_are_dropped() -> None:
    person, fog = (40, 40, 160, 256), (220, 20, 240, 40)
    mask = main_people(blocks(person, fog))
    assert mask[fog[1] : fog[3], fog[0] : fog[2]].max() == 0
    assert np.array_equal(mask[:, :200], blocks(person)[:, :200])


def test_a_detached_hand_is_kept() -> None:
    body, hand = (40, 40, 160, 256), (200, 100, 220, 130)
    arm = (150, 105, 215, 125)
    before = blocks(body, hand, arm)
    assert main_people(blocks(body, hand), before)[115, 210] == 1


def test_regions_are_separate_up_to_the_edges() -> None:
    found = regions_of(blocks((0, 0, 40, 256), (216, 0, 256, 256), (100, 100, 110, 110)))
    assert [round(float(region.sum())) for region in found] == [10240, 10240, 100]
    assert region_at(blocks((0, 0, 40, 40)), (0, 0, 256, 256), (20, 20)) is not None
    assert region_at(blocks((0, 0, 40, 40)), (0, 0, 256, 256), (200, 200)) is None
    assert region_at(blocks((216, 216, 256, 256)), (100, 100, 356, 356), (340, 340)) is not None


def test_edges_are_aligned_to_the_picture() -> None:
    guide = np.zeros((64, 64), dtype=np.float32)
    guide[:, 34:] = 1
    rough = np.zeros((64, 64), dtype=np.float32)
    rough[:, 31:] = 1
    refined = levels(guided(rough, guide))
    assert np.abs(refined - guide).mean() < 0.75 * np.abs(rough - guide).mean()
    assert np.abs(guided(rough, np.full_like(guide, 0.5)) - rough).mean() < 0.06


def test_levels_stretch_the_contrast() -> None:
    mask = np.array([[0.0, 0.3, 0.55, 0.8, 1.0]], dtype=np.float32)
    assert levels(mask) == pytest.approx(np.array([[0, 0, 0.5, 1, 1]]), abs=1e-6)


def test_noise_is_damped_and_motion_is_not() -> None:
    before = np.array([[0.5, 0.0, 1.0]], dtype=np.float32)
    now = np.array([[0.6, 1.0, 0.0]], dtype=np.float32)
    steady = stabilized(now, before)
    assert 0.5 < steady[0, 0] < 0.56
    assert steady[0, 1:] == pytest.approx([1, 0])
    assert between(before, now, 0.25)[0] == pytest.approx([0.525, 0.25, 0.75])
    assert relative_change(before, before) == 0
    assert relative_change(before, now) > 0.5


def test_a_hole_in_a_still_picture_opens_slowly() -> None:
    before = np.ones((64, 64), dtype=np.float32)
    hole = before.copy()
    hole[16:48, 16:48] = 0.1
    still = motion(before * 0.5, before * 0.5 + np.float32(0.005))
    assert stabilized(hole, before, still)[32, 32] > 0.7
    assert stabilized(hole, before)[32, 32] < 0.2


def test_motion_is_where_the_picture_changed() -> None:
    before = np.full((64, 64), 0.5, dtype=np.float32)
    after = before.copy()
    after[:16] = 0.8
    moving = motion(after, before)
    assert moving[:14].min() > 0.99
    assert moving[32:].max() < 0.01
