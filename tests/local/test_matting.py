"""`Matting`: alpha of pictures and videos, and writing frames to a file."""

from __future__ import annotations

import itertools
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from nemovideo.errors import InvalidRequestError, OutputError, UnsupportedFileError
from nemovideo.local import Matting
from nemovideo.local.render import render
from nemovideo.local.timeline import Background
from nemovideo.models import Frame, RenderedVideo, RenderJob
from tests.support.render import (
    YellowMatte,
    carphone,
    item,
    make_video,
    person_picture,
    timeline_of,
)


@pytest.fixture
def matting() -> Matting:
    return Matting(YellowMatte())


def test_arrays_images_and_paths_have_the_same_alpha(matting: Matting, tmp_path: Path) -> None:
    picture = person_picture(161, 121)
    Image.fromarray(picture).save(tmp_path / "photo.png")
    alpha = matting.alpha(picture)
    assert alpha.shape == (121, 161)
    assert alpha.dtype == np.float32
    assert alpha[60, 80] > 0.99
    assert alpha[5, 5] < 0.01
    assert np.array_equal(alpha, matting.alpha(Image.fromarray(picture)))
    assert np.array_equal(alpha, matting.alpha(tmp_path / "photo.png"))


def test_a_transparent_picture_keeps_its_own_alpha(matting: Matting) -> None:
    picture = np.full((20, 30, 4), 128, dtype=np.uint8)
    assert matting.alpha(picture) == pytest.approx(128 / 255)


def test_frames_have_the_masks_of_an_export(matting: Matting, tmp_path: Path) -> None:
    video = make_video(tmp_path / "talk.mp4")
    media = item(video)
    timeline = timeline_of(media, background=Background("transparent"))
    render(timeline, {"m1": media}, tmp_path / "cut.zip", format="zip", engine=YellowMatte())
    frames = list(matting.frames(video))
    exported = list(_result(tmp_path / "cut.zip").frames())
    assert len(frames) == len(exported) > 5
    for ours, other in zip(frames, exported, strict=True):
        assert np.array_equal(ours.alpha, other.alpha)
    assert [frame.time_s for frame in frames] == pytest.approx(
        [number / 25 for number in range(len(frames))]
    )


def test_frames_have_the_masks_of_an_export_with_the_default_engine(tmp_path: Path) -> None:
    video = _clip(tmp_path / "short.mp4", 20)
    media = item(video)
    timeline = timeline_of(media, background=Background("transparent"))
    render(timeline, {"m1": media}, tmp_path / "cut.zip", format="zip")
    exported = [frame.alpha for frame in _result(tmp_path / "cut.zip").frames()]
    made = [frame.alpha for frame in Matting().frames(video)]
    assert len(made) == len(exported) == 20
    assert np.array_equal(np.stack(made), np.stack(exported))
    assert 0.1 < made[10].mean() < 0.9


def test_a_users_mask_is_propagated_until_the_engine_agrees(
    matting: Matting, tmp_path: Path
) -> None:
    wall = person_picture()
    marked = wall.copy()  # a second person, whom the engine does not detect
    marked[70:110, 10:40] = np.random.default_rng(1).integers(90, 250, (40, 30, 1))
    shots = [marked] * 60 + [255 - wall] * 15
    video = make_video(tmp_path / "talk.mp4", seconds=3, pictures=shots, tone=None)
    plain = [frame.alpha for frame in matting.frames(video)]
    own = plain[40].copy()
    own[70:110, 10:40] = 1
    made = [frame.alpha for frame in matting.frames(video, masks={1.6: own})]
    added = [
        float((ours - other)[75:105, 15:35].mean()) for ours, other in zip(made, plain, strict=True)
    ]
    assert np.abs(made[40] - own).max() < 0.003
    assert min(added[38:60]) > 0.9  # to the end of the shot
    assert max(added[:15] + added[60:]) == 0  # more than a second before, and after the cut
    assert added[20] < added[30] < added[38]
    agreed = list(matting.frames(video, masks={1.6: plain[40]}))
    assert np.array_equal([frame.alpha for frame in agreed], plain)


def test_invalid_masks_are_rejected(matting: Matting, tmp_path: Path) -> None:
    video = make_video(tmp_path / "talk.mp4")
    valid = np.ones((120, 160), dtype=bool)
    for masks in (
        {0: valid[1:]},
        {1.5: valid},
        {-1: valid},
        {0: valid * 2},
        {"a": valid},
    ):
        with pytest.raises(InvalidRequestError) as caught:
            matting.frames(video, masks=masks)  # type: ignore[arg-type]
        assert caught.value.remedy


def test_frames_without_a_person_leave_a_warning(matting: Matting, tmp_path: Path) -> None:
    wall = np.full((120, 160, 3), 40, dtype=np.uint8)
    video = make_video(tmp_path / "wall.mp4", pictures=[wall])
    frames = matting.frames(video)
    assert len(matting.warnings) == 0
    assert not any(frame.alpha.any() for frame in frames)
    assert "No person" in " ".join(matting.warnings)
    matting.alpha(person_picture())
    assert len(matting.warnings) == 0


@pytest.mark.parametrize("suffix", ["webm", "mov", "gif", "mp4"])
def test_frames_are_written_and_read_back(matting: Matting, tmp_path: Path, suffix: str) -> None:
    frames = list(matting.frames(make_video(tmp_path / "talk.mp4")))
    output = matting.write(frames, tmp_path / f"out.{suffix}", fps=25)
    read = list(_result(output).frames())
    assert len(read) == len(frames)
    for before, after in zip(frames, read, strict=True):
        assert np.abs(before.rgb.astype(int) - after.rgb)[before.alpha > 0.99].mean() < 8
        if suffix == "mp4":
            assert after.alpha.min() == 1
            assert after.rgb[before.alpha == 0].mean() < 8
        else:
            assert np.abs(before.alpha - after.alpha).mean() < 0.03
    assert read[1].time_s == pytest.approx(0.04, abs=0.011)


def test_masks_are_grown_and_softened() -> None:
    picture = person_picture()
    areas = [float(Matting(YellowMatte(), grow_px=by).alpha(picture).mean()) for by in (-4, 0, 4)]
    assert areas == sorted(set(areas))
    plain, soft = (Matting(YellowMatte(), softness=by).alpha(picture) for by in (0.0, 1.0))
    assert ((soft > 0.05) & (soft < 0.95)).sum() > 1.5 * ((plain > 0.05) & (plain < 0.95)).sum()


def test_invalid_arguments_are_rejected(matting: Matting, tmp_path: Path) -> None:
    for wrong in ({"softness": 2}, {"grow_px": 0.5}, {"keep": "none"}):
        with pytest.raises(InvalidRequestError):
            Matting("fast", **wrong)
    for picture in (None, np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)):
        with pytest.raises(InvalidRequestError):
            matting.alpha(picture)  # type: ignore[arg-type]
    with pytest.raises(UnsupportedFileError):
        matting.frames(tmp_path / "nowhere.mp4")
    Image.new("RGB", (8, 8)).save(tmp_path / "photo.png")
    with pytest.raises(UnsupportedFileError):
        matting.frames(tmp_path / "photo.png")
    with pytest.raises(InvalidRequestError):
        matting.write([], tmp_path / "out.webm")
    small, large = (
        Frame(0, np.zeros((side, side, 3), np.uint8), np.ones((side, side), np.float32))
        for side in (16, 32)
    )
    with pytest.raises(InvalidRequestError):
        matting.write([small, large], tmp_path / "out.webm")
    with pytest.raises(OutputError):
        matting.write([small], tmp_path / "no" / "out.webm")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_result_has_the_colors_of_its_file(tmp_path: Path) -> None:
    video = tmp_path / "red.mp4"
    make_video(video)
    with av.open(str(video)) as container:
        width = container.streams.video[0].width
    first = next(iter(_result(video).frames()))
    wanted = person_picture()
    assert first.rgb.shape[1] == width
    assert np.abs(first.rgb.astype(int) - wanted).mean() < 6


def test_frames_of_a_result_require_a_file() -> None:
    with pytest.raises(InvalidRequestError):
        _result(None).frames()


def _clip(path: Path, count: int) -> Path:
    """Write the first frames of the sample clip."""
    with av.open(str(carphone())) as source:
        frames = itertools.islice(source.decode(video=0), count)
        pictures = [frame.to_ndarray(format="rgb24").astype(np.uint8) for frame in frames]
    return make_video(path, seconds=count / 25, pictures=pictures, tone=None)


def _result(path: Path | None) -> RenderedVideo:
    return RenderedVideo(path, "", None, RenderJob("r1", "completed"), "s1")
