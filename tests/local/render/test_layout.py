"""Layout, rotation, crop, overlays and fades: planned, and in the decoded file."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import attrs
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from nemovideo.errors import RenderFailedError
from nemovideo.local.matte import load_matting
from nemovideo.local.matte.tracking import whole
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.render import render
from nemovideo.local.render.canvas import Canvas
from nemovideo.local.render.compositing import Cropper
from nemovideo.local.render.cutting import FrameView
from nemovideo.local.render.decoding import decode_frames
from nemovideo.local.render.layout import Detection, Region, plan
from nemovideo.local.timeline import (
    Background,
    Clip,
    Crop,
    Overlay,
    Place,
    Sound,
    Timeline,
    Title,
)
from tests.support.render import (
    PERSON,
    WALL,
    Decoded,
    Pixels,
    YellowMatte,
    carphone,
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

RED, GREEN = (220, 30, 30), (20, 190, 40)
TALL = Canvas(90, 160, Fraction(25))
WIDE = Fraction(16, 9)
COVER = Clip("video", 4000, "talk.mp4", fit="cover")


def _detection(frame: int, x: float, *, scene: int = 0, wide: float = 0.08) -> Detection:
    head = (x - wide / 2, 0.2, x + wide / 2, 0.4)
    return Detection(frame, scene, (x - 0.1, 0.2, x + 0.1, 1.0), head, (head,))


def _shown(numbers: list[int], detections: list[Detection]) -> list[tuple[float, float]]:
    """Plan a vertical layout; return the left and right of each head on the canvas."""
    layout = plan(COVER, TALL, WIDE, detections, 100)
    assert layout.width >= TALL.width
    by_frame = {detection.frame: detection.faces[0] for detection in detections}
    return [
        (
            by_frame[number][0] * layout.width + layout.at(number)[0],
            by_frame[number][2] * layout.width + layout.at(number)[0],
        )
        for number in numbers
    ]


def test_the_layout_follows_a_moving_head_without_cropping_it() -> None:
    detections = [_detection(n, 0.1 + 0.8 * n / 95) for n in range(0, 96, 5)]
    for first, last in _shown([detection.frame for detection in detections], detections):
        assert first >= -1
        assert last <= TALL.width + 1
    layout = plan(COVER, TALL, WIDE, detections, 100)
    steps = [abs(b[0] - a[0]) for a, b in pairwise(layout.offsets)]
    assert max(steps) <= 6  # smoothly


def test_the_layout_ignores_small_movements() -> None:
    detections = [_detection(n, 0.6 + 0.01 * (n // 5 % 3)) for n in range(0, 96, 5)]
    assert len(set(plan(COVER, TALL, WIDE, detections, 100).offsets)) == 1


def test_the_layout_jumps_at_a_hard_cut() -> None:
    detections = [_detection(n, 0.2) for n in range(0, 50, 5)]
    detections += [_detection(n, 0.8, scene=1) for n in range(50, 100, 5)]
    layout = plan(COVER, TALL, WIDE, detections, 100)
    assert layout.at(49) == layout.at(0)
    assert layout.at(50) == layout.at(99)
    assert layout.at(50)[0] < layout.at(49)[0] - 90


def test_the_face_that_stays_is_shown_and_both_if_they_fit() -> None:
    def both(frame: int, other: float, *, gone: bool = False) -> Detection:
        stays, leaves = (0.2, 0.2, 0.3, 0.4), (other, 0.1, other + 0.15, 0.45)
        faces: tuple[Region, ...] = (stays,) if gone else (leaves, stays)
        return Detection(frame, 0, (0.1, 0.1, 0.9, 1.0), leaves, faces)

    far = [both(n, 0.7, gone=n > 50) for n in range(0, 96, 5)]
    layout = plan(COVER, TALL, WIDE, far, 100)
    assert len(set(layout.offsets)) == 1
    assert 0 <= 0.2 * layout.width + layout.at(0)[0] < 0.3 * layout.width + layout.at(0)[0] <= 90
    close = [both(n, 0.35) for n in range(0, 96, 5)]
    layout = plan(COVER, TALL, WIDE, close, 100)
    assert 0 <= 0.2 * layout.width + layout.at(0)[0] < 0.5 * layout.width + layout.at(0)[0] <= 92


def test_a_face_wider_than_the_canvas_is_shown_between_blurred_bars() -> None:
    detections = [_detection(n, 0.5, wide=0.8) for n in range(0, 96, 5)]
    layout = plan(COVER, TALL, WIDE, detections, 100)
    assert layout.filled
    assert layout.width * 0.8 / 1.7 <= TALL.width < layout.width
    assert layout.height < TALL.height


def test_a_clip_that_would_be_enlarged_too_much_is_refused() -> None:
    large = attrs.evolve(TALL, width=4096, height=4096)
    for clip, shape in (
        (attrs.evolve(COVER, crop=Crop(right=1e-9)), Fraction(2, 8192)),
        (attrs.evolve(COVER, place=Place(scale=4.0)), WIDE),
    ):
        with pytest.raises(RenderFailedError, match="enlarges up to 110 million pixels"):
            plan(clip, large, shape, [], 100)


def _talk(folder: Path, pictures: list[Pixels] | None = None, **options: object) -> MediaItem:
    return item(make_video(folder / "talk.mp4", pictures=pictures, tone=None, **options))  # type: ignore[arg-type]


def _rendered(
    timeline: Timeline, folder: Path, *media: MediaItem, name: str = "out.mp4"
) -> Decoded:
    path = folder / name
    render(timeline, {m.id: m for m in media}, path, engine=YellowMatte())
    return decode(path)


def _person(picture: Pixels) -> tuple[float, float, float, float]:
    """Return the left, top, right and bottom of the yellow person in pixels."""
    yellow = (picture[..., 0].astype(int) - picture[..., 2] > 90) & (picture[..., 1] > 140)
    rows, columns = np.flatnonzero(yellow.any(axis=1)), np.flatnonzero(yellow.any(axis=0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


def _walk() -> list[Pixels]:
    """Return pictures of 320×180 of a narrow person who walks from left to right."""
    pictures = []
    for step in range(25):
        picture = np.full((180, 320, 3), WALL, dtype=np.uint8)
        left = 10 + step * 11
        picture[60:, left : left + 40] = PERSON
        pictures.append(picture)
    return pictures


def test_a_vertical_layout_keeps_a_walking_person_in_view(tmp_path: Path) -> None:
    talk = _talk(tmp_path, _walk(), seconds=2)
    timeline = attrs.evolve(
        timeline_of(talk, fit="cover"), width=180, height=320, has_custom_size=True
    )
    seen = _rendered(timeline, tmp_path, talk)
    assert len(seen.frames) == 50
    for picture in seen.frames:
        assert picture.shape == (320, 180, 3)
        left, _, right, bottom = _person(picture)
        assert (left > 1) or (right < 179)
        assert right - left >= 65  # 40 pixels of 180 rows, on 320 rows
        assert bottom == 320


def test_a_vertical_layout_does_not_crop_a_real_face(tmp_path: Path) -> None:
    talk = item(carphone())
    clip = timeline_of(talk, fit="cover", duration_ms=800)
    timeline = attrs.evolve(clip, width=288, height=512, has_custom_size=True)
    path = tmp_path / "tall.mp4"
    result = render(timeline, {talk.id: talk}, path)
    assert (result.width, result.height) == (288, 512)
    faces = load_matting().faces
    assert faces is not None
    cropper = Cropper()
    found = 0
    for number, (_, frame) in enumerate(decode_frames(item(path))):
        if number % 6:
            continue
        view = FrameView(frame, cropper)
        boxes = faces.find(view.picture(whole(view.size), (faces.side, faces.side)), view.size)
        found += len(boxes) == 1
        for left, top, right, _ in boxes:
            assert left >= 0
            assert top >= 0
            assert right <= 288
    assert found >= 3


@pytest.mark.parametrize(
    ("kind", "x", "y", "scale", "where"),
    [
        ("color", 1.0, 1.0, 0.4, (136, 84, 157, 120)),
        ("color", 0.0, None, 1.0, (4, 30, 57, 120)),
        ("transparent", 0.0, None, 1.0, (4, 30, 57, 120)),
        ("color", 0.5, 0.0, 0.5, (67, 4, 93, 49)),
        ("transparent", None, None, 1.2, (48, 12, 112, 120)),
    ],
)
def test_the_person_is_placed_over_a_new_background(
    tmp_path: Path,
    kind: str,
    x: float | None,
    y: float | None,
    scale: float,
    where: tuple[int, int, int, int],
) -> None:
    talk = _talk(tmp_path, seconds=0.2)
    background = Background(kind, color="#14be28" if kind == "color" else None)
    timeline = timeline_of(talk, background=background, place=Place(x, y, scale))
    path = tmp_path / ("out.mp4" if kind == "color" else "out.webm")
    render(timeline, {"m1": talk}, path, format=path.suffix[1:], engine=YellowMatte())
    picture = decode(path).frames[2] if kind == "color" else decode_rgba(path)[2]
    assert np.abs(np.subtract(_person(picture), where)).max() <= 4
    empty = picture[4:12, 4:12] if x != 0.0 else picture[4:12, -12:-4]
    if kind == "color":
        assert near(tuple(int(v) for v in empty.reshape(-1, 3).mean(axis=0)), GREEN, 20)
    else:
        assert empty[..., 3].max() < 20
        middle = picture[int(where[1] + where[3]) // 2, int(where[0] + where[2]) // 2]
        assert middle[3] > 240


def test_a_vertical_layout_shows_the_whole_person_over_a_new_background(tmp_path: Path) -> None:
    talk = _talk(tmp_path, seconds=0.2)
    office = Background("color", color="#14be28")
    timeline = attrs.evolve(
        timeline_of(talk, background=office, fit="cover"),
        width=60,
        height=120,
        has_custom_size=True,
    )
    left, top, right, bottom = _person(_rendered(timeline, tmp_path, talk).frames[2])
    assert 0 < left < right < 60
    assert right - left > 45  # as large as the width allows
    assert 20 < top < bottom == 120


@pytest.mark.parametrize(
    ("frame", "size", "where"),
    [
        ({"rotation_deg": 90}, (120, 160), (0, 53, 90, 107)),
        ({"rotation_deg": 180}, (160, 120), (53, 0, 107, 90)),
        ({"rotation_deg": 270}, (120, 160), (30, 53, 120, 107)),
        ({"flip": "y"}, (160, 120), (53, 0, 107, 90)),
        ({"crop": Crop(0.25, 0, 0.75, 1)}, (80, 120), (13, 30, 67, 120)),
        ({"crop": Crop(0, 0.5, 1, 1), "flip": "x"}, (160, 60), (53, 0, 107, 60)),
    ],
)
@pytest.mark.parametrize("kind", ["video", "image"])
def test_a_picture_is_rotated_flipped_and_cropped(
    tmp_path: Path,
    kind: str,
    frame: dict[str, object],
    size: tuple[int, int],
    where: tuple[int, int, int, int],
) -> None:
    if kind == "video":
        media = _talk(tmp_path, seconds=0.2)
        clip = timeline_of(media, **frame).clips[0]
    else:
        Image.fromarray(person_picture()).save(tmp_path / "photo.png")
        media = item(tmp_path / "photo.png")
        clip = Clip("image", 200, "photo.png", media.id, **frame)  # type: ignore[arg-type]
    timeline = Timeline(clips=(clip,), width=size[0], height=size[1], fps=25, has_custom_size=True)
    picture = _rendered(timeline, tmp_path, media).frames[2]
    assert picture.shape[:2] == (size[1], size[0])
    assert np.abs(np.subtract(_person(picture), where)).max() <= 3


def test_a_flip_swaps_left_and_right(tmp_path: Path) -> None:
    picture = np.full((120, 160, 3), WALL, dtype=np.uint8)
    picture[:, :40] = RED
    talk = _talk(tmp_path, [picture], seconds=0.2)
    picture = _rendered(timeline_of(talk, flip="x"), tmp_path, talk).frames[2]
    assert near(tuple(int(v) for v in picture[60, 150]), RED, 25)
    assert near(tuple(int(v) for v in picture[60, 10]), WALL, 25)


def test_a_blurred_copy_fills_the_bars(tmp_path: Path) -> None:
    talk = _talk(tmp_path, seconds=0.2)
    shaped = attrs.evolve(
        timeline_of(talk, fit="blur"), width=120, height=240, has_custom_size=True
    )
    picture = _rendered(shaped, tmp_path, talk).frames[2]
    left, top, right, bottom = _person(picture[75:165])
    assert (right - left, bottom - top) == pytest.approx((40, 67), abs=4)
    assert picture[10, 10].max() > 60  # not black


def test_picture_and_sound_fade_in_and_out(tmp_path: Path) -> None:
    talk = item(make_video(tmp_path / "talk.mp4", seconds=2))
    timeline = attrs.evolve(timeline_of(talk), fade_in_ms=400, fade_out_ms=800)
    seen = _rendered(timeline, tmp_path, talk)
    light = [float(frame.mean()) for frame in seen.frames]
    assert light[0] < 5
    assert light[4] == pytest.approx(light[20] / 2, rel=0.3)
    assert light[40] == pytest.approx(light[20] / 2, rel=0.3)
    assert light[49] < 8
    assert seen.loudness(0, 0.1) < 0.4 * seen.loudness(0.8, 1.0)
    assert seen.loudness(1.9, 2.0) < 0.2 * seen.loudness(0.8, 1.0)


def test_the_corner_size_and_time_of_a_logo_are_applied(tmp_path: Path) -> None:
    talk = _talk(tmp_path, seconds=0.4)
    logo = item(make_image(tmp_path / "logo.png", RED), "m2")
    shown = Overlay("m2", "logo.png", 200, position="top right", size=0.25)
    timeline = attrs.evolve(timeline_of(talk), overlays=(shown,))
    seen = _rendered(timeline, tmp_path, talk, logo)
    red = (seen.frames[2][..., 0] > 150) & (seen.frames[2][..., 1] < 90)
    rows, columns = np.flatnonzero(red.any(axis=1)), np.flatnonzero(red.any(axis=0))
    assert columns[-1] - columns[0] + 1 == pytest.approx(30, abs=3)
    assert rows[-1] - rows[0] + 1 == pytest.approx(22, abs=3)
    assert columns[-1] > 145
    assert rows[0] < 14
    assert not ((seen.frames[8][..., 0] > 150) & (seen.frames[8][..., 1] < 90)).any()


def test_a_title_fades_at_its_own_ends(tmp_path: Path) -> None:
    talk = _talk(tmp_path, seconds=0.8)
    plain = _rendered(timeline_of(talk), tmp_path, talk, name="plain.mp4").frames
    title = Title("Hello", 600, 100, fade_in_ms=200, fade_out_ms=200)
    faded = _rendered(timeline_of(talk, title), tmp_path, talk).frames
    shown = [
        float(np.abs(one.astype(int) - other).mean())
        for one, other in zip(faded, plain, strict=True)
    ]
    whole = shown[10]
    assert max(shown[:2] + shown[18:]) < 0.1 * whole
    assert shown[3] < shown[4] < shown[5] < shown[6] < whole
    assert shown[4] == pytest.approx(shown[15], rel=0.3)
    assert shown[4] == pytest.approx(whole / 2, rel=0.35)


def test_the_color_size_and_corner_of_a_title_are_applied(tmp_path: Path) -> None:
    talk = _talk(tmp_path, seconds=0.2, size=(320, 240))
    plain = _rendered(timeline_of(talk), tmp_path, talk, name="plain.mp4").frames[2].astype(int)

    def shown(**style: object) -> tuple[Pixels, npt.NDArray[np.intp]]:
        title = Title("Hello", 200, **{"position": "top left", "color": "red", **style})  # type: ignore[arg-type]
        picture = _rendered(timeline_of(talk, title), tmp_path, talk).frames[2]
        return picture, np.argwhere(np.abs(picture.astype(int) - plain).max(axis=2) > 60)

    picture, places = shown()
    assert places.mean(axis=0)[0] < 60
    assert places.mean(axis=0)[1] < 120
    letters = picture[places[:, 0], places[:, 1]]
    assert ((letters[:, 0] > 150) & (letters[:, 2] < 100)).sum() > 60
    assert np.ptp(shown(size=2.0)[1][:, 0]) > 1.6 * np.ptp(places[:, 0])


def test_the_volume_of_a_background_video_is_applied(tmp_path: Path) -> None:
    talk = _talk(tmp_path, seconds=0.8)
    waves = item(make_video(tmp_path / "waves.mp4", seconds=0.3, tone=0.4), "m2")
    loud = [
        _rendered(
            timeline_of(talk, background=Background("video", media="m2", volume=volume)),
            tmp_path,
            talk,
            waves,
        ).loudness()
        for volume in (0.0, 0.25, 0.5)
    ]
    assert loud[0] == 0
    assert loud[1] == pytest.approx(0.4 / 2**0.5 / 4, rel=0.2)
    assert loud[2] == pytest.approx(2 * loud[1], rel=0.1)


def test_a_draft_with_an_invalid_frame_is_refused(tmp_path: Path) -> None:
    talk = _talk(tmp_path, seconds=0.2)
    invalid: list[dict[str, object]] = [
        {"rotation_deg": 45},
        {"flip": "z"},
        {"fit": "stretch"},
        {"crop": Crop(0.5, 0, 0.5, 1)},
        {"crop": Crop(0, 0, float("nan"), 1)},
        {"place": Place(2.0, 0)},
        {"place": Place(scale=0)},
        {"place": Place(scale=1e9)},
    ]
    for frame in invalid:
        with pytest.raises(RenderFailedError, match=r"talk\.mp4"):
            _rendered(timeline_of(talk, **frame), tmp_path, talk)


def test_a_draft_round_trips() -> None:
    clip = Clip(
        "video", 100, "a.mp4", "m1",
        background=Background("video", media="m2", volume=0.3),
        rotation_deg=90, flip="x", crop=Crop(0.1), fit="cover", place=Place(1.0, None, 0.4),
    )  # fmt: skip
    timeline = Timeline(
        clips=(clip,),
        sounds=(Sound("m3", "song.mp3", 100),),
        titles=(Title("Hi", 100, color="#ff0000", size=2.0, position="top left"),),
        overlays=(Overlay("m4", "logo.png", 100),),
        has_custom_size=True,
        fade_in_ms=10,
        fade_out_ms=20,
    )
    assert Timeline.from_draft(timeline.to_draft()) == timeline


def test_clips_with_different_layouts_share_a_draft(tmp_path: Path) -> None:
    talk = _talk(tmp_path, seconds=0.2)
    plain = timeline_of(talk).clips[0]
    timeline = draft(
        talk, plain, attrs.evolve(plain, rotation_deg=90), attrs.evolve(plain, fit="cover")
    )
    seen = _rendered(timeline, tmp_path, talk)
    assert len(seen.frames) == 15
    assert near(seen.middle(2), PERSON)
    assert near(seen.corner(7), (0, 0, 0))
    assert near(seen.middle(12), PERSON)
