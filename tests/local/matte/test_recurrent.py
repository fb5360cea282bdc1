"""Recurrent networks: the state is kept within a shot and reset after it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from nemovideo.local.matte import Cut, Model, load_matting
from nemovideo.local.matte.engine import Picture
from nemovideo.local.matte.loading import LoadedEngine
from tests.support.matte import PictureView, recurrent_onnx


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> LoadedEngine:
    path = tmp_path_factory.mktemp("models") / "rvm.onnx"
    recurrent_onnx(path)
    return load_matting(Model(path))


def gray(level: int) -> Picture:
    return np.full((48, 64, 3), level, dtype=np.uint8)


def levels(engine: LoadedEngine, pictures: Sequence[Picture]) -> list[int]:
    views = [PictureView(picture) for picture in pictures]
    cuts: list[Cut] = []
    for view, (seen, cut) in zip(views, engine.cutter().cut_frames(views), strict=True):
        assert seen is view
        cuts.append(cut)
    assert {cut.mask.shape for cut in cuts} == {(48, 64)}
    return [round(float(cut.mask.mean()) * 255) for cut in cuts]


def test_the_state_is_kept_within_a_shot_and_reset_at_a_cut(
    engine: LoadedEngine,
) -> None:
    assert levels(engine, [gray(100), gray(90), gray(110), gray(105)]) == [100, 100, 110, 110]
    assert levels(engine, [gray(200), gray(190), gray(20), gray(25)]) == [200, 200, 20, 25]


def test_each_clip_starts_with_an_empty_state(engine: LoadedEngine) -> None:
    assert levels(engine, [gray(200)]) == [200]
    assert levels(engine, [gray(50)]) == [50]


def test_a_single_picture_has_a_mask_of_its_size(engine: LoadedEngine) -> None:
    assert engine.engine.mask(gray(51)) == pytest.approx(0.2, abs=1e-6)
