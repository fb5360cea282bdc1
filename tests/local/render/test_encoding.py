"""Every output format, decoded again: picture, transparency, duration, rate and sound."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import attrs
import av
import numpy as np
import pytest
from PIL import Image

from nemovideo._support.pixels import decoder_of
from nemovideo.errors import RenderCancelledError, RenderFailedError
from nemovideo.local.agent.intents.shape import shaped
from nemovideo.local.media.containers import main_video, open_media
from nemovideo.local.media.pictures import open_image
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.render import render
from nemovideo.local.timeline import Background, Clip, Timeline, Title
from tests.support.footage import FPS, clap, clap_times, packets, quarters, rendered
from tests.support.render import (
    PERSON,
    WALL,
    Pixels,
    YellowMatte,
    decode,
    decode_rgba,
    draft,
    item,
    make_video,
    near,
    person_picture,
    timeline_of,
)

WIDTH, HEIGHT = 96, 64
CLEAR = Background("transparent")


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> MediaItem:
    """Half a second of a person who moves to the right, with a tone."""
    folder = tmp_path_factory.mktemp("talk")
    pictures = [moved(number) for number in range(12)]
    return item(make_video(folder / "talk.mp4", seconds=0.48, pictures=pictures))


def moved(number: int) -> Pixels:
    picture = np.full((HEIGHT, WIDTH, 3), WALL, np.uint8)
    left = 8 + number
    picture[16:, left : left + 32] = PERSON
    return picture


def is_person(number: int) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Return the true mask of a frame."""
    return np.asarray((moved(number) == PERSON).all(axis=2))


def agrees(alpha: Pixels, number: int, *, share: float = 0.95) -> bool:
    """Return whether the mask is right, apart from its edge."""
    return float(((alpha > 127) == is_person(number)).mean()) >= share


def exported(talk: MediaItem, path: Path, format_: str, **clip: Any) -> Path:
    timeline = timeline_of(talk, **clip)
    return render(timeline, {"m1": talk}, path, format=format_, engine=YellowMatte()).path


@pytest.fixture(scope="module")
def cutout(talk: MediaItem, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Render the person with a transparent background, once for each format."""
    folder = tmp_path_factory.mktemp("cutout")
    return cache(lambda format_: exported(talk, folder / f"o.{format_}", format_, background=CLEAR))


# --- Transparency, in every frame -----------------------------------------------------------


def mov_frames(path: Path) -> list[Pixels]:
    with av.open(str(path)) as container:
        return [f.to_ndarray(format="rgba").astype(np.uint8) for f in container.decode(video=0)]


def gif_frames(path: Path) -> list[Pixels]:
    with Image.open(path) as image:
        frames = []
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            frames.append(np.asarray(image.convert("RGBA")))
        return frames


def zip_frames(path: Path) -> list[Pixels]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return [
            np.asarray(Image.open(BytesIO(archive.read(name))))
            for name in sorted(archive.namelist())
        ]


@pytest.mark.parametrize(
    ("format_", "frames_of"),
    [("webm", decode_rgba), ("mov", mov_frames), ("zip", zip_frames)],
)
def test_alpha_is_right_in_every_frame(
    cutout: Callable[[str], Path], format_: str, frames_of: Callable[[Path], list[Pixels]]
) -> None:
    frames = frames_of(cutout(format_))
    assert len(frames) == 12
    for number, frame in enumerate(frames):
        assert frame.shape == (HEIGHT, WIDTH, 4)
        assert agrees(frame[..., 3], number), number
        left = 8 + number
        person = frame[30:60, left + 8 : left + 24, :3].reshape(-1, 3).mean(axis=0)
        assert near(tuple(int(v) for v in person), PERSON, 10)


def test_the_alpha_of_a_gif_is_binary(tmp_path: Path, talk: MediaItem) -> None:
    path = exported(talk, tmp_path / "o.gif", "gif", background=CLEAR)
    frames = gif_frames(path)
    assert len(frames) == 6
    for number, frame in enumerate(frames):
        assert set(np.unique(frame[..., 3])) == {0, 255}
        assert agrees(frame[..., 3], 2 * number), number


@pytest.mark.parametrize("format_", ["mp4", "gif", "zip", "webm"])
def test_an_opaque_result_has_no_holes(tmp_path: Path, talk: MediaItem, format_: str) -> None:
    green = Background("color", color="#00b140")
    path = exported(talk, tmp_path / f"o.{format_}", format_, background=green)
    readers = {"gif": gif_frames, "zip": zip_frames}
    frames = readers[format_](path) if format_ in readers else decode(path).frames
    for frame in frames:
        assert near(tuple(int(v) for v in frame[4, 4, :3]), (0, 0xB1, 0x40), 14)
        assert frame.shape[2] == 3 or frame[..., 3].min() == 255


# --- Properties of the formats --------------------------------------------------------------


def test_a_gif_has_a_reduced_rate_and_size(tmp_path: Path) -> None:
    big = item(make_video(tmp_path / "a.mp4", size=(960, 540), seconds=0.4, fps=50))
    result = render(timeline_of(big), {"m1": big}, tmp_path / "o.gif", format="gif")
    assert (result.width, result.height) == (480, 270)
    with Image.open(result.path) as image:
        assert image.size == (480, 270)
        assert image.info["loop"] == 0
        shown_ms = []
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            shown_ms.append(image.info["duration"])
    assert sum(shown_ms) == pytest.approx(400, abs=10)
    assert min(shown_ms) >= 60
    assert list(tmp_path.glob(".*")) == [], "the temporary file is removed"


def test_a_gif_has_the_size_and_the_rate_that_the_user_asks_for(tmp_path: Path) -> None:
    big = item(make_video(tmp_path / "a.mp4", size=(960, 540), seconds=0.4, fps=50))
    for words, size, frames in (
        ("640 wide", (640, 360), 5),
        ("at 25 fps", (480, 270), 10),
        ("320x180 at 10 fps", (320, 180), 4),
    ):
        timeline = shaped(timeline_of(big), words)
        path = render(timeline, {"m1": big}, tmp_path / "o.gif", format="gif").path
        with Image.open(path) as image:
            assert (image.size, getattr(image, "n_frames", 1)) == (size, frames), words


def test_a_gif_approximates_many_colors(tmp_path: Path) -> None:
    ramp = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    ramp[..., 0] = np.linspace(40, 220, WIDTH)[None, :]
    ramp[..., 1] = np.linspace(60, 200, HEIGHT)[:, None]
    ramp[..., 2] = 90
    source = item(make_video(tmp_path / "a.mp4", pictures=[ramp], seconds=0.2))
    path = render(timeline_of(source), {"m1": source}, tmp_path / "o.gif", format="gif").path
    assert np.abs(gif_frames(path)[1][..., :3].astype(int) - ramp).mean() < 9


def test_a_gif_can_be_canceled_while_it_is_completed(tmp_path: Path, talk: MediaItem) -> None:
    progress: list[float] = []
    with pytest.raises(RenderCancelledError):
        render(
            timeline_of(talk),
            {"m1": talk},
            tmp_path / "o.gif",
            format="gif",
            on_progress=progress.append,
            cancelled=lambda: len(progress) == 6,
        )
    assert progress[-1] == 1
    assert list(tmp_path.iterdir()) == []


def test_a_zip_has_numbered_frames_and_its_rate(tmp_path: Path, talk: MediaItem) -> None:
    path = exported(talk, tmp_path / "o.zip", "zip")
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == [f"frame_{n:06d}.png" for n in range(1, 13)]
        assert archive.comment == b"25 fps"
        assert {each.compress_type for each in archive.infolist()} == {zipfile.ZIP_STORED}


def test_a_mov_is_prores_4444_with_pcm(cutout: Callable[[str], Path]) -> None:
    with av.open(str(cutout("mov"))) as container:
        video, sound = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, video.codec_context.codec_tag) == ("prores", "ap4h")
        assert (video.codec_context.pix_fmt or "").startswith("yuva444p")
        assert sound.codec_context.name == "pcm_s16le"
        assert sound.codec_context.rate == 48000


@pytest.mark.parametrize(("format_", "opaque", "slack"), [("mov", 4095, 0), ("webm", 255, 3)])
def test_the_person_is_fully_opaque_and_the_background_fully_transparent(
    cutout: Callable[[str], Path], format_: str, opaque: int, slack: int
) -> None:
    with open_media(cutout(format_)) as container:
        video = main_video(container)
        assert video is not None
        decoder = decoder_of(video)
        frame = next(f for packet in container.demux(video) for f in decoder.decode(packet))
        plane = frame.planes[3]
        values = np.frombuffer(memoryview(plane), np.uint8 if opaque == 255 else np.uint16)
        alpha = values.reshape(plane.height, -1)[:, : plane.width].astype(int)
    inside = alpha[24:60, 14:34]
    assert inside.min() >= opaque - slack
    assert inside.max() == opaque
    assert alpha[:, 56:].max() <= slack


@pytest.mark.parametrize("format_", ["mp4", "webm", "mov"])
def test_picture_and_sound_are_in_sync(tmp_path: Path, format_: str) -> None:
    out = rendered(clap(tmp_path / "a.mp4"), tmp_path / f"o.{format_}", format=format_)
    seen = decode(out.path)
    assert len(seen.frames) == FPS
    assert seen.fps == FPS
    assert seen.duration_s == pytest.approx(1, abs=0.03)
    assert clap_times(seen) == pytest.approx((0.4, 0.4), abs=0.012)


# --- Copied sound ---------------------------------------------------------------------------


def test_unchanged_aac_is_copied(tmp_path: Path) -> None:
    for suffix in ("mp4", "mkv", "mov"):
        source = clap(tmp_path / f"a.{suffix}")
        path = rendered(source, tmp_path / "o.mp4").path
        copied = packets(path)
        assert len(copied) >= 46
        assert copied == packets(source)[: len(copied)]
        assert clap_times(decode(path)) == pytest.approx((0.4, 0.4), abs=0.005)


def test_sound_that_starts_late_is_not_copied(tmp_path: Path) -> None:
    source = clap(tmp_path / "a.mp4", sound_start_s=0.2)
    seen = decode(rendered(source, tmp_path / "o.mp4").path)
    assert clap_times(seen) == pytest.approx((0.4, 0.4), abs=0.012)
    assert seen.loudness(0, 0.15) < 0.001


def test_copied_sound_ends_with_the_picture(tmp_path: Path) -> None:
    path = rendered(clap(tmp_path / "a.mp4", sound_s=3), tmp_path / "o.mp4").path
    assert decode(path).duration_s == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize(
    "change", [{"volume": 0.5}, {"source_start_ms": 100, "duration_ms": 600}, {"speed": 2.0}]
)
def test_changed_sound_is_encoded(tmp_path: Path, change: dict[str, Any]) -> None:
    source = clap(tmp_path / "a.mp4", at_s=0)
    path = rendered(source, tmp_path / "o.mp4", **change).path
    silence_bytes = 40
    loud = {packet for packet in packets(path) if len(packet) > silence_bytes}
    assert len(loud) > 10
    assert not loud & set(packets(source))
    assert decode(path).codecs == ("h264", "aac")


def test_other_sound_is_encoded_as_aac(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.webm", codec="libvpx-vp9", seconds=0.5)
    assert decode(rendered(path, tmp_path / "o.mp4").path).codecs == ("h264", "aac")


# --- Masks ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("format_", "background"),
    [
        ("matte", None),
        ("matte.mp4", Background("blur")),
        ("matte.zip", None),
        ("matte.mov", CLEAR),
    ],
)
def test_the_mask_is_white_where_the_person_is(
    tmp_path: Path, talk: MediaItem, format_: str, background: Background | None
) -> None:
    title = Title("HELLO", 480, position="top")
    timeline = timeline_of(talk, title, background=background, brightness=0.3, saturation=0.0)
    output = tmp_path / f"o.{format_}"
    path = render(timeline, {"m1": talk}, output, format=format_, engine=YellowMatte()).path
    frames = zip_frames(path) if "zip" in format_ else decode(path).frames
    assert len(frames) == 12
    for number, frame in enumerate(frames):
        assert agrees(frame[..., 1], number), number
        assert np.ptp(frame[..., :3].astype(int), axis=2).max() <= 4, "gray"
        assert frame[:6].max() <= 8, "without title and adjustments"
        assert frame.max() >= 250
    if "zip" not in format_:
        assert len(decode(path).codecs) == 1, "a mask has no sound"


# --- Photos ---------------------------------------------------------------------------------


@pytest.fixture
def photo(tmp_path: Path) -> MediaItem:
    image = Image.fromarray(person_picture(161, 119))
    image.save(tmp_path / "me.png")
    return item(tmp_path / "me.png")


def still(photo: MediaItem, **clip: Any) -> Timeline:
    """Return a draft of a photo, as the agent makes it."""
    plain = Clip("image", 5000, photo.name, media=photo.id)
    return Timeline(clips=(attrs.evolve(plain, **clip),), width=160, height=120, fps=30)


@pytest.mark.parametrize("format_", ["png", "webp"])
def test_a_cut_out_photo_keeps_its_size_and_is_transparent(
    tmp_path: Path, photo: MediaItem, format_: str
) -> None:
    output = tmp_path / f"o.{format_}"
    timeline = still(photo, background=CLEAR)
    result = render(timeline, {"m1": photo}, output, format=format_, engine=YellowMatte())
    assert (result.width, result.height) == (161, 119)
    cut = np.asarray(open_image(output).convert("RGBA"))
    assert cut.shape == (119, 161, 4)
    person = np.asarray((person_picture(161, 119) == PERSON).all(axis=2))
    assert ((cut[..., 3] > 127) == person).mean() > 0.98
    if format_ == "png":
        assert tuple(cut[90, 80, :3]) == PERSON, "opaque pixels are those of the photo"
    assert cut[:20, :20, :3].max() <= 8, "the old background is removed"


@pytest.mark.parametrize("format_", ["png", "jpg", "jpeg", "webp"])
def test_a_photo_gets_another_background(tmp_path: Path, photo: MediaItem, format_: str) -> None:
    output = tmp_path / f"o.{format_}"
    timeline = still(photo, background=Background("color", color="#00b140"))
    render(timeline, {"m1": photo}, output, format=format_, engine=YellowMatte())
    with Image.open(output) as image:
        assert image.format == {"png": "PNG", "webp": "WEBP"}.get(format_, "JPEG")
        assert image.mode == "RGB"
        picture = np.asarray(image)
    assert near(tuple(int(v) for v in picture[5, 5]), (0, 0xB1, 0x40), 8)
    assert near(tuple(int(v) for v in picture[90, 80]), PERSON, 8)


def test_the_mask_of_a_photo_is_white_where_the_person_is(tmp_path: Path, photo: MediaItem) -> None:
    path = tmp_path / "o.matte.png"
    render(still(photo), {"m1": photo}, path, format="matte.png", engine=YellowMatte())
    mask = np.asarray(Image.open(path).convert("L"))
    person = np.asarray((person_picture(161, 119) == PERSON).all(axis=2))
    assert ((mask > 127) == person).mean() > 0.98


def test_transparency_is_black_in_a_jpg(tmp_path: Path, photo: MediaItem) -> None:
    path = tmp_path / "o.jpg"
    render(still(photo, background=CLEAR), {"m1": photo}, path, format="jpg", engine=YellowMatte())
    assert np.asarray(Image.open(path))[:20, :20].max() <= 12


def test_a_photo_without_edits_is_unchanged(tmp_path: Path) -> None:
    Image.fromarray(quarters(200, 90)).save(tmp_path / "q.png")
    flags = item(tmp_path / "q.png")
    render(still(flags), {"m1": flags}, tmp_path / "o.png", format="png")
    difference = np.asarray(Image.open(tmp_path / "o.png")).astype(int) - quarters(200, 90)
    assert np.abs(difference).mean() < 4


def test_a_photo_can_become_a_gif_or_a_video(tmp_path: Path, photo: MediaItem) -> None:
    timeline = still(photo, background=CLEAR, duration_ms=200)
    for format_ in ("gif", "webm", "mp4"):
        output = tmp_path / f"o.{format_}"
        render(timeline, {"m1": photo}, output, format=format_, engine=YellowMatte())
        assert output.stat().st_size > 200


@pytest.mark.parametrize("format_", ["png", "jpg", "matte.png"])
def test_a_video_cannot_become_a_still(tmp_path: Path, talk: MediaItem, format_: str) -> None:
    with pytest.raises(RenderFailedError, match=r"one picture.* zip"):
        exported(talk, tmp_path / f"o.{format_}", format_)


def test_several_photos_cannot_become_a_still(tmp_path: Path, photo: MediaItem) -> None:
    twice = attrs.evolve(photo, fps=25.0)
    timeline = draft(twice, *[Clip("image", 400, "p", media="m1")] * 2)
    with pytest.raises(RenderFailedError, match="one picture"):
        render(timeline, {"m1": photo}, tmp_path / "o.png", format="png")


def test_an_unknown_format_is_refused_with_the_known_ones(tmp_path: Path, talk: MediaItem) -> None:
    for name in ("xyz", "matte.xyz", "matte.matte.mp4", "mp4.matte", ".."):
        with pytest.raises(RenderFailedError, match=r"matte\.mp4"):
            exported(talk, tmp_path / "o", name)


def test_a_rate_of_30_fps_is_halved_for_a_gif(tmp_path: Path) -> None:
    source = item(make_video(tmp_path / "a.mp4", fps=Fraction(30000, 1001), seconds=0.4))
    path = render(timeline_of(source), {"m1": source}, tmp_path / "o.gif", format="gif").path
    assert len(gif_frames(path)) == 6
