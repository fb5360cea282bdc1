"""`Matting`: alpha of pictures and videos, and writing frames to a file."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import attrs
import av
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageFilter

from nemovideo.errors import (
    InvalidRequestError,
    LocalBackendError,
    OutputError,
    UnsupportedFileError,
)
from nemovideo.local import Matting, Model
from nemovideo.local.matte.engine import Mask, Matte, Picture
from nemovideo.local.render import render
from nemovideo.local.timeline import Background
from nemovideo.models import Frame, Progress, RenderedVideo, RenderJob
from tests.support.render import (
    PERSON,
    WALL,
    YellowMatte,
    item,
    make_video,
    person_picture,
    start_of_carphone,
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
    video = make_video(tmp_path / "talk.mp4", seconds=0.32)
    _export(video, "transparent", tmp_path / "cut.zip", engine=YellowMatte())
    frames = list(matting.frames(video))
    exported = list(_result(tmp_path / "cut.zip").frames())
    assert len(frames) == len(exported) > 5
    for ours, other in zip(frames, exported, strict=True):
        assert np.array_equal(ours.alpha, other.alpha)
    assert [frame.time_s for frame in frames] == pytest.approx(
        [number / 25 for number in range(len(frames))]
    )


def test_frames_have_the_masks_and_colors_of_an_export_with_the_default_engine(
    tmp_path: Path,
) -> None:
    video = start_of_carphone(tmp_path / "short.mp4", 6)
    _export(video, "transparent", tmp_path / "cut.zip")
    frames = list(Matting().frames(video, clean_edges=True))
    for ours, other in zip(frames, _result(tmp_path / "cut.zip").frames(), strict=True):
        assert np.array_equal(ours.alpha, other.alpha)
        assert np.array_equal(ours.rgb[ours.alpha > 0], other.rgb[ours.alpha > 0])
    assert 0.1 < frames[5].alpha.mean() < 0.9


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
    corrected = [frame.alpha for frame in matting.frames(video, masks={1.6: own})]
    added = [
        float((ours - other)[75:105, 15:35].mean())
        for ours, other in zip(corrected, plain, strict=True)
    ]
    assert np.abs(corrected[40] - own).max() < 0.003
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


def test_an_unknown_engine_is_refused_before_it_is_used() -> None:
    with pytest.raises(LocalBackendError, match="fats"):
        Matting("fats")


def test_a_files_own_alpha_is_read_without_an_engine(matting: Matting, tmp_path: Path) -> None:
    frames = list(matting.frames(make_video(tmp_path / "talk.mp4", seconds=0.2)))
    cutout = matting.write(frames, tmp_path / "cutout.webm")
    unloadable = Matting(Model(tmp_path / "missing.onnx"))
    for before, after in zip(frames, unloadable.frames(cutout), strict=True):
        assert np.abs(before.alpha - after.alpha).mean() < 0.03
        assert after.rgb[5, 5].max() < 20


def test_a_url_is_not_a_missing_file(matting: Matting) -> None:
    with pytest.raises(UnsupportedFileError, match="https:// URLs are not supported") as caught:
        matting.frames("https://example.com/talk.mp4?signature=secret")
    assert "secret" not in str(caught.value)
    with pytest.raises(UnsupportedFileError, match="URLs"):
        matting.alpha("HTTPS://example.com/photo.jpg")


def test_warnings_about_frames_say_that_their_masks_are_empty(
    matting: Matting, tmp_path: Path
) -> None:
    wall = np.full((120, 160, 3), 40, dtype=np.uint8)
    matting.alpha(wall)
    assert matting.warnings == ("No person was found in the picture: the mask is empty.",)
    list(matting.frames(make_video(tmp_path / "wall.mp4", pictures=[wall], seconds=0.2)))
    assert matting.warnings == ("No person was found in wall.mp4: its masks are empty.",)


def test_the_fast_engine_names_the_one_that_finds_smaller_people() -> None:
    wall = np.full((120, 160, 3), 40, dtype=np.uint8)
    for engine, named in (("fast", True), ("fine", False)):
        matting = Matting(engine)
        matting.alpha(wall)
        (warning,) = matting.warnings
        assert ('engine "fine"' in warning) == named


def test_clean_frames_have_the_colors_of_an_export(tmp_path: Path) -> None:
    video = _soft_clip(tmp_path / "soft.mp4")
    matting = Matting(RampMatte())
    raw, clean = (list(matting.frames(video, clean_edges=by)) for by in (False, True))
    _export(video, "transparent", tmp_path / "cut.zip", engine=RampMatte())
    for frame, other in zip(clean, _result(tmp_path / "cut.zip").frames(), strict=True):
        assert np.array_equal(frame.rgb[frame.alpha > 0], other.rgb[frame.alpha > 0])
    assert np.array_equal(raw[2].alpha, clean[2].alpha)
    away = clean[2].rgb[:, :10].astype(int) - raw[2].rgb[:, :10]
    assert np.abs(away).max() <= 1


def test_clean_frames_over_green_are_an_export_over_green(tmp_path: Path) -> None:
    video = _soft_clip(tmp_path / "soft.mp4")
    _export(video, "color", tmp_path / "green.zip", engine=RampMatte())
    exported = next(_result(tmp_path / "green.zip").frames()).rgb
    matting = Matting(RampMatte())
    raw, clean = (next(matting.frames(video, clean_edges=by)) for by in (False, True))
    soft = (clean.alpha > 0.2) & (clean.alpha < 0.8)
    assert soft.sum() > 1000
    # An export composites with color at half the resolution, hence brightness.
    far, near = (_brightness(_over_green(each) - exported)[soft].mean() for each in (raw, clean))
    assert near < 2 < 10 < far


@pytest.mark.parametrize("suffix", ["zip", "webm", "mov", "stacked.mp4"])
def test_the_removed_background_is_not_in_the_file(
    matting: Matting, tmp_path: Path, suffix: str
) -> None:
    video = make_video(tmp_path / "talk.mp4", seconds=0.2)
    output = matting.write(matting.frames(video), tmp_path / f"out.{suffix}")
    for frame in _result(output).frames():
        assert frame.rgb[:120, :40].max() < 20
        assert np.abs(frame.rgb[60, 80].astype(int) - PERSON).max() < 20


@pytest.mark.parametrize("suffix", ["mp4", "mov", "webm", "gif", "webp", "zip", "stacked.mp4"])
def test_the_rate_is_that_of_the_frames(tmp_path: Path, suffix: str) -> None:
    for fps in (Fraction(30000, 1001), Fraction(12)):
        frames = [_frame(float(number / fps)) for number in range(7)]
        output = Matting().write(frames, tmp_path / f"out.{suffix}", overwrite=True)
        times = [frame.time_s for frame in _result(output).frames()]
        assert times == pytest.approx([frame.time_s for frame in frames], abs=0.011)


def test_the_rate_of_rounded_times_is_a_common_one(tmp_path: Path) -> None:
    frames = [_frame(round(number / 30, 3)) for number in range(7)]
    assert _rate_of(Matting().write(frames, tmp_path / "out.mp4")) == 30
    reverse = [_frame(number / 24) for number in range(7, 0, -1)]
    assert _rate_of(Matting().write(reverse, tmp_path / "back.mp4")) == 24


@pytest.mark.parametrize(
    ("fps", "shown"),
    [
        (10, [0, 3, 6, 9]),
        (15, [0, 2, 4, 6, 8, 10]),
        (30, [*range(12)]),
        (60, sorted([*range(12)] * 2)),
    ],
)
def test_another_rate_keeps_the_duration(tmp_path: Path, fps: int, shown: list[int]) -> None:
    frames = [_frame(number / 30, level=number * 20) for number in range(12)]
    output = Matting().write(frames, tmp_path / "out.zip", fps=fps)
    read = list(_result(output).frames())
    assert [round(frame.rgb[0, 0, 0] / 20) for frame in read] == shown
    assert _rate_of(Matting().write(frames, tmp_path / "out.mp4", fps=fps)) == fps


def test_frames_that_have_the_same_time_are_written_once_each(tmp_path: Path) -> None:
    output = Matting().write([_frame(0)] * 12, tmp_path / "slow.gif", fps=10)
    assert len(list(_result(output).frames())) == 12


def test_frames_far_apart_are_repeated_to_fill_the_gap(tmp_path: Path) -> None:
    output = Matting().write([_frame(0), _frame(2)], tmp_path / "slides.zip", fps=2)
    assert len(list(_result(output).frames())) == 8


@pytest.mark.parametrize("times", [(0.0, 0.0, 0.0), (5.0,), (0.0, math.nan, 0.1)])
def test_frames_without_usable_times_are_written_at_30_fps(
    tmp_path: Path, times: tuple[float, ...]
) -> None:
    output = Matting().write([_frame(time_s) for time_s in times], tmp_path / "out.mp4")
    assert _rate_of(output) == 30


def test_frames_too_far_apart_need_a_rate(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match=r"2 s apart.*fps="):
        Matting().write([_frame(0), _frame(2)], tmp_path / "out.mp4")
    with pytest.raises(InvalidRequestError, match=r"1e\+05 s apart"):
        Matting().write([_frame(0), _frame(1e5)], tmp_path / "out.mp4")


@pytest.mark.parametrize("kind", ["bool", "uint8", "float64"])
def test_alpha_may_be_bool_uint8_or_float(tmp_path: Path, kind: str) -> None:
    half = np.zeros((16, 32), dtype=bool)
    half[:, 16:] = True
    alpha: Any = half.astype(np.uint8) * 255 if kind == "uint8" else half.astype(kind)
    frame = attrs.evolve(_frame(0), alpha=alpha)
    output = Matting().write([frame], tmp_path / "out.zip")
    assert np.array_equal(next(_result(output).frames()).alpha, half)


@pytest.mark.parametrize("suffix", ["mp4", "webm", "matte.mp4"])
def test_frames_without_alpha_are_opaque(tmp_path: Path, suffix: str) -> None:
    matting = Matting()
    picture = person_picture()
    given = Frame(0.04, picture, None)
    frames = [Frame(0, picture), given, attrs.evolve(given, time_s=0.08)]
    output = matting.write(frames, tmp_path / f"out.{suffix}")
    read = list(_result(output).frames())
    assert len(read) == 3
    for frame in read:
        assert frame.alpha.min() == 1
        shown = 255 if suffix == "matte.mp4" else picture
        assert np.abs(frame.rgb.astype(int) - shown).mean() < 4
    assert matting.warnings == ()


def test_a_custom_background_in_an_mp4_is_shown_if_alpha_is_left_out(
    matting: Matting, tmp_path: Path
) -> None:
    composites = [
        Frame(frame.time_s, _over_green(frame).astype(np.uint8))
        for frame in matting.frames(make_video(tmp_path / "talk.mp4", seconds=0.2))
    ]
    for frame in _result(matting.write(composites, tmp_path / "over.mp4")).frames():
        assert np.abs(frame.rgb[5, 5] - _GREEN).max() < 12
        assert np.abs(frame.rgb[60, 80].astype(int) - PERSON).max() < 12
    assert matting.warnings == ()


@pytest.mark.parametrize(
    ("suffix", "warned"),
    [("mp4", True), ("webm", False), ("mov", False), ("gif", False), ("webp", False)]
    + [(suffix, False) for suffix in ("zip", "stacked.mp4", "bundle.zip", "matte.mp4")],
)
def test_transparent_frames_in_a_format_without_transparency_leave_a_warning(
    matting: Matting, tmp_path: Path, suffix: str, warned: bool
) -> None:
    video = make_video(tmp_path / "talk.mp4", seconds=0.2)
    matting.write(matting.frames(video), tmp_path / f"out.{suffix}")
    warning = (
        "MP4 files have no transparency: the background is black; use .webm or .mov, or write "
        "composites without alpha, as Frame(time_s, rgb)."
    )
    assert matting.warnings == (warning,) * warned
    matting.write([_frame(0)], tmp_path / f"opaque.{suffix}")
    assert matting.warnings == ()


def test_warnings_of_the_frames_and_of_their_file_are_both_kept(
    matting: Matting, tmp_path: Path
) -> None:
    wall = np.full((120, 160, 3), 40, dtype=np.uint8)
    video = make_video(tmp_path / "wall.mp4", pictures=[wall], seconds=0.2)

    def late() -> Iterator[Frame]:
        yield from matting.frames(video)

    for number, frames in enumerate((matting.frames(video), late(), list(matting.frames(video)))):
        matting.write(frames, tmp_path / f"{number}.mp4")
        first, second = matting.warnings
        assert "No person" in first
        assert "no transparency" in second
    matting.alpha(person_picture())
    assert matting.warnings == ()


def test_a_single_pixel_that_is_not_opaque_is_reported_and_rounding_is_not(
    tmp_path: Path,
) -> None:
    matting = Matting()
    for value, count in ((0.999, 0), (0.99, 1)):
        alpha = np.ones((16, 32), dtype=np.float32)
        alpha[3, 4] = value
        frames = [_frame(0), attrs.evolve(_frame(0), alpha=alpha)]
        matting.write(frames, tmp_path / "out.mp4", overwrite=True)
        assert len(matting.warnings) == count


@pytest.mark.parametrize("wrong", [1.5, -0.2, math.nan, math.inf, 1e300])
def test_alpha_outside_of_its_range_is_refused(tmp_path: Path, wrong: float) -> None:
    alpha: Any = np.ones((16, 32))
    alpha[3, 4] = wrong
    with pytest.raises(InvalidRequestError, match="alpha must be"):
        Matting().write([attrs.evolve(_frame(0), alpha=alpha)], tmp_path / "out.webm")
    odd = attrs.evolve(_frame(0), alpha=np.ones((16, 32), np.int64))
    with pytest.raises(InvalidRequestError, match="alpha must be"):
        Matting().write([odd], tmp_path / "out.webm")
    assert not list(tmp_path.iterdir())


def test_a_file_is_replaced_only_on_request(matting: Matting, tmp_path: Path) -> None:
    video = make_video(tmp_path / "talk.mp4", seconds=0.2)
    before = video.read_bytes()
    with pytest.raises(OutputError, match=r"exists.*overwrite=True"):
        matting.write(_never(), video)
    assert video.read_bytes() == before
    matting.write(matting.frames(video), video, overwrite=True)
    assert len(list(matting.frames(video))) == 5


def test_outputs_are_checked_before_the_first_frame(matting: Matting, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="does not exist"):
        matting.write(_never(), tmp_path / "nodir" / "x.gif")
    with pytest.raises(InvalidRequestError, match="'best' is not a valid quality"):
        matting.write(_never(), tmp_path / "x.gif", quality="best")
    for name in ("x.avi", "x.png", "x.jpg", "x.matte.png", "x"):
        with pytest.raises(InvalidRequestError, match=r"not a supported|has no suffix") as caught:
            matting.write(_never(), tmp_path / name)
        for suffix in ("mp4", "webm", "mov", "gif", "webp", "zip", "stacked", "bundle", "matte"):
            assert f".{suffix}" in caught.value.remedy


def test_long_names_are_written(tmp_path: Path) -> None:
    output = Matting().write([_frame(0)], tmp_path / f"{'n' * 245}.gif")
    assert list(tmp_path.iterdir()) == [output]


def test_invalid_frames_are_refused(matting: Matting, tmp_path: Path) -> None:
    picture = person_picture()
    with pytest.raises(InvalidRequestError, match=r"ndarray is not a frame"):
        matting.write([picture], tmp_path / "x.mp4")  # type: ignore[list-item]
    scaled: Any = picture / 255
    floats = Frame(0, scaled, np.ones((120, 160), np.float32))
    with pytest.raises(
        InvalidRequestError,
        match=r"rgb must be uint8 of shape \(height, width, 3\), the same for all frames; "
        r"got float64 \(120, 160, 3\)",
    ):
        matting.write([floats], tmp_path / "x.mp4")


def test_alpha_is_written_as_a_video_of_masks_and_as_a_bundle(
    matting: Matting, tmp_path: Path
) -> None:
    frames = list(matting.frames(make_video(tmp_path / "talk.mp4", seconds=0.2)))
    for suffix in ("mp4", "webm", "gif", "webp", "zip"):
        output = matting.write(frames, tmp_path / f"out.matte.{suffix}")
        read = next(_result(output).frames())
        assert np.abs(read.rgb / 255 - frames[0].alpha[..., np.newaxis]).mean() < 0.03
    bundle = matting.write(frames, tmp_path / "out.bundle.zip")
    with zipfile.ZipFile(bundle) as opened:
        assert opened.namelist() == ["color.mp4", "matte.mp4"]


@pytest.mark.parametrize("suffix", ["webm", "mov", "gif", "mp4", "zip"])
def test_frames_are_written_and_read_back(matting: Matting, tmp_path: Path, suffix: str) -> None:
    frames = list(matting.frames(make_video(tmp_path / "talk.mp4", seconds=0.24)))
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


def test_frames_report_their_progress(matting: Matting, tmp_path: Path) -> None:
    seen: list[Progress] = []
    frames = matting.frames(make_video(tmp_path / "talk.mp4", seconds=0.2), progress=seen.append)
    assert seen == []
    assert len(list(frames)) == 5
    assert [now.fraction for now in seen] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
    assert {now.phase for now in seen} == {"frames"}
    assert seen[-1].message == "All frames read"


@pytest.mark.parametrize("how", ["list", "frames", "generator"])
def test_writing_reports_its_progress(matting: Matting, tmp_path: Path, how: str) -> None:
    frames = matting.frames(make_video(tmp_path / "talk.mp4", seconds=0.4))
    given: dict[str, Iterable[Frame]] = {
        "list": [_frame(number / 25) for number in range(10)],
        "frames": frames,
        "generator": (attrs.evolve(frame, rgb=255 - frame.rgb) for frame in frames),
    }
    seen: list[Progress] = []
    matting.write(given[how], tmp_path / "out.webm", progress=seen.append)
    assert [now.fraction for now in seen] == pytest.approx([n / 10 for n in range(11)])
    assert {now.phase for now in seen} == {"write"}
    assert seen[-1].message == "Video ready!"


def test_frames_of_an_unknown_number_are_counted_in_the_message(tmp_path: Path) -> None:
    seen: list[Progress] = []
    matting = Matting()
    matting.write(
        (_frame(number / 25) for number in range(3)), tmp_path / "out.webm", progress=seen.append
    )
    assert [now.fraction for now in seen] == [0, 0, 0, 1]
    numbered = [f"Writing frame {number}…" for number in (1, 2, 3)]
    assert [now.message for now in seen] == [*numbered, "Video ready!"]


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


class RampMatte:
    """An engine for `_soft_clip`: the alpha with which its person was drawn."""

    def mask(self, picture: Picture) -> Mask:
        alpha = (picture[..., 0].astype(np.float32) - WALL[0]) / (PERSON[0] - WALL[0])
        return alpha.clip(0, 1)


GREEN = "#2ea043"
_GREEN = np.array([46, 160, 67], dtype=np.float32)


def _export(video: Path, background: str, output: Path, engine: Matte | None = None) -> None:
    media = item(video)
    color = GREEN if background == "color" else None
    timeline = timeline_of(media, background=Background(background, color=color))
    render(timeline, {"m1": media}, output, format="zip", engine=engine)


def _brightness(difference: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.abs(difference @ np.array([0.299, 0.587, 0.114], dtype=np.float32))


def _soft_clip(path: Path) -> Path:
    """Write a clip of a person with wide soft edges in front of a wall."""
    wide = np.array(Image.fromarray(person_picture()).resize((320, 240)))
    picture = np.asarray(Image.fromarray(wide).filter(ImageFilter.GaussianBlur(6)))
    return make_video(path, seconds=0.2, pictures=[picture], tone=None)


def _over_green(frame: Frame) -> npt.NDArray[np.float32]:
    share = frame.alpha[..., np.newaxis]
    return frame.rgb * share + _GREEN * (1 - share)


def _frame(time_s: float, level: int | None = None) -> Frame:
    """Return a gray frame; without a level, it differs from those at other times."""
    if level is None:
        level = int(time_s * 1000) % 256 if math.isfinite(time_s) else 0
    rgb = np.full((16, 32, 3), level, dtype=np.uint8)
    return Frame(time_s, rgb, np.ones((16, 32), dtype=np.float32))


def _never() -> Iterator[Frame]:
    """Fail if a frame is requested."""
    yield from map(pytest.fail, ["a frame was computed"])


def _rate_of(path: Path) -> Fraction:
    with av.open(str(path)) as container:
        return Fraction(container.streams.video[0].average_rate or 0)


def _result(path: Path | None) -> RenderedVideo:
    return RenderedVideo(path, "", None, RenderJob("r1", "completed"), "s1")
