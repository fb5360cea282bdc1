"""The sound of a file that is written from frames."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from itertools import dropwhile
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from nemovideo.errors import InvalidRequestError, SourceNotFoundError, UnsupportedFileError
from nemovideo.local import Matting
from nemovideo.models import Frame, RenderedVideo, RenderJob
from tests.support.footage import FPS, Track, clap, clap_times, film, packets, quarters, tone
from tests.support.render import decode, make_image, make_sound, make_video


def test_aac_is_copied_to_an_mp4_in_sync(tmp_path: Path) -> None:
    talk = clap(tmp_path / "talk.mp4")
    output = Matting().write(_frames_of(talk), tmp_path / "out.mp4", sound=talk)
    copied = packets(output)
    assert len(copied) >= 46
    assert copied == packets(talk)[: len(copied)]
    assert clap_times(decode(output)) == pytest.approx((0.4, 0.4), abs=0.005)


@pytest.mark.parametrize(
    ("suffix", "codec"), [("webm", "opus"), ("mov", "pcm_s16le"), ("stacked.mp4", "aac")]
)
def test_other_formats_have_the_sound_of_an_export(tmp_path: Path, suffix: str, codec: str) -> None:
    talk = clap(tmp_path / "talk.mp4")
    output = Matting().write(_frames_of(talk), tmp_path / f"out.{suffix}", sound=talk)
    seen = decode(output)
    assert seen.codecs[1] == codec
    assert clap_times(seen)[1] == pytest.approx(0.4, abs=0.012)


def test_the_color_of_a_bundle_has_sound(tmp_path: Path) -> None:
    talk = clap(tmp_path / "talk.mp4")
    bundle = Matting().write(_frames_of(talk), tmp_path / "out.bundle.zip", sound=talk)
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(tmp_path)
    assert clap_times(decode(tmp_path / "color.mp4")) == pytest.approx((0.4, 0.4), abs=0.012)
    assert decode(tmp_path / "matte.mp4").codecs == ("h264",)


@pytest.mark.parametrize("name", ["song.wav", "song.mp3", "song.m4a"])
def test_the_sound_of_an_audio_file_ends_with_the_frames(tmp_path: Path, name: str) -> None:
    song = make_sound(tmp_path / name, seconds=3)
    matting = Matting()
    output = matting.write(_gray(FPS), tmp_path / "out.mp4", sound=str(song))
    seen = decode(output)
    assert seen.codecs == ("h264", "aac")
    assert seen.duration_s == pytest.approx(1, abs=0.03)
    assert seen.loudness(0.1, 0.9) == pytest.approx(0.21, abs=0.02)
    assert (packets(output) == packets(song)[: len(packets(output))]) == (name == "song.m4a")
    assert matting.warnings == ()


def test_frames_that_outlast_their_sound_are_all_written(tmp_path: Path) -> None:
    song = make_sound(tmp_path / "song.wav", seconds=0.4)
    matting = Matting()
    seen = decode(matting.write(_gray(FPS), tmp_path / "out.mp4", sound=song))
    assert len(seen.frames) == FPS
    assert seen.loudness(0.1, 0.3) > 0.2
    assert seen.loudness(0.5) < 0.001
    assert matting.warnings == ()


def test_the_sound_of_a_part_starts_with_it(tmp_path: Path) -> None:
    talk = clap(tmp_path / "talk.mp4")
    part = dropwhile(lambda frame: frame.time_s < 0.199, _frames_of(talk))
    output = Matting().write(part, tmp_path / "out.mp4", sound=talk)
    assert clap_times(decode(output)) == pytest.approx((0.2, 0.2), abs=0.012)


@pytest.mark.parametrize(
    "times",
    [[0.9, 0.8, 0.7, 0.6], [5.0] * 12, [-1.0, -0.9, -0.8, -0.7], [0.007, 0.107, 0.207, 0.307]],
    ids=["reversed", "without a rate", "negative", "rounded"],
)
def test_unordered_or_equal_times_use_the_sound_from_its_start(
    tmp_path: Path, times: list[float]
) -> None:
    song = make_sound(tmp_path / "song.m4a", seconds=2)
    output = Matting().write(map(_at, times), tmp_path / "out.mp4", sound=song)
    copied = packets(output)
    assert copied == packets(song)[: len(copied)]
    assert decode(output).loudness(0.1, 0.3) > 0.2


def test_frames_from_after_the_end_of_the_sound_are_silent(tmp_path: Path) -> None:
    song = make_sound(tmp_path / "song.wav")
    frames = [_at(90 + number / 10) for number in range(5)]
    seen = decode(Matting().write(frames, tmp_path / "out.mp4", sound=song))
    assert len(seen.frames) == 5
    assert seen.loudness() < 0.001


def test_another_rate_keeps_the_sound_in_sync(tmp_path: Path) -> None:
    talk = clap(tmp_path / "talk.mp4")
    output = Matting().write(_frames_of(talk), tmp_path / "out.mp4", sound=talk, fps=10)
    seen = decode(output)
    assert seen.fps == 10
    assert seen.duration_s == pytest.approx(1, abs=0.03)
    picture_s, sound_s = clap_times(seen)
    assert abs(picture_s - sound_s) < 0.06


def test_a_file_can_be_replaced_by_frames_with_its_own_sound(tmp_path: Path) -> None:
    talk = clap(tmp_path / "talk.mp4")
    before = packets(talk)
    Matting().write(_frames_of(talk), talk, sound=talk, overwrite=True)
    assert packets(talk) == before[: len(packets(talk))]


def test_sound_that_is_mixed_down_or_cut_off_leaves_a_warning(tmp_path: Path) -> None:
    track = Track(tone(1), layout="5.1")
    surround = film(tmp_path / "surround.mkv", [quarters()] * FPS, tracks=[track])
    matting = Matting()
    matting.write(_gray(FPS), tmp_path / "out.webm", sound=surround)
    assert ["6 channels" in warning for warning in matting.warnings] == [True]
    cut = clap(tmp_path / "cut.mkv", seconds=3)
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    matting.write(_gray(2 * FPS), tmp_path / "out.mp4", sound=cut)
    assert ["cut.mkv is cut off after" in warning for warning in matting.warnings] == [True]


@pytest.mark.parametrize("suffix", ["mp4", "webm"])
def test_a_video_without_sound_gives_a_file_without_sound(tmp_path: Path, suffix: str) -> None:
    silent = make_video(tmp_path / "silent.mp4", tone=None)
    matting = Matting()
    seen = decode(matting.write(_frames_of(silent), tmp_path / f"out.{suffix}", sound=silent))
    assert seen.sound is None
    assert matting.warnings == ()


def test_other_files_without_sound_are_refused_before_the_first_frame(tmp_path: Path) -> None:
    photo = make_image(tmp_path / "photo.png", (9, 9, 9))
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(b"not a video" * 100)
    for sound, message in (
        (photo, r"photo\.png has no sound.*Leave out sound="),
        (damaged, r"damaged\.mp4: the file cannot be read"),
        (tmp_path, "there is no file"),
    ):
        with pytest.raises(UnsupportedFileError, match=message):
            Matting().write(_never(), tmp_path / "out.mp4", sound=sound)
    with pytest.raises(SourceNotFoundError, match="there is no file"):
        Matting().write(_never(), tmp_path / "out.mp4", sound=tmp_path / "nowhere.mp3")
    with pytest.raises(SourceNotFoundError, match="URLs"):
        Matting().write(_never(), tmp_path / "out.mp4", sound="https://example.com/talk.mp4")
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("suffix", ["gif", "webp", "zip", "matte.mp4"])
def test_formats_without_sound_reject_sound(tmp_path: Path, suffix: str) -> None:
    song = make_sound(tmp_path / "song.wav")
    with pytest.raises(InvalidRequestError, match=rf"\.{suffix} files have no sound.*\.webm"):
        Matting().write(_never(), tmp_path / f"out.{suffix}", sound=song)


@pytest.mark.parametrize("suffix", ["webm", "mov", "gif", "webp", "zip", "matte.mov", "matte.gif"])
@pytest.mark.parametrize("opaque", [True, False])
def test_frames_of_an_odd_size_keep_it(tmp_path: Path, suffix: str, *, opaque: bool) -> None:
    output = Matting().write(_odd(opaque=opaque), tmp_path / f"out.{suffix}")
    picture = _pictures(output)[0].astype(int)
    assert picture.shape == (71, 45, 4)
    wanted = (255, 255, 255) if "matte" in suffix else (200, 120, 60)
    assert np.abs(picture[40:, :, :3] - wanted).max() < 16  # to the last column
    if "matte" not in suffix and suffix != "webm":  # FFmpeg's own decoder reads it without alpha
        assert (picture[4:16, 4:16, 3] < 8).all() != opaque


@pytest.mark.parametrize("suffix", ["mp4", "stacked.mp4", "matte.mp4"])
def test_odd_sizes_are_one_pixel_larger_in_h264(tmp_path: Path, suffix: str) -> None:
    output = Matting().write(_odd(opaque=True), tmp_path / f"out.{suffix}")
    height = 144 if "stacked" in suffix else 72
    assert _pictures(output)[0].shape == (height, 46, 4)


def _odd(*, opaque: bool) -> list[Frame]:
    """Return frames of 45 × 71 pixels, opaque or with a transparent corner."""
    rgb = np.zeros((71, 45, 3), dtype=np.uint8)
    rgb[...] = (200, 120, 60)
    alpha = np.ones((71, 45), dtype=np.float32)
    if not opaque:
        alpha[:20, :20] = 0
    return [Frame(number / FPS, rgb, alpha) for number in range(3)]


def _pictures(path: Path) -> list[npt.NDArray[np.uint8]]:
    """Return the pictures of a file as RGBA."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as files:
            opened = [Image.open(io.BytesIO(files.read(name))) for name in files.namelist()]
            return [np.asarray(image.convert("RGBA")) for image in opened]
    if path.suffix in (".gif", ".webp"):
        with Image.open(path) as image:
            return [np.asarray(image.convert("RGBA"))]
    with av.open(str(path)) as video:
        return [frame.to_ndarray(format="rgba") for frame in video.decode(video=0)]


def _at(time_s: float) -> Frame:
    """Return a gray frame."""
    return Frame(time_s, np.full((16, 32, 3), 128, dtype=np.uint8))


def _gray(count: int) -> Iterator[Frame]:
    return (_at(number / FPS) for number in range(count))


def _frames_of(path: Path) -> list[Frame]:
    result: Any = RenderedVideo(path, "", None, RenderJob("r1", "completed"), "s1")
    return list(result.frames())


def _never() -> Iterator[Frame]:
    """Fail if a frame is requested."""
    yield from map(pytest.fail, ["a frame was computed"])
