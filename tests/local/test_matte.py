"""Matting: the real engine on a real clip, and what stands around any engine."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from nemovideo.errors import ModelUnavailableError
from nemovideo.local.matte import Cutter, SelfieSegmentation
from nemovideo.local.matte.engine import Mask, Picture
from nemovideo.local.matte.smoothing import levels, steadied
from nemovideo.local.matte.tracking import is_cut, person_box
from nemovideo.local.render import render
from nemovideo.local.timeline import Background
from render_tools import YellowMatte, carphone, item, look, person_picture, timeline_of

GREEN = (0, 177, 64)


@pytest.fixture(scope="module")
def engine() -> SelfieSegmentation:
    return SelfieSegmentation()


@pytest.fixture(scope="module")
def pictures() -> list[Picture]:
    with av.open(str(carphone())) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return [frame.astype(np.uint8) for frame in frames]


def test_the_engine_tells_the_man_from_the_car(
    engine: SelfieSegmentation, pictures: list[Picture]
) -> None:
    mask = engine.mask(pictures[0])
    assert mask.shape == (256, 256)
    assert mask.dtype == np.float32
    assert mask[90:150, 110:150].mean() > 0.9, "the face"
    assert mask[220:, 100:200].mean() > 0.9, "the jacket"
    assert mask[:90, 210:].mean() < 0.1, "the car's window"
    assert mask[:20].mean() < 0.1, "the car's roof"


def test_the_car_is_gone_and_the_man_is_there(
    tmp_path: Path, engine: SelfieSegmentation, pictures: list[Picture]
) -> None:
    car = item(carphone())
    timeline = timeline_of(car, background=Background("color", color="#00b140"))
    seen = look(render(timeline, {"m1": car}, tmp_path / "o.mp4", engine=engine).path)
    assert len(seen.frames) == 120
    assert seen.frames[0].shape == (144, 176, 3)
    for number in (0, 30, 60, 90, 119):
        after, before = seen.frames[number].astype(int), pictures[number].astype(int)
        for corner in (np.s_[4:30, 4:30], np.s_[4:30, 150:172], np.s_[60:100, 4:20]):
            assert np.abs(after[corner] - GREEN).mean() < 8
        assert np.abs(after - before)[120:140, 60:110].mean() < 12, "the shirt"
        kept = np.abs(after - GREEN).sum(axis=-1) > 60
        assert 0.25 < kept.mean() < 0.6
        assert np.median(np.abs(after - before)[kept]) < 6


def test_the_default_engine_is_used_where_none_is_given(tmp_path: Path) -> None:
    car = item(carphone())
    timeline = timeline_of(car, background=Background("color", color="#00b140"), duration_ms=200)
    seen = look(render(timeline, {"m1": car}, tmp_path / "o.mp4").path)
    assert np.abs(np.array(seen.corner(0)) - GREEN).max() < 8


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.tflite"
    path.write_bytes(b"no model")
    with pytest.raises(ModelUnavailableError, match=r"mine\.tflite"):
        SelfieSegmentation(path)


def test_the_mask_has_the_pictures_size_and_the_person_in_it() -> None:
    picture = person_picture(320, 240)
    mask = Cutter(YellowMatte()).mask(picture)
    assert mask.shape == (240, 320)
    assert np.array_equal(mask > 0.5, picture[..., 0] > 100)


def test_the_engine_looks_at_the_person_and_finds_who_leaves_the_crop() -> None:
    seen: list[tuple[int, ...]] = []

    class Watched(YellowMatte):
        def mask(self, picture: Picture) -> Mask:
            seen.append(picture.shape[:2])
            return super().mask(picture)

    cutter = Cutter(Watched())
    for left in range(20, 200, 6):
        picture = np.full((240, 320, 3), (30, 60, 160), dtype=np.uint8)
        picture[100:, left : left + 80] = (225, 205, 40)
        mask = cutter.mask(picture)
    assert seen[0] == (240, 320)
    assert max(width for _, width in seen[2:]) < 200
    wanted = picture[..., 0] > 100
    assert (mask > 0.5)[wanted].mean() > 0.95
    assert (mask > 0.5)[~wanted].mean() < 0.02


def test_at_a_cut_the_whole_picture_is_looked_at_again() -> None:
    left = np.full((240, 320, 3), (30, 60, 160), dtype=np.uint8)
    right = np.full((240, 320, 3), (90, 200, 250), dtype=np.uint8)
    left[100:, 10:90] = right[60:, 220:310] = (225, 205, 40)
    assert is_cut(left, right)
    assert not is_cut(left, left)
    cutter = Cutter(YellowMatte())
    cutter.mask(left)
    mask = cutter.mask(right)
    assert np.array_equal(mask > 0.5, right[..., 0] > 200)


def test_an_empty_mask_gives_the_whole_picture() -> None:
    assert person_box(np.zeros((90, 160), dtype=np.float32)) == (0, 0, 160, 90)


def test_levels_decide_what_is_doubtful() -> None:
    mask = np.array([[0.0, 0.3, 0.55, 0.8, 1.0]], dtype=np.float32)
    assert levels(mask) == pytest.approx(np.array([[0, 0, 0.5, 1, 1]]), abs=1e-6)


def test_noise_is_calmed_and_motion_is_followed() -> None:
    before = np.array([[0.5, 0.0, 1.0]], dtype=np.float32)
    now = np.array([[0.6, 1.0, 0.0]], dtype=np.float32)
    steady = steadied(now, before)
    assert 0.5 < steady[0, 0] < 0.56
    assert steady[0, 1:] == pytest.approx([1, 0])
