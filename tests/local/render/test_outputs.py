"""Stacked and bundled outputs, and animated WebP."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import attrs
import numpy as np
import pytest
from PIL import Image

from nemovideo._support.outputs import format_for, has_alpha, is_still, known_format
from nemovideo.errors import RenderFailedError
from nemovideo.local.agent.edits import timeline_of as opened
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.render import render
from nemovideo.local.timeline import Background, Title
from tests.support.render import (
    PERSON,
    YellowMatte,
    decode,
    item,
    make_video,
    near,
    person_picture,
    timeline_of,
)


@pytest.fixture
def talk(tmp_path: Path) -> MediaItem:
    return item(make_video(tmp_path / "talk.mp4", seconds=0.24))


def _color(
    picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], x: int, y: int
) -> tuple[int, ...]:
    return tuple(int(value) for value in picture[y, x])


@pytest.mark.parametrize("suffix", ["mp4", "webm"])
def test_a_stacked_video_has_the_color_above_and_the_mask_below(
    tmp_path: Path, talk: MediaItem, suffix: str
) -> None:
    path = tmp_path / f"out.stacked.{suffix}"
    result = render(
        timeline_of(talk), {"m1": talk}, path, format=f"stacked.{suffix}", engine=YellowMatte()
    )
    assert (result.width, result.height) == (160, 240)
    seen = decode(path)
    assert len(seen.frames) == 6
    picture = seen.frames[4]
    assert picture.shape == (240, 160, 3)
    assert near(_color(picture, 80, 90), PERSON, 20)
    assert near(_color(picture, 10, 10), (0, 0, 0), 10)
    assert near(_color(picture, 80, 210), (255, 255, 255), 6)
    assert near(_color(picture, 10, 130), (0, 0, 0), 6)
    assert seen.loudness() > 0.1


def test_a_bundle_holds_the_color_and_the_mask(tmp_path: Path, talk: MediaItem) -> None:
    path = tmp_path / "out.bundle.zip"
    render(timeline_of(talk), {"m1": talk}, path, format="bundle.zip", engine=YellowMatte())
    assert [entry.name for entry in tmp_path.iterdir() if "bundle" in entry.name] == [path.name]
    with zipfile.ZipFile(path) as bundle:
        assert bundle.namelist() == ["color.mp4", "matte.mp4"]
        bundle.extractall(tmp_path)
    color, matte = decode(tmp_path / "color.mp4"), decode(tmp_path / "matte.mp4")
    assert len(color.frames) == len(matte.frames) == 6
    assert near(_color(color.frames[4], 80, 90), PERSON, 20)
    assert near(_color(matte.frames[4], 80, 90), (255, 255, 255), 6)
    assert near(_color(matte.frames[4], 10, 10), (0, 0, 0), 6)
    assert color.loudness() > 0.1
    assert matte.sound is None


def test_an_opaque_draft_has_no_mask(tmp_path: Path, talk: MediaItem) -> None:
    opaque = timeline_of(talk, background=Background("color", color="#ffffff"))
    for format_ in ("stacked.mp4", "bundle.zip"):
        with pytest.raises(RenderFailedError, match="transparent"):
            render(opaque, {"m1": talk}, tmp_path / "out", format=format_, engine=YellowMatte())


@pytest.mark.parametrize("transparent", [True, False])
def test_a_webp_of_a_video_is_animated(tmp_path: Path, transparent: bool) -> None:
    pictures = [np.roll(person_picture(), 2 * number, axis=1) for number in range(6)]
    talk = item(make_video(tmp_path / "talk.mp4", seconds=0.24, pictures=pictures))
    background = Background("transparent") if transparent else None
    path = tmp_path / "out.webp"
    timeline = timeline_of(talk, background=background)
    render(timeline, {"m1": talk}, path, format="webp", engine=YellowMatte())
    with Image.open(path) as image:
        assert image.size == (160, 120)
        assert image.n_frames == 6
        image.seek(5)
        picture = np.asarray(image.convert("RGBA"))
    assert near(tuple(int(v) for v in picture[90, 80]), (*PERSON, 255), 25)
    assert picture[10, 10, 3] == (0 if transparent else 255)


def test_a_draft_can_set_the_size_of_an_animation(tmp_path: Path) -> None:
    wide = item(make_video(tmp_path / "wide.mp4", seconds=0.2, size=(960, 540), tone=None))
    plain = timeline_of(wide)
    sizes = []
    for timeline in (plain, attrs.evolve(plain, width=640, height=360, has_custom_size=True)):
        for format_ in ("gif", "webp"):
            path = tmp_path / f"out.{format_}"
            render(timeline, {"m1": wide}, path, format=format_)
            sizes.append(Image.open(io.BytesIO(path.read_bytes())).size)
    assert sizes == [(480, 270), (720, 404), (640, 360), (640, 360)]


def test_a_photo_becomes_a_still_webp(tmp_path: Path) -> None:
    Image.new("RGB", (41, 31), (200, 30, 30)).save(tmp_path / "photo.png")
    photo = item(tmp_path / "photo.png")
    render(opened(photo), {"m1": photo}, tmp_path / "out.webp", format="webp")
    with Image.open(tmp_path / "out.webp") as image:
        assert image.size == (41, 31)
        assert getattr(image, "n_frames", 1) == 1


def test_formats_with_two_part_names_are_recognized() -> None:
    assert known_format("stacked") == "stacked.mp4"
    assert known_format("bundle") == "bundle.zip"
    assert known_format("stacked.gif") is None
    assert known_format("bundle.mp4") is None
    assert format_for("a.stacked.mp4", None) == "stacked.mp4"
    assert format_for("a.mov", "stacked") == "stacked.mov"
    assert format_for("a.bundle.zip", None) == "bundle.zip"
    assert format_for("a.zip", None) == "zip"
    assert has_alpha("stacked.mp4")
    assert has_alpha("bundle.zip")
    assert not is_still("webp")
    assert is_still("png")


@pytest.mark.parametrize("format_", ["mp4", "matte.mp4", "stacked.mp4", "bundle.zip"])
def test_color_adjustments_titles_and_fades_leave_the_mask_white_on_black(
    tmp_path: Path, talk: MediaItem, format_: str
) -> None:
    background = Background("matte") if format_ == "mp4" else Background("transparent")
    dark = timeline_of(talk, background=background, brightness=-0.25, contrast=1.2, saturation=0.5)
    if format_ in ("mp4", "matte.mp4"):
        title = Title("HELLO", 240)
        dark = attrs.evolve(dark, titles=(title,), fade_in_ms=80, fade_out_ms=80)
    path = tmp_path / f"out.{format_}"
    render(dark, {"m1": talk}, path, format=format_, engine=YellowMatte())
    if format_ == "bundle.zip":
        with zipfile.ZipFile(path) as bundle:
            bundle.extractall(tmp_path)
        path = tmp_path / "matte.mp4"
    for frame in decode(path).frames:
        mask = frame[-120:]
        assert near(_color(mask, 80, 90), (255, 255, 255), 6)
        assert near(_color(mask, 10, 10), (0, 0, 0), 6)
        assert ((mask < 12) | (mask > 243)).mean() > 0.95
