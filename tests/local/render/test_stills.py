"""Stills show the frames of an export, without an export."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import attrs
import numpy as np
import pytest
from av.video.frame import VideoFrame
from PIL import Image

from nemovideo.errors import RenderFailedError
from nemovideo.local.matte import LazyMatting, LoadedEngine
from nemovideo.local.matte.engine import Mask, Picture
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.render import backgrounds, decoding, render
from nemovideo.local.render.backgrounds import load_image
from nemovideo.local.render.decoding import frames_at
from nemovideo.local.render.stills import make_stills
from nemovideo.local.timeline import Background, Clip, Timeline, Title
from tests.support.footage import FPS, film, shades
from tests.support.media import pictures
from tests.support.render import PERSON, WALL, YellowMatte, item, make_video, near

MATTING = LazyMatting(YellowMatte()).load
RED = (255, 0, 0)


def test_a_still_equals_the_frame_of_an_export(tmp_path: Path) -> None:
    video = item(make_video(tmp_path / "a.mp4", seconds=2), "m1")
    backdrop = item(film(tmp_path / "b.mp4", shades(50)), "m2")
    media = {"m1": video, "m2": backdrop}
    clips = (
        Clip("card", 480, "card", text="Hi", color="#203040"),
        Clip(
            "video", 1000, "a", media="m1", speed=1.5, source_start_ms=200, brightness=0.1,
            background=Background("video", media="m2"),
        ),
        Clip("video", 600, "a", media="m1", background=Background("color", color="#ff0000")),
    )  # fmt: skip
    draft = Timeline(
        clips, titles=(Title("Hello", 800, 400, "top"),), width=160, height=120, fps=25,
        fade_in_ms=200, fade_out_ms=300,
    )  # fmt: skip
    exported = pictures(
        render(draft, media, tmp_path / "out.mp4", matting=MATTING, quality="high").path
    )
    numbers = [0, 3, 12, 20, 33, 40, 49]
    stills = make_stills(draft, media, [number / 25 for number in numbers], MATTING)
    for number, still in zip(numbers, stills, strict=True):
        shown = np.asarray(still.after).astype(int)
        assert np.abs(shown - exported[number]).mean() < 3, number


def test_a_preview_gives_the_large_network_fewer_pixels_than_an_export(tmp_path: Path) -> None:
    class Large(YellowMatte):
        def mask(self, picture: Picture) -> Mask:
            pixels.append(picture.shape[0] * picture.shape[1])
            return super().mask(picture)

    def matting() -> LoadedEngine:
        return LoadedEngine(YellowMatte(), large=Large())

    video = item(make_video(tmp_path / "a.mp4", seconds=0.12, size=(640, 480)), "m1")
    clip = Clip("video", 40, "a", media="m1", background=Background("blur"))
    draft = Timeline((clip,), width=640, height=480, fps=25)
    pixels: list[int] = []
    render(draft, {"m1": video}, tmp_path / "out.mp4", matting=matting)
    exported, pixels = max(pixels), []
    make_stills(draft, {"m1": video}, [0], matting)
    assert pixels
    assert max(pixels) < 0.8 * exported


def test_the_default_is_the_first_middle_and_last_frame(tmp_path: Path) -> None:
    frames = shades(30)
    video = item(film(tmp_path / "a.mp4", frames), "m1")
    draft = Timeline((Clip("video", 30 * 1000 // FPS, "a", media="m1"),), fps=FPS)
    draft = attrs.evolve(draft, width=frames[0].shape[1], height=frames[0].shape[0])
    stills = make_stills(draft, {"m1": video}, None, MATTING)
    brightness = [int(np.asarray(still.after).mean()) for still in stills]
    wanted = [int(frames[number].mean()) for number in (0, 15, 29)]
    assert all(abs(a - b) <= 3 for a, b in zip(brightness, wanted, strict=True))
    assert [still.time_s for still in stills] == [0, 15 / FPS, 29 / FPS]


def test_before_is_the_original_footage_and_after_keeps_transparency(tmp_path: Path) -> None:
    video = item(make_video(tmp_path / "a.mp4", seconds=1), "m1")
    clip = Clip("video", 1000, "a", media="m1", background=Background("transparent"), fit="cover")
    draft = Timeline((clip,), width=90, height=160, fps=25, has_custom_size=True)
    (still,) = make_stills(draft, {"m1": video}, [0.5], MATTING)
    assert (still.before.size, still.after.size) == ((160, 120), (90, 160))
    assert near(tuple(np.asarray(still.before)[10, 10].tolist()), WALL)
    assert still.after.mode == "RGBA"
    alpha = np.asarray(still.after)[..., 3]
    assert alpha[2, 2] == 0
    assert near(tuple(np.asarray(still.after)[150, 45, :3].tolist()), PERSON)


def test_a_photo_is_a_single_still_of_its_size(tmp_path: Path) -> None:
    Image.new("RGB", (64, 48), PERSON).save(tmp_path / "a.png")
    media = {"m1": item(tmp_path / "a.png", "m1")}
    draft = Timeline((Clip("image", 5000, "a", media="m1"),), width=1920, height=1080)
    (still,) = make_stills(draft, media, None, MATTING)
    assert still.after.size == (64, 48)


def test_warnings_name_the_time_of_the_still(tmp_path: Path) -> None:
    wall = np.full((120, 160, 3), WALL, np.uint8)
    video = item(make_video(tmp_path / "a.mp4", pictures=[wall]), "m1")
    clip = Clip("video", 1000, "a.mp4", media="m1", background=Background("blur"))
    draft = Timeline((clip,), width=160, height=120, fps=25)
    warnings: list[str] = []
    make_stills(draft, {"m1": video}, [0.4], MATTING, warnings.append)
    (warning,) = warnings
    assert warning.startswith("At 0.4 s: No person was found in a.mp4")
    with pytest.raises(RenderFailedError, match="not uploaded"):
        make_stills(draft, {}, None, MATTING)


def test_a_still_of_a_non_reference_frame_is_exact(tmp_path: Path) -> None:
    """Frames long before the moment are skipped, but never the one that is shown."""
    frames = shades(40)
    pause = [number / FPS + (3 if number > 25 else 0) for number in range(40)]
    options = {"bf": "3", "g": "300", "preset": "medium", "x264-params": "scenecut=0:b-adapt=0"}
    for times_s in (None, pause):
        path = film(tmp_path / "a.mp4", frames, times_s=times_s, options=options)
        starts_s = times_s or [number / FPS for number in range(40)]
        wanted = [24, 25, 26, 27, 37, 38]  # the frame before the pause, and B-frames
        shown_s = [(starts_s[n] + starts_s[n + 1]) / 2 - 0.001 for n in wanted]
        clip = Clip("video", round(1000 * starts_s[-1]), "a", media="m1")
        draft = Timeline((clip,), width=96, height=64, fps=200)
        stills = make_stills(draft, {"m1": item(path, "m1")}, shown_s, MATTING)
        brightness = [int(np.asarray(still.before).mean()) for still in stills]
        expected = [int(frames[number].mean()) for number in wanted]
        assert all(abs(a - b) <= 2 for a, b in zip(brightness, expected, strict=True))


@pytest.mark.parametrize(("suffix", "parts"), [(".mp4", 2), (".mkv", 7)])
def test_frames_of_one_part_of_a_file_are_decoded_together(
    tmp_path: Path, suffix: str, parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part extends to the next key frame, if the file has an index of them."""
    frames = shades(150)
    options = {"bf": "3", "g": "100", "preset": "medium", "x264-params": "scenecut=0"}
    media = item(film(tmp_path / f"a{suffix}", frames, options=options), "m1")
    decoded: list[int] = []

    def counted(frames: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
        decoded.append(0)
        for frame in frames:
            decoded[-1] += 1
            yield frame

    monkeypatch.setattr(decoding, "deinterlaced", counted)
    wanted = [0, 30, 60, 61, 90, 100, 140, 149]
    shown = list(frames_at(media, [Fraction(number, FPS) for number in wanted]))
    brightness = [int(frame.to_ndarray(format="gray").mean()) for _, frame in filter(None, shown)]
    expected = [int(frames[number].mean()) for number in wanted]
    assert all(abs(a - b) <= 3 for a, b in zip(brightness, expected, strict=True))
    assert len(decoded) == parts
    if suffix == ".mp4":
        assert sum(decoded) < 110  # most non-reference frames are skipped


def test_stills_are_in_the_order_of_their_times(tmp_path: Path) -> None:
    frames = shades(100)
    media = {
        name: item(film(tmp_path / f"{name}.mp4", shown, options={"g": "25"}), name)
        for name, shown in (("a", frames[:50]), ("b", frames[50:]))
    }
    clips = tuple(Clip("video", 2000, name, media=name) for name in ("b", "a", "b"))
    draft = Timeline(clips, width=96, height=64, fps=FPS)
    at_s = [5.0, 0.2, 3.0, 0.2, 2.0]
    stills = make_stills(draft, media, at_s, MATTING)
    brightness = [int(np.asarray(still.after).mean()) for still in stills]
    expected = [int(frames[number].mean()) for number in (75, 55, 25, 55, 0)]
    assert all(abs(a - b) <= 3 for a, b in zip(brightness, expected, strict=True))


def test_a_picture_behind_several_stills_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def counted(media: MediaItem) -> Image.Image:
        opened.append(media.id)
        return load_image(media)

    Image.new("RGB", (64, 48), RED).save(tmp_path / "b.png")
    media = {
        "m1": item(make_video(tmp_path / "a.mp4", seconds=1), "m1"),
        "m2": item(tmp_path / "b.png", "m2"),
    }
    clip = Clip("video", 1000, "a", media="m1", background=Background("image", media="m2"))
    draft = Timeline((clip,), width=160, height=120, fps=25)
    monkeypatch.setattr(backgrounds, "load_image", counted)
    stills = make_stills(draft, media, None, MATTING)
    assert all(near(tuple(np.asarray(still.after)[5, 5].tolist()), RED) for still in stills)
    assert (len(stills), opened) == (3, ["m2"])
