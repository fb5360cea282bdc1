"""Probing of uploaded files, and which are refused."""

from __future__ import annotations

import itertools
import struct
from fractions import Fraction
from pathlib import Path

import av
import pytest
from PIL import Image

from nemovideo.errors import UnsupportedFileError
from nemovideo.local.media import samples, survey
from nemovideo.local.media.probe import MediaItem, probe
from tests.support.footage import COUNT, FPS, film, shades
from tests.support.render import carphone, make_image, make_sound, make_video


def probed(path: Path, name: str = "") -> MediaItem:
    return probe(path, name or path.name, id="m1")


def test_a_video_is_described(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", seconds=1.5, fps=Fraction(30000, 1001))
    found = probed(path, "Talk.MP4")
    assert found == MediaItem(
        id="m1",
        name="Talk.MP4",
        path=path,
        kind="video",
        size_bytes=path.stat().st_size,
        duration_ms=1502,
        width=160,
        height=120,
        fps=30000 / 1001,
        has_audio=True,
    )


def test_the_real_clip_is_described() -> None:
    found = probed(carphone())
    assert (found.kind, found.width, found.height) == ("video", 176, 144)
    assert (found.duration_ms, found.fps, found.has_audio) == (4004, 30000 / 1001, False)


def test_the_size_is_as_shown(tmp_path: Path) -> None:
    for rotation in (0, 90, 180, 270):
        found = probed(make_video(tmp_path / "a.mp4", seconds=0.2, rotation=rotation))
        shown = (120, 160) if rotation in (90, 270) else (160, 120)
        assert (found.width, found.height) == shown


def test_an_audio_file_is_described(tmp_path: Path) -> None:
    for name in ("a.mp3", "a.wav", "a.m4a", "a.aac"):
        found = probed(make_sound(tmp_path / name, seconds=2))
        assert (found.kind, found.has_audio, found.width, found.fps) == ("audio", True, None, None)
        assert found.duration_ms == pytest.approx(2000, rel=0.1)


def test_a_picture_is_described(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.png", "a.gif", "a.webp"):
        found = probed(make_image(tmp_path / name, (9, 99, 199), (64, 48)))
        assert (found.kind, found.width, found.height) == ("image", 64, 48)
        assert (found.duration_ms, found.has_audio) == (None, False)


def test_a_photo_is_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (64, 48)).save(tmp_path / "a.jpg", exif=exif)
    found = probed(tmp_path / "a.jpg")
    assert (found.width, found.height) == (48, 64)


def test_a_duration_missing_from_the_header_comes_from_the_packets(tmp_path: Path) -> None:
    path = tmp_path / "live.webm"
    with (
        av.open(str(make_video(tmp_path / "a.webm", codec="libvpx-vp9"))) as source,
        av.open(str(path), "w", options={"live": "1"}) as target,
    ):
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    assert probed(path).duration_ms == pytest.approx(1000, abs=45)


PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n{path}\n#EXT-X-ENDLIST\n"
LIST = "ffconcat version 1.0\nfile {path}\n"


def test_a_file_that_is_not_media_is_refused(tmp_path: Path) -> None:
    inner = make_sound(tmp_path / "inner.wav", seconds=0.1)
    suffixes = ("mp4", "mov", "webm", "mkv", "avi", "mp3", "jpg", "png")
    contents = ("", "hello, world\n" * 99, PLAYLIST, LIST, "\0" * 5000)
    for suffix, content in itertools.product(suffixes, contents):
        path = tmp_path / f"a.{suffix}"
        path.write_text(content.format(path=inner))
        with pytest.raises(UnsupportedFileError) as caught:
            probed(path)
        assert caught.value.code == 4001
        assert path.name in caught.value.message


def test_a_late_first_timestamp_is_not_truncation(tmp_path: Path) -> None:
    times_s = [100_000 + n / FPS for n in range(COUNT)]
    found = probed(film(tmp_path / "a.mkv", shades(COUNT), times_s=times_s))
    assert (found.duration_ms, found.warnings) == (480, ())


def test_a_file_whose_content_does_not_match_its_suffix_is_refused(tmp_path: Path) -> None:
    image = make_image(tmp_path / "a.png", (1, 2, 3))
    video = make_video(tmp_path / "a.mp4", seconds=0.2, tone=None)
    for path, name in ((image, "a.mp4"), (image, "a.mp3"), (video, "a.png"), (video, "a.mp3")):
        with pytest.raises(UnsupportedFileError):
            probed(path, name)


def test_other_suffixes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedFileError, match="exe"):
        probed(make_video(tmp_path / "a.mp4", seconds=0.2), "a.exe")


def test_a_truncated_header_is_refused(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4")
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(UnsupportedFileError):
        probed(path)


def test_a_video_container_without_video_is_audio(tmp_path: Path) -> None:
    assert probed(make_sound(tmp_path / "a.m4a"), "a.mp4").kind == "audio"


def test_an_mp4_that_claims_too_many_frames_is_refused(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", seconds=0.2, tone=None)
    data = bytearray(path.read_bytes())
    table = data.index(b"stsz") + 8
    data[table : table + 8] = struct.pack(">II", 1, 50_000_000)
    fragment = b"".join(
        struct.pack(">I", size) + name
        for size, name in ((32, b"moof"), (24, b"traf"), (16, b"trun"))
    )
    fragments = path.read_bytes() + fragment + struct.pack(">II", 0, 50_000_000)
    for file in (bytes(data), fragments):
        path.write_bytes(file)
        with pytest.raises(UnsupportedFileError, match="more than 8,000,000 frames"):
            probed(path)


def test_the_samples_of_uncompressed_sound_in_a_mov_are_not_limited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "MAX_PACKETS", 1000)
    found = probed(make_sound(tmp_path / "a.wav", seconds=1))
    with av.open(str(found.path)) as wave, av.open(str(tmp_path / "a.mov"), "w") as movie:
        stream = movie.add_stream_from_template(wave.streams.audio[0])
        for packet in wave.demux(audio=0):
            if packet.size:
                packet.stream = stream
                movie.mux(packet)
    assert probed(tmp_path / "a.mov").duration_ms == found.duration_ms


def test_a_file_with_too_many_packets_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey, "MAX_PACKETS", COUNT - 1)
    with pytest.raises(UnsupportedFileError, match=f"more than {COUNT - 1} packets"):
        probed(film(tmp_path / "a.mkv", shades(COUNT)))
