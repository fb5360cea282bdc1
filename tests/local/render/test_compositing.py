"""The picture of rendered files: size, rate, duration, backgrounds, colors and titles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nemovideo.local.media.probe import MediaItem
from nemovideo.local.render import render
from nemovideo.local.render.drawing.scenes import draw_scene
from nemovideo.local.timeline import SCENES, Background, Clip, Timeline, Title
from tests.support.render import (
    PERSON,
    WALL,
    YellowMatte,
    decode,
    decode_rgba,
    draft,
    item,
    make_image,
    make_video,
    near,
    person_picture,
    timeline_of,
)


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> MediaItem:
    return item(make_video(tmp_path_factory.mktemp("talk") / "talk.mp4", seconds=0.6))


def test_without_edits_the_picture_is_unchanged(tmp_path: Path, talk: MediaItem) -> None:
    seen = decode(render(timeline_of(talk), {"m1": talk}, tmp_path / "out.mp4").path)
    assert np.abs(seen.frames[5].astype(int) - person_picture()).mean() < 4
    assert seen.codecs == ("h264", "aac")


def test_a_color_replaces_the_wall_and_not_the_person(tmp_path: Path, talk: MediaItem) -> None:
    for color, rgb in (("#00b140", (0, 0xB1, 0x40)), ("white", (255,) * 3)):
        timeline = timeline_of(talk, background=Background("color", color=color))
        seen = decode(render(timeline, {"m1": talk}, tmp_path / "o.mp4", engine=YellowMatte()).path)
        for number in (0, 7, 14):
            assert near(seen.corner(number), rgb)
            assert near(seen.middle(number), PERSON)


def test_a_scene_is_behind_the_person(tmp_path: Path, talk: MediaItem) -> None:
    for scene in SCENES[:1]:
        timeline = timeline_of(talk, background=Background("scene", scene=scene), duration_ms=120)
        seen = decode(render(timeline, {"m1": talk}, tmp_path / "o.mp4", engine=YellowMatte()).path)
        drawn = np.asarray(draw_scene(scene, 160, 120)).astype(int)
        assert np.abs(seen.frames[2][:20].astype(int) - drawn[:20]).mean() < 10
        assert near(seen.middle(2), PERSON)


def test_an_uploaded_picture_is_behind_the_person(tmp_path: Path, talk: MediaItem) -> None:
    photo = item(make_image(tmp_path / "p.png", (200, 40, 90), (300, 80)), "m2")
    timeline = timeline_of(talk, background=Background("image", media="m2"))
    media = {"m1": talk, "m2": photo}
    seen = decode(render(timeline, media, tmp_path / "o.mp4", engine=YellowMatte()).path)
    assert near(seen.corner(10), (200, 40, 90))
    assert near(seen.middle(10), PERSON)


def test_an_uploaded_video_loops_behind_the_person(tmp_path: Path, talk: MediaItem) -> None:
    red, green = (np.full((60, 60, 3), c, np.uint8) for c in ((200, 30, 30), (30, 180, 30)))
    backdrop = item(make_video(tmp_path / "b.mp4", seconds=0.4, pictures=[red, green]), "m2")
    timeline = timeline_of(talk, background=Background("video", media="m2"))
    media = {"m1": talk, "m2": backdrop}
    seen = decode(render(timeline, media, tmp_path / "o.mp4", engine=YellowMatte()).path)
    for number, color in ((1, (200, 30, 30)), (8, (30, 180, 30)), (12, (200, 30, 30))):
        assert near(seen.corner(number), color, 16)
        assert near(seen.middle(number), PERSON)


def test_a_blur_removes_detail_but_not_from_the_person(tmp_path: Path) -> None:
    striped = person_picture()
    striped[:, :40:8] = striped[:, 4:40:8] = (250, 250, 250)
    talk = item(make_video(tmp_path / "a.mp4", pictures=[striped], seconds=0.24))
    timeline = timeline_of(talk, background=Background("blur"))
    seen = decode(render(timeline, {"m1": talk}, tmp_path / "o.mp4", engine=YellowMatte()).path)
    wall, before = seen.frames[5][40:80, 4:36], striped[40:80, 4:36]
    assert wall.std(axis=(0, 1)).max() < before.std(axis=(0, 1)).max() / 4
    assert near(seen.middle(5), PERSON)
    beside = seen.frames[5][60:110, 112:118].reshape(-1, 3).mean(axis=0)
    assert near(tuple(int(v) for v in beside), WALL, 20), "no halo of the person"


@pytest.mark.parametrize("with_sound", [True, False])
def test_a_transparent_background_is_transparent_in_webm(tmp_path: Path, with_sound: bool) -> None:
    tone = 0.3 if with_sound else None
    talk = item(make_video(tmp_path / "a.mp4", seconds=0.24, tone=tone))
    timeline = timeline_of(talk, background=Background("transparent"))
    result = render(
        timeline, {"m1": talk}, tmp_path / "o.webm", format="webm", engine=YellowMatte()
    )
    frames = decode_rgba(result.path)
    assert len(frames) == 6
    assert frames[5][2:20, 2:20, 3].max() <= 2
    assert frames[5][80:110, 65:95, 3].min() >= 250
    assert frames[5][2:20, 2:20, :3].max() < 30, "the old background is removed"
    assert near(tuple(int(v) for v in frames[5][80:110, 70:90, :3].mean(axis=(0, 1))), PERSON)
    assert decode(result.path).codecs == (("vp9", "opus") if with_sound else ("vp9",))


def test_text_is_opaque_over_a_transparent_background(tmp_path: Path, talk: MediaItem) -> None:
    timeline = timeline_of(
        talk,
        Title("WWWW", 200, position="top"),
        background=Background("transparent"),
        duration_ms=200,
    )
    result = render(
        timeline, {"m1": talk}, tmp_path / "o.webm", format="webm", engine=YellowMatte()
    )
    assert decode_rgba(result.path)[4][:30, :, 3].max() > 240


def test_a_transparent_background_is_black_in_mp4(tmp_path: Path, talk: MediaItem) -> None:
    timeline = timeline_of(talk, background=Background("transparent"))
    seen = decode(render(timeline, {"m1": talk}, tmp_path / "o.mp4", engine=YellowMatte()).path)
    assert near(seen.corner(10), (0, 0, 0), 6)
    assert near(seen.middle(10), PERSON)


def test_brightness_contrast_and_saturation_change_the_picture(
    tmp_path: Path, talk: MediaItem
) -> None:
    def rendered(**change: float) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.uint8]], float]:
        timeline = timeline_of(talk, duration_ms=120, **change)
        frame = decode(render(timeline, {"m1": talk}, tmp_path / "o.mp4").path).frames[1]
        return frame, float(frame.mean())

    plain, mean = rendered()
    assert rendered(brightness=0.2)[1] > mean + 25
    assert rendered(brightness=-0.2)[1] < mean - 25
    assert rendered(contrast=1.6)[0].std() > plain.std() * 1.15
    assert rendered(contrast=0.5)[0].std() < plain.std() * 0.7
    gray = rendered(saturation=0)[0].astype(int)
    assert np.abs(gray.max(axis=-1) - gray.min(axis=-1)).max() <= 6


@pytest.mark.parametrize(
    ("position", "rows"), [("top", (0, 40)), ("center", (40, 80)), ("bottom", (80, 120))]
)
def test_a_title_is_shown_at_its_position_and_time(
    tmp_path: Path, position: str, rows: tuple[int, int]
) -> None:
    dark = np.full((120, 160, 3), (20, 30, 60), dtype=np.uint8)
    talk = item(make_video(tmp_path / "a.mp4", pictures=[dark]))
    title = Title("Hello there", 400, start_ms=400, position=position)
    seen = decode(render(timeline_of(talk, title), {"m1": talk}, tmp_path / "o.mp4").path)

    def bright(number: int) -> int:
        return int((seen.frames[number][rows[0] : rows[1]].min(axis=-1) > 150).sum())

    assert [bright(number) for number in (0, 9, 20, 24)] == [0, 0, 0, 0]
    assert bright(10) > 40
    assert bright(19) > 40
    others = np.delete(seen.frames[15], np.s_[rows[0] : rows[1]], axis=0)
    assert (others.min(axis=-1) > 150).sum() == 0


def test_a_trim_keeps_the_requested_part(tmp_path: Path) -> None:
    colors = [(200, 30, 30), (30, 180, 30), (30, 30, 200), (200, 200, 30)]
    pictures = [np.full((120, 160, 3), color, np.uint8) for color in colors]
    talk = item(make_video(tmp_path / "a.mp4", seconds=6, pictures=pictures))
    timeline = timeline_of(talk, source_start_ms=4100, duration_ms=900)
    seen = decode(render(timeline, {"m1": talk}, tmp_path / "o.mp4").path)
    assert abs(len(seen.frames) - 22.5) <= 0.5
    assert near(seen.corner(0), colors[2], 16)
    assert near(seen.corner(8), colors[2], 16)
    assert near(seen.corner(11), colors[3], 16)


@pytest.mark.parametrize("speed", [2.0, 0.5])
def test_speed_changes_the_duration_and_not_the_content(tmp_path: Path, speed: float) -> None:
    colors = [(200, 30, 30), (30, 180, 30), (30, 30, 200), (200, 200, 30)]
    pictures = [np.full((120, 160, 3), color, np.uint8) for color in colors]
    talk = item(make_video(tmp_path / "a.mp4", seconds=0.96, pictures=pictures))
    timeline = timeline_of(talk, speed=speed, duration_ms=round(960 / speed))
    seen = decode(render(timeline, {"m1": talk}, tmp_path / "o.mp4").path)
    assert len(seen.frames) == round(24 / speed)
    for quarter, color in enumerate(colors):
        assert near(seen.corner(round((quarter + 0.5) / 4 * 24 / speed)), color, 16)


def test_pictures_make_a_slideshow(tmp_path: Path) -> None:
    colors = [(200, 30, 30), (30, 180, 30), (30, 30, 200)]
    sizes = [(80, 60), (60, 160), (333, 77)]
    media = {
        f"m{n}": item(make_image(tmp_path / f"{n}.jpg", color, size), f"m{n}")
        for n, (color, size) in enumerate(zip(colors, sizes, strict=True))
    }
    clips = tuple(Clip("image", 400, "slide", media=f"m{n}") for n in range(3))
    timeline = Timeline(clips=clips, width=320, height=180, fps=25)
    seen = decode(render(timeline, media, tmp_path / "o.mp4").path)
    assert seen.codecs == ("h264",)
    assert len(seen.frames) == 30
    for number, color in ((5, colors[0]), (15, colors[1]), (25, colors[2])):
        assert near(seen.center(number), color, 16)


def test_a_title_card_shows_its_words_on_its_color(tmp_path: Path) -> None:
    clip = Clip("card", 400, "card", text="Welcome", color="#204080")
    timeline = Timeline(clips=(clip,), width=320, height=180, fps=25)
    seen = decode(render(timeline, {}, tmp_path / "o.mp4").path)
    assert near(seen.corner(5), (0x20, 0x40, 0x80))
    assert (seen.frames[5][50:130].min(axis=-1) > 200).sum() > 200


def test_clips_of_several_kinds_share_one_canvas(tmp_path: Path, talk: MediaItem) -> None:
    photo = item(make_image(tmp_path / "p.png", (200, 40, 90)), "m2")
    tall = item(make_video(tmp_path / "t.mp4", size=(90, 160), tone=None), "m3")
    clips = (
        Clip("card", 200, "card", text="", color="#ffffff"),
        Clip("video", 400, "talk", media="m1"),
        Clip("image", 200, "photo", media="m2"),
        Clip("video", 400, "tall", media="m3"),
    )
    media = {"m1": talk, "m2": photo, "m3": tall}
    seen = decode(render(draft(talk, *clips), media, tmp_path / "o.mp4").path)
    assert len(seen.frames) == 30
    colors = [seen.corner(n) for n in (2, 8, 17, 25)]
    wanted = [(255, 255, 255), WALL, (200, 40, 90), (0, 0, 0)]
    assert all(near(a, b) for a, b in zip(colors, wanted, strict=True)), colors
    assert near(seen.middle(25), PERSON), "a tall clip is between black bars"


def test_the_last_frame_is_held_if_a_clip_exceeds_its_file(tmp_path: Path, talk: MediaItem) -> None:
    seen = decode(
        render(timeline_of(talk, duration_ms=1000), {"m1": talk}, tmp_path / "o.mp4").path
    )
    assert len(seen.frames) == 25
    assert near(seen.middle(24), PERSON)
