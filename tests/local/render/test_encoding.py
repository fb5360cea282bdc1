"""Every format of the output, decoded again: picture, transparency, length, rate, sound."""

from __future__ import annotations

import zipfile
from fractions import Fraction
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
from nemovideo.local.media.containers import main_video, open_media
from nemovideo.local.media.pictures import open_image
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.render import render
from nemovideo.local.timeline import Background, Clip, Timeline, Title
from tests.support.footage import FPS, clap, clap_times, quarters, rendered
from tests.support.render import (
    PERSON,
    WALL,
    Pixels,
    YellowMatte,
    draft,
    item,
    look,
    look_through,
    make_sound,
    make_video,
    near,
    person_picture,
    timeline_of,
)

WIDTH, HEIGHT = 96, 64
CLEAR = Background("transparent")


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> MediaItem:
    """A person who moves slowly to the right, half a second, with a tone."""
    folder = tmp_path_factory.mktemp("talk")
    pictures = [moved(number) for number in range(12)]
    return item(make_video(folder / "talk.mp4", seconds=0.48, pictures=pictures))


def moved(number: int) -> Pixels:
    picture = np.full((HEIGHT, WIDTH, 3), WALL, np.uint8)
    left = 8 + number
    picture[16:, left : left + 32] = PERSON
    return picture


def is_person(number: int) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Where the person is in that frame."""
    return np.asarray((moved(number) == PERSON).all(axis=2))


def agrees(alpha: Pixels, number: int, *, share: float = 0.95) -> bool:
    """Whether the mask is right in all but the pixels at its edge."""
    return float(((alpha > 127) == is_person(number)).mean()) >= share


def made(talk: MediaItem, path: Path, format_: str, **clip: Any) -> Path:
    timeline = timeline_of(talk, **clip)
    return render(timeline, {"m1": talk}, path, format=format_, engine=YellowMatte()).path


# --- Transparency, in every frame -----------------------------------------------------------


def webm_frames(path: Path) -> list[Pixels]:
    return look_through(path)


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
    [("webm", webm_frames), ("mov", mov_frames), ("zip", zip_frames)],
)
def test_alpha_is_right_in_every_frame(
    tmp_path: Path, talk: MediaItem, format_: str, frames_of: object
) -> None:
    assert callable(frames_of)
    frames = frames_of(made(talk, tmp_path / f"o.{format_}", format_, background=CLEAR))
    assert len(frames) == 12
    for number, frame in enumerate(frames):
        assert frame.shape == (HEIGHT, WIDTH, 4)
        assert agrees(frame[..., 3], number), number
        left = 8 + number
        person = frame[30:60, left + 8 : left + 24, :3].reshape(-1, 3).mean(axis=0)
        assert near(tuple(int(v) for v in person), PERSON, 10)


def test_a_gif_is_transparent_wholly_or_not_at_all(tmp_path: Path, talk: MediaItem) -> None:
    path = made(talk, tmp_path / "o.gif", "gif", background=CLEAR)
    frames = gif_frames(path)
    assert len(frames) == 6
    for number, frame in enumerate(frames):
        assert set(np.unique(frame[..., 3])) == {0, 255}
        assert agrees(frame[..., 3], 2 * number), number


@pytest.mark.parametrize("format_", ["mp4", "gif", "zip", "webm"])
def test_an_opaque_result_has_no_holes(tmp_path: Path, talk: MediaItem, format_: str) -> None:
    green = Background("color", color="#00b140")
    path = made(talk, tmp_path / f"o.{format_}", format_, background=green)
    readers = {"gif": gif_frames, "zip": zip_frames}
    frames = readers[format_](path) if format_ in readers else look(path).frames
    for frame in frames:
        assert near(tuple(int(v) for v in frame[4, 4, :3]), (0, 0xB1, 0x40), 14)
        assert frame.shape[2] == 3 or frame[..., 3].min() == 255


# --- Each format for itself -----------------------------------------------------------------


def test_a_gif_has_a_rate_and_a_size_for_chats(tmp_path: Path) -> None:
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
    assert list(tmp_path.glob(".*")) == [], "the frames that waited are gone"


def test_a_gif_of_many_colours_is_close_to_them(tmp_path: Path) -> None:
    ramp = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    ramp[..., 0] = np.linspace(40, 220, WIDTH)[None, :]
    ramp[..., 1] = np.linspace(60, 200, HEIGHT)[:, None]
    ramp[..., 2] = 90
    source = item(make_video(tmp_path / "a.mp4", pictures=[ramp], seconds=0.2))
    path = render(timeline_of(source), {"m1": source}, tmp_path / "o.gif", format="gif").path
    assert np.abs(gif_frames(path)[1][..., :3].astype(int) - ramp).mean() < 9


def test_a_cancel_stops_a_gif_while_it_is_finished(tmp_path: Path, talk: MediaItem) -> None:
    told: list[float] = []
    with pytest.raises(RenderCancelledError):
        render(
            timeline_of(talk),
            {"m1": talk},
            tmp_path / "o.gif",
            format="gif",
            on_progress=told.append,
            cancelled=lambda: len(told) == 6,
        )
    assert told[-1] == 1
    assert list(tmp_path.iterdir()) == []


def test_a_zip_names_its_frames_in_order_and_its_rate(tmp_path: Path, talk: MediaItem) -> None:
    path = made(talk, tmp_path / "o.zip", "zip")
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == [f"frame_{n:06d}.png" for n in range(1, 13)]
        assert archive.comment == b"25 frames a second"
        assert {each.compress_type for each in archive.infolist()} == {zipfile.ZIP_STORED}


def test_the_mov_is_one_that_editors_take(tmp_path: Path, talk: MediaItem) -> None:
    with av.open(str(made(talk, tmp_path / "o.mov", "mov", background=CLEAR))) as container:
        video, sound = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, video.codec_context.codec_tag) == ("prores", "ap4h")
        assert (video.codec_context.pix_fmt or "").startswith("yuva444p")
        assert sound.codec_context.name == "pcm_s16le"
        assert sound.codec_context.rate == 48000


@pytest.mark.parametrize(("format_", "opaque", "slack"), [("mov", 4095, 0), ("webm", 255, 3)])
def test_a_person_is_wholly_opaque_and_all_else_wholly_clear(
    tmp_path: Path, talk: MediaItem, format_: str, opaque: int, slack: int
) -> None:
    with open_media(made(talk, tmp_path / f"o.{format_}", format_, background=CLEAR)) as container:
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
def test_light_and_sound_set_in_together(tmp_path: Path, format_: str) -> None:
    out = rendered(clap(tmp_path / "a.mp4"), tmp_path / f"o.{format_}", format=format_)
    seen = look(out.path)
    assert len(seen.frames) == FPS
    assert seen.fps == FPS
    assert seen.duration_s == pytest.approx(1, abs=0.03)
    assert clap_times(seen) == pytest.approx((0.4, 0.4), abs=0.012)


# --- Sound that is copied -------------------------------------------------------------------


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov"])
def test_untouched_aac_is_copied_bit_by_bit(tmp_path: Path, suffix: str) -> None:
    source = clap(tmp_path / f"a.{suffix}")
    path = rendered(source, tmp_path / "o.mp4").path
    copied = packets(path)
    assert len(copied) >= 46
    assert copied == packets(source)[: len(copied)]
    assert clap_times(look(path)) == pytest.approx((0.4, 0.4), abs=0.005)


def test_sound_that_sets_in_later_is_not_copied_as_players_disagree_on_gaps(tmp_path: Path) -> None:
    source = clap(tmp_path / "a.mp4", sound_start_s=0.2)
    seen = look(rendered(source, tmp_path / "o.mp4").path)
    assert clap_times(seen) == pytest.approx((0.4, 0.4), abs=0.012)
    assert seen.loudness(0, 0.15) < 0.001


def test_sound_after_the_picture_is_not_copied(tmp_path: Path) -> None:
    path = rendered(clap(tmp_path / "a.mp4", sound_s=3), tmp_path / "o.mp4").path
    assert look(path).duration_s == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize(
    "change", [{"volume": 0.5}, {"source_start_ms": 100, "duration_ms": 600}, {"speed": 2.0}]
)
def test_changed_sound_is_encoded_again(tmp_path: Path, change: dict[str, Any]) -> None:
    source = clap(tmp_path / "a.mp4", at_s=0)
    path = rendered(source, tmp_path / "o.mp4", **change).path
    silence_bytes = 40
    loud = {packet for packet in packets(path) if len(packet) > silence_bytes}
    assert len(loud) > 10
    assert not loud & set(packets(source))
    assert look(path).codecs == ("h264", "aac")


def test_other_sound_is_encoded_as_aac(tmp_path: Path, talk: MediaItem) -> None:
    path = make_video(tmp_path / "a.webm", codec="libvpx-vp9", seconds=0.5)
    assert look(rendered(path, tmp_path / "o.mp4").path).codecs == ("h264", "aac")


def test_bare_aac_as_music_is_mixed(tmp_path: Path) -> None:
    music = item(make_sound(tmp_path / "m.aac"), "m1")
    assert music.has_audio


# --- The mask alone -------------------------------------------------------------------------


@pytest.mark.parametrize("format_", ["matte", "matte.mp4", "matte.zip", "matte.mov"])
@pytest.mark.parametrize("background", [None, CLEAR, Background("blur")])
def test_the_mask_is_white_where_the_person_is(
    tmp_path: Path, talk: MediaItem, format_: str, background: Background | None
) -> None:
    title = Title("HELLO", 480, position="top")
    timeline = timeline_of(talk, title, background=background, brightness=0.3, saturation=0.0)
    output = tmp_path / f"o.{format_}"
    path = render(timeline, {"m1": talk}, output, format=format_, engine=YellowMatte()).path
    frames = zip_frames(path) if "zip" in format_ else look(path).frames
    assert len(frames) == 12
    for number, frame in enumerate(frames):
        assert agrees(frame[..., 1], number), number
        assert np.ptp(frame[..., :3].astype(int), axis=2).max() <= 4, "it is gray"
        assert frame[:6].max() <= 8, "no title, and black is black"
        assert frame.max() >= 250
    if "zip" not in format_:
        assert len(look(path).codecs) == 1, "a mask has no sound"


# --- Pictures in, pictures out --------------------------------------------------------------


@pytest.fixture
def photo(tmp_path: Path) -> MediaItem:
    image = Image.fromarray(person_picture(161, 119))
    image.save(tmp_path / "me.png")
    return item(tmp_path / "me.png")


def still(photo: MediaItem, **clip: Any) -> Timeline:
    """A photo on the timeline, as the agent puts it there: even, for some seconds."""
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
        assert tuple(cut[90, 80, :3]) == PERSON, "well inside it is the photo itself"
    assert cut[:20, :20, :3].max() <= 8, "nothing of the old background is left in the file"


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


def test_the_mask_of_a_photo(tmp_path: Path, photo: MediaItem) -> None:
    path = tmp_path / "o.matte.png"
    render(still(photo), {"m1": photo}, path, format="matte.png", engine=YellowMatte())
    mask = np.asarray(Image.open(path).convert("L"))
    person = np.asarray((person_picture(161, 119) == PERSON).all(axis=2))
    assert ((mask > 127) == person).mean() > 0.98


def test_a_jpg_of_a_cut_out_is_black_behind(tmp_path: Path, photo: MediaItem) -> None:
    path = tmp_path / "o.jpg"
    render(still(photo, background=CLEAR), {"m1": photo}, path, format="jpg", engine=YellowMatte())
    assert np.asarray(Image.open(path))[:20, :20].max() <= 12


def test_an_untouched_photo_stays_what_it_is(tmp_path: Path) -> None:
    Image.fromarray(quarters(200, 90)).save(tmp_path / "q.png")
    flags = item(tmp_path / "q.png")
    render(still(flags), {"m1": flags}, tmp_path / "o.png", format="png")
    difference = np.asarray(Image.open(tmp_path / "o.png")).astype(int) - quarters(200, 90)
    assert np.abs(difference).mean() < 4


def test_a_photo_can_be_a_gif_or_a_video_too(tmp_path: Path, photo: MediaItem) -> None:
    timeline = still(photo, background=CLEAR, duration_ms=200)
    for format_ in ("gif", "webm", "mp4"):
        output = tmp_path / f"o.{format_}"
        render(timeline, {"m1": photo}, output, format=format_, engine=YellowMatte())
        assert output.stat().st_size > 200


@pytest.mark.parametrize("format_", ["png", "jpg", "matte.png"])
def test_a_video_does_not_fit_into_one_picture(
    tmp_path: Path, talk: MediaItem, format_: str
) -> None:
    with pytest.raises(RenderFailedError, match=r"one picture.* zip"):
        made(talk, tmp_path / f"o.{format_}", format_)


def test_neither_do_several_photos(tmp_path: Path, photo: MediaItem) -> None:
    twice = attrs.evolve(photo, fps=25.0)
    timeline = draft(twice, *[Clip("image", 400, "p", media="m1")] * 2)
    with pytest.raises(RenderFailedError, match="one picture"):
        render(timeline, {"m1": photo}, tmp_path / "o.png", format="png")


@pytest.mark.parametrize("format_", ["xyz", "matte.xyz", "matte.matte.mp4", "mp4.matte", ".."])
def test_a_format_that_does_not_exist_is_named(
    tmp_path: Path, talk: MediaItem, format_: str
) -> None:
    with pytest.raises(RenderFailedError, match=r"matte\.mp4"):
        made(talk, tmp_path / "o", format_)


def test_a_rate_of_thirty_is_halved_for_a_gif(tmp_path: Path) -> None:
    source = item(make_video(tmp_path / "a.mp4", fps=Fraction(30000, 1001), seconds=0.4))
    path = render(timeline_of(source), {"m1": source}, tmp_path / "o.gif", format="gif").path
    assert len(gif_frames(path)) == 6
