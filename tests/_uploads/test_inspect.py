"""Parsing of media headers, and detection of damaged and truncated files."""

from __future__ import annotations

import io
import itertools
import os
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import attrs
import av
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from nemovideo import AsyncClient, Client, MediaInfo, Upload, errors
from nemovideo._uploads.files import prepare
from tests.support.uploads import FORMATS, FPS, HEIGHT, PICTURES, WIDTH, Counting, make_file

SOUNDS = ("mp3", "wav", "m4a", "aac")
VIDEOS = ("mp4", "mov", "avi", "webm", "mkv")
LIMIT_BYTES = 1_000_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file of every format, and variants of some."""
    created = tmp_path_factory.mktemp("Größe 大小")
    for suffix in FORMATS:
        make_file(created / f"a.{suffix}")
    make_file(created / "fast.mp4", options={"movflags": "faststart"})
    make_file(created / "fragments.mp4", options={"movflags": "frag_keyframe+empty_moov"})
    make_file(created / "frames.mp4", options={"movflags": "dash+frag_every_frame"})
    make_file(created / "live.webm", options={"live": "1"})
    picture = Image.open(created / "a.png")
    picture.save(created / "progressive.jpg", progressive=True)
    picture.save(created / "lossless.webp", lossless=True)
    picture.convert("RGBA").save(created / "extended.webp", exif=b"Exif\0\0")
    turned = Image.Exif()
    turned[0x0112] = 6
    picture.save(created / "turned.jpg", exif=turned)
    return created


@pytest.fixture(params=["with PyAV", "without PyAV"])
def has_av(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Run a test with PyAV, and as if it were not installed."""
    if request.param == "without PyAV":
        monkeypatch.setitem(sys.modules, "av", None)
        return False
    return True


def header_of(path: Path) -> MediaInfo:
    return prepare(path).header


def refusal(path: Path, data: bytes) -> str:
    """Return the error message for this content."""
    path.write_bytes(data)
    with pytest.raises(errors.UnsupportedFileError) as caught:
        prepare(path)
    assert "check=False" in caught.value.remedy
    assert prepare(Upload(path, check=False)).size_bytes == len(data)
    return str(caught.value)


# --- complete files ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "format_", "video_codec", "audio_codec"),
    [
        ("a.mp4", "mp4", "h264", "aac"),
        ("fast.mp4", "mp4", "h264", "aac"),
        ("a.mov", "mov", "prores", "pcm_s16le"),
        ("a.avi", "avi", "mjpeg", "pcm_s16le"),
        ("a.webm", "webm", "vp9", "opus"),
        ("a.mkv", "mkv", "h264", "flac"),
    ],
)
def test_a_video_is_described_with_pyav_and_an_mp4_without_it(
    folder: Path, has_av: bool, name: str, format_: str, video_codec: str, audio_codec: str
) -> None:
    info = header_of(folder / name)
    assert (info.format, info.kind) == (format_, "video")
    if not has_av and format_ not in ("mp4", "mov"):
        assert info == MediaInfo(format_, "video", (folder / name).stat().st_size)
        return
    assert (info.video_codec, info.audio_codec) == (video_codec, audio_codec)
    assert (info.width, info.height, info.rotation_deg, info.fps) == (WIDTH, HEIGHT, 0, FPS)
    assert info.duration_ms == pytest.approx(1000, abs=45)
    assert info.size_bytes == (folder / name).stat().st_size


def test_an_audio_file_is_described(folder: Path) -> None:
    for suffix in SOUNDS:
        info = header_of(folder / f"a.{suffix}")
        codec = {"mp3": "mp3", "wav": "pcm_s16le"}.get(suffix, "aac")
        assert (info.format, info.kind, info.audio_codec) == (suffix, "audio", codec)
        assert info.duration_ms == pytest.approx(1000, abs=60)
        assert (info.width, info.rotation_deg, info.fps, info.video_codec) == (None,) * 4


def test_without_pyav_the_duration_of_mpeg_audio_is_unknown(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    for suffix in ("mp3", "aac"):
        info = header_of(folder / f"a.{suffix}")
        assert (info.format, info.duration_ms, info.audio_codec) == (suffix, None, suffix)


def test_a_picture_is_described(folder: Path, has_av: bool) -> None:
    names = [*(f"a.{suffix}" for suffix in PICTURES), "progressive.jpg", "lossless.webp"]
    for name in (*names, "extended.webp"):
        info = header_of(folder / name)
        assert (info.format, info.kind) == (Path(name).suffix[1:], "image")
        assert (info.width, info.height, info.rotation_deg) == (WIDTH, HEIGHT, 0)
        assert info.duration_ms is None


def test_an_audio_file_with_a_cover_picture_is_audio(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(folder / "a.m4a")) as source, av.open(str(path), "w") as out:
        sound = out.add_stream_from_template(source.streams.audio[0])
        out.add_attachment("cover.jpg", "image/jpeg", (folder / "a.jpg").read_bytes())
        for packet in source.demux(audio=0):
            if packet.dts is not None:
                packet.stream = sound
                out.mux(packet)
    header = header_of(path)
    assert (header.kind, header.width, header.audio_codec) == ("audio", None, "aac")


def test_the_size_of_a_rotated_photo_is_that_of_the_displayed_picture(folder: Path) -> None:
    info = header_of(folder / "turned.jpg")
    assert (info.width, info.height, info.rotation_deg) == (HEIGHT, WIDTH, 90)


def test_the_rotation_of_a_phone_video_is_read(folder: Path, tmp_path: Path) -> None:
    for degrees, matrix, size in (
        (90, (0, 1, -1, 0), (HEIGHT, WIDTH)),
        (180, (-1, 0, 0, -1), (WIDTH, HEIGHT)),
        (270, (0, -1, 1, 0), (HEIGHT, WIDTH)),
    ):
        data = bytearray((folder / "a.mp4").read_bytes())
        a, b, c, d = (value << 16 for value in matrix)
        struct.pack_into(">5i", data, data.index(b"tkhd") + 44, a, b, 0, c, d)
        path = tmp_path / "phone.mp4"
        path.write_bytes(data)
        info = header_of(path)
        assert (info.width, info.height, info.rotation_deg) == (*size, degrees)
        with av.open(str(path)) as video:  # FFmpeg counts counterclockwise
            frame = next(video.decode(video=0))
            assert -frame.rotation % 360 == degrees


def test_fragments_and_live_recordings_are_accepted(folder: Path, has_av: bool) -> None:
    for name in ("fragments.mp4", "frames.mp4", "live.webm"):
        info = header_of(folder / name)
        if info.format == "mp4" or has_av:
            assert (info.kind, info.width, info.video_codec is not None) == ("video", WIDTH, True)


def test_a_truncated_fragmented_recording_counts_up_to_its_last_fragment(
    folder: Path, tmp_path: Path
) -> None:
    data = (folder / "frames.mp4").read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(data[: len(data) // 2])
    assert header_of(path).width == WIDTH
    one = (folder / "fragments.mp4").read_bytes()
    assert "truncated" in refusal(path, one[: one.rindex(b"mdat") + 300])


def test_a_last_box_of_size_zero_extends_to_the_end(folder: Path, tmp_path: Path) -> None:
    data = bytearray((folder / "fast.mp4").read_bytes())
    struct.pack_into(">I", data, data.rindex(b"mdat") - 4, 0)
    (tmp_path / "a.mp4").write_bytes(data)
    assert header_of(tmp_path / "a.mp4").duration_ms


def test_trailing_data_is_ignored(folder: Path, tmp_path: Path) -> None:
    for suffix in (*VIDEOS, *PICTURES, "wav"):
        for more in (b"\0" * 70_000, b"\xff\xfe and more"):
            path = tmp_path / f"more.{suffix}"
            path.write_bytes((folder / f"a.{suffix}").read_bytes() + more)
            whole, padded = header_of(folder / f"a.{suffix}"), header_of(path)
            assert attrs.evolve(padded, size_bytes=whole.size_bytes) == whole


def test_a_streamed_wav_has_no_size_in_its_header(folder: Path, tmp_path: Path) -> None:
    data = bytearray((folder / "a.wav").read_bytes())
    for offset in (4, data.index(b"data") + 4):
        struct.pack_into("<I", data, offset, 0xFFFFFFFF)
    (tmp_path / "a.wav").write_bytes(data)
    assert header_of(tmp_path / "a.wav").duration_ms == pytest.approx(1000, abs=45)


# --- damaged files ----------------------------------------------------------------------------


def test_a_truncated_recording_is_refused(folder: Path, tmp_path: Path, has_av: bool) -> None:
    names = ("a.mp4", "fast.mp4", "a.mov", "a.webm", "a.mkv", "a.avi", "a.wav")
    for name, part in itertools.product(names, (0.1, 0.5, 0.9, 0.999)):
        data = (folder / name).read_bytes()
        reason = refusal(tmp_path / name, data[: int(len(data) * part)])
        assert "truncated" in reason or "has no" in reason


def test_a_truncated_picture_is_refused(folder: Path, tmp_path: Path) -> None:
    names = (*(f"a.{suffix}" for suffix in PICTURES), "progressive.jpg")
    for name, part in itertools.product(names, (0.05, 0.5, 0.95)):
        data = (folder / name).read_bytes()
        assert "truncated" in refusal(tmp_path / name, data[: int(len(data) * part)])


def test_a_truncated_file_is_reported_with_its_sizes(tmp_path: Path) -> None:
    short = FTYP + struct.pack(">I4s", 50_000, b"mdat") + bytes(1980)
    assert "2,008 of at least 50,020 bytes" in refusal(tmp_path / "a.mp4", short)


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content) + 8, kind) + content


FTYP = box(b"ftyp", b"isom\0\0\2\0isom")


def test_an_incomplete_header_is_refused(tmp_path: Path) -> None:
    for name, data, message in (
        ("a.mp4", FTYP + box(b"mdat", b"x" * 999), "no moov box"),
        ("a.mp4", FTYP, "no moov box"),
        ("a.mp4", FTYP + box(b"moov", box(b"mvhd", b"\0" * 100)), "no tracks"),
        ("a.mp4", FTYP + box(b"moov", b"\0\0\xff\xfftrak" + b"\0" * 9), "damaged header"),
        ("a.mkv", b"\x1a\x45\xdf\xa3\x80", "truncated"),
        ("a.mp3", b"ID3\4\0\0\0\0\0\5hello", "no sound"),
        ("a.png", b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0", "truncated header"),
        ("a.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF\0", "truncated header"),
        ("a.jpg", b"\xff\xd8\xff\xda\0\2\xff\xd9", "damaged header"),
        ("a.gif", b"GIF89a\1\0\1\0\0\0\0;", "no picture"),
        ("a.webp", b"RIFF\x08\0\0\0WEBPEXIF", "no picture"),
        ("a.wav", b"RIFF\x04\0\0\0WAVE", "no sound"),
        ("a.avi", b"RIFF\x05\0\0\0AVI ", "truncated"),
    ):
        assert message in refusal(tmp_path / name, data)


def test_noise_after_an_id3_tag_is_refused_with_pyav(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    noise = np.random.default_rng(3).integers(1, 200, 40_000, np.uint8).tobytes()
    assert "no readable sound" in refusal(tmp_path / "a.mp3", b"ID3\4\0\0\0\0\0\0" + noise)
    assert capfd.readouterr().err == ""


# --- the read budget --------------------------------------------------------------------------


def sparse(folder: Path, path: Path, *, moov_first: bool) -> Path:
    """Write a sparse MP4 of 400 MB."""
    data = (folder / "fast.mp4").read_bytes()
    start = data.index(b"moov") - 4
    end = start + struct.unpack_from(">I", data, start)[0]
    before, moov = data[:start], data[start:end]
    hole = struct.pack(">I4s", 400_000_000, b"mdat")
    with path.open("wb") as file:
        file.write(before + (moov if moov_first else b"") + hole)
        file.seek(400_000_000 - 8, os.SEEK_CUR)
        file.write(box(b"free", b"") if moov_first else moov)
    return path


@pytest.mark.parametrize("moov_first", [True, False])
def test_a_payload_of_400_mb_is_skipped(
    folder: Path, tmp_path: Path, has_av: bool, moov_first: bool
) -> None:
    path = sparse(folder, tmp_path / "large.mp4", moov_first=moov_first)
    with Counting(path) as file:
        info = prepare(file).header
        assert file.count < 100_000
    assert info == header_of(path)
    assert info.width == WIDTH
    assert info.duration_ms == pytest.approx(1000, abs=45)


def test_only_the_header_is_read(folder: Path, tmp_path: Path) -> None:
    for suffix in FORMATS:
        path = tmp_path / f"long.{suffix}"
        path.write_bytes((folder / f"a.{suffix}").read_bytes())
        os.truncate(path, 50_000_000)
        with Counting(path) as file:
            prepare(file)
            assert file.count < LIMIT_BYTES


def test_thousands_of_fragments_are_not_all_parsed(folder: Path, tmp_path: Path) -> None:
    data = (folder / "frames.mp4").read_bytes()
    start = data.index(b"moof") - 4
    path = tmp_path / "long.mp4"
    path.write_bytes(data[:start] + data[start:] * 400)
    with Counting(path) as file:
        assert prepare(file).header.width == WIDTH
        assert file.count < LIMIT_BYTES


# --- arbitrary bytes --------------------------------------------------------------------------

MAGIC = (
    *(b"\0\0\0\x14ftypisom", b"\0\0\0\x08wide", b"\x1a\x45\xdf\xa3", b"\xff\xd8\xff"),
    *(b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\0\0\0\0AVI ", b"RIFF\xff\0\0\0WAVE"),
    *(b"RIFF\0\0\0\0WEBP", b"ID3", b"\xff\xfb", b"\xff\xf1", FTYP + b"\0\0\0\x60moov"),
    b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff",
)


@settings(max_examples=100)
@given(magic=st.sampled_from(MAGIC), rest=st.binary(max_size=300), check=st.booleans())
@example(magic=FTYP, rest=b"\0\0\0\1moov" + b"\xff" * 20, check=True)
@example(magic=b"RIFF\0\0\0\0WEBP", rest=b"VP8X" + b"\0" * 9, check=True)
def test_any_bytes_are_described_or_refused(magic: bytes, rest: bytes, check: bool) -> None:
    with suppress(errors.UnsupportedFileError):
        assert prepare(Upload(magic + rest, check=check)).header.size_bytes == len(magic + rest)


@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    name=st.sampled_from(["fast.mp4", "frames.mp4", "a.webm", "a.avi", "turned.jpg"]),
    damage=st.dictionaries(st.integers(0, 1500), st.integers(0, 255), min_size=1, max_size=5),
)
def test_damage_anywhere_is_described_or_refused(
    folder: Path, name: str, damage: dict[int, int]
) -> None:
    content = bytearray((folder / name).read_bytes())
    for offset, value in damage.items():
        content[offset] = value
    with suppress(errors.UnsupportedFileError):
        assert prepare(Upload(content, name=name)).size_bytes == len(content)


# --- the public API ---------------------------------------------------------------------------


@pytest.fixture
def offline() -> Iterator[Client]:
    """A client whose server does not exist: nothing may be sent."""
    with Client(base_url="http://127.0.0.1:9", token="nmv_usr_x") as client:
        yield client


def test_inspect_sends_nothing(offline: Client, folder: Path, tmp_path: Path) -> None:
    info = offline.uploads.inspect(folder / "a.mp4")
    assert info == header_of(folder / "a.mp4")
    assert offline.uploads.inspect((folder / "a.mp4").read_bytes()) == info
    chunks = iter([(folder / "a.mp4").read_bytes()])
    assert offline.uploads.inspect(Upload(chunks, name="talk.mp4")) == info
    with pytest.raises(errors.UnsupportedFileError):
        offline.uploads.inspect(io.BytesIO(b"text"))
    with pytest.raises(errors.InvalidRequestError, match="URL"):
        offline.uploads.inspect("https://example.com/a.mp4")


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
@pytest.mark.anyio
async def test_inspect_of_the_async_client(anyio_backend: str, folder: Path) -> None:
    async with AsyncClient(base_url="http://127.0.0.1:9", token="nmv_usr_x") as client:
        assert await client.uploads.inspect(folder / "a.mov") == header_of(folder / "a.mov")


def test_an_animated_picture_is_a_video(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (32, 24), color) for color in ("red", "lime")]
    for suffix in ("gif", "webp", "png"):
        frames[0].save(tmp_path / f"still.{suffix}")
        frames[0].save(tmp_path / f"moving.{suffix}", save_all=True, append_images=frames[1:])
        assert header_of(tmp_path / f"still.{suffix}").kind == "image"
        assert header_of(tmp_path / f"moving.{suffix}").kind == "video"


def test_an_animated_picture_cannot_be_saved_as_a_still(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (32, 24), color) for color in ("red", "lime")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    with (
        Client("t", base_url="http://127.0.0.1:9") as client,
        pytest.raises(errors.InvalidRequestError, match="one picture"),
    ):
        client.remove_background(tmp_path / "a.gif", output=tmp_path / "o.png")
