"""Output formats, end to end: from what the user asks for to the file on disk."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from nemovideo import Client, Upload
from nemovideo._downloads.export_names import export_path
from nemovideo._jobs.job_spec import plan
from nemovideo._support.outputs import format_for, known_format, result_suffix
from nemovideo._uploads.files import is_photo
from nemovideo._values.formats import suffix_of
from nemovideo._wire.models import read_render
from nemovideo.errors import InvalidRequestError, UnsupportedFileError
from nemovideo.files import Source
from nemovideo.models import SessionState
from tests.support.batch import quick_backend, quick_client
from tests.support.media import make_clip, make_tone


@pytest.mark.parametrize(
    ("path", "wanted", "format_"),
    [
        ("a.mp4", None, "mp4"),
        ("a.GIF", None, "gif"),
        ("a.jpeg", None, "jpg"),
        ("a.b/c.zip", None, "zip"),
        ("a.matte.mp4", None, "matte.mp4"),
        ("A.MATTE.PNG", None, "matte.png"),
        ("matte.mp4", None, "mp4"),
        ("a.mov", "matte", "matte.mov"),
        ("a.matte.mov", "matte", "matte.mov"),
        ("a", "matte", "matte.mp4"),
        (None, "matte", "matte.mp4"),
        (None, None, "mp4"),
        ("a.bin", "webm", "webm"),
        ("a.bin", ".WebM", "webm"),
        ("a.hologram", "hologram", "hologram"),
    ],
)
def test_the_format_follows_from_the_name_or_the_argument(
    path: str | None, wanted: str | None, format_: str
) -> None:
    assert format_for(path, wanted) == format_


@pytest.mark.parametrize("name", ["a.txt", "a.mkv", "a.matte.txt", "a.zip.part"])
def test_an_unsupported_suffix_is_refused_with_the_formats(name: str) -> None:
    with pytest.raises(InvalidRequestError, match="is not a supported output format") as caught:
        format_for(name, None)
    assert "gif" in caught.value.remedy
    assert "matte.mp4" in caught.value.remedy


def test_formats_are_found_by_name_and_by_suffix() -> None:
    assert known_format("JPEG") == "jpg"
    assert known_format("mp4.matte") is None
    assert known_format("") is None
    assert result_suffix("a.tar.gz") == "gz"
    assert result_suffix("a") == ""


@pytest.mark.parametrize(
    ("source", "photo"),
    [
        ("me.JPG", True),
        (Path("me.webp"), True),
        ("https://example.com/talk.mp4", False),
        ("https://example.com/me.png?signature=1", True),
        ("https://example.com/dance.gif", False),
        (Upload("me.png"), True),
        (Upload(b"\xff", name="me.jpeg"), True),
        (b"\xff", False),
        (iter([b"\xff"]), False),
    ],
    ids=[*"abcdefghi"],
)
def test_a_source_that_cannot_be_inspected_is_classified_by_its_name(
    source: Source, photo: bool
) -> None:
    assert is_photo(source) is photo


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_by_default_a_photo_becomes_a_photo_and_an_animation_a_video(
    tmp_path: Path, suffix: str
) -> None:
    frames = [Image.new("RGB", (64, 48), color) for color in ("red", "lime", "blue")]
    still, moving = tmp_path / f"still.{suffix}", tmp_path / f"moving.{suffix}"
    frames[0].save(still)
    frames[0].save(moving, save_all=True, append_images=frames[1:], duration=100)
    sources = (still, still.read_bytes(), moving, Upload(moving.read_bytes(), name="dance"))
    with quick_backend(tmp_path / "state") as backend, quick_client(backend) as client:
        videos = [client.remove_background(source, background="white") for source in sources]
        cutout = client.remove_background(moving, background="transparent")
        estimates = [client.estimate(moving, format=name).output_bytes for name in (None, "mp4")]
    assert [suffix_of(video.job.url or "") for video in videos] == ["png", "png", "mp4", "mp4"]
    assert suffix_of(cutout.job.url or "") == "webm"
    assert estimates[0] == estimates[1]


@pytest.mark.parametrize(
    ("wanted", "format_", "name"),
    [
        ("cut.matte.mp4", None, "cut.matte.mp4"),
        ("cut.matte.mp4", "matte", "cut.matte.mp4"),
        ("cut.mp4", "matte", "cut.matte.mp4"),
        (None, "zip", "video-edited.zip"),
    ],
)
def test_the_name_of_an_exported_file_matches_its_format(
    tmp_path: Path, wanted: str | None, format_: str | None, name: str
) -> None:
    assert export_path(tmp_path, SessionState(draft=None), wanted, format_) == tmp_path / name


@pytest.mark.parametrize("name", ["a.mp4", "a.jpg"])
def test_transparency_is_refused_for_a_format_without_alpha(name: str) -> None:
    with pytest.raises(InvalidRequestError, match="transparent") as caught:
        plan("transparent", name, None, local_files=True)
    assert "webm" in caught.value.remedy


@pytest.mark.parametrize("name", ["a.webm", "a.gif", "a.zip", "a.png", "a.matte.mp4"])
def test_transparency_is_requested_for_a_format_with_alpha(name: str) -> None:
    _, words, format_ = plan("transparent", name, None, local_files=True)
    assert "transparent" in words
    assert name == f"a.{format_}"


def test_an_audio_file_is_refused_with_a_reason(client: Client, tmp_path: Path) -> None:
    song = make_tone(tmp_path / "song.wav")
    session = client.sessions.create()
    session.upload(song)
    assert "song.wav has only sound" in session.send("remove the background").text
    with pytest.raises(UnsupportedFileError, match=r"'song\.wav' is audio"):
        client.remove_background(song, output=tmp_path / "o.mp4")


def test_a_session_exports_in_every_format(client: Client, clip: Path, tmp_path: Path) -> None:
    session = client.sessions.create()
    session.upload(clip)
    session.send("keep only the first 0.4 seconds")
    gif = session.export(tmp_path / "talk.gif")
    archive = session.export(tmp_path / "frames.zip")
    named = session.export(tmp_path / "talk.bin", format="webm")
    assert gif.path is not None
    with Image.open(tmp_path / "talk.gif") as image:
        assert (image.format, getattr(image, "n_frames", 1)) == ("GIF", 4)
    with zipfile.ZipFile(tmp_path / "frames.zip") as frames:
        assert len(frames.namelist()) == 4
    with av.open(str(tmp_path / "talk.bin")) as video:
        assert "webm" in video.format.name
    assert archive.warnings == named.warnings == ()


def test_a_mask_can_be_exported_from_a_real_clip(
    client: Client, carphone: Path, tmp_path: Path
) -> None:
    short = tmp_path / "short.mp4"
    with av.open(str(carphone)) as source, av.open(str(short), "w") as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        packets = [p for p in source.demux(video=0) if p.dts is not None]
        for packet in packets[:12]:
            packet.stream = stream
            out.mux(packet)
    video = client.remove_background(short, output=tmp_path / "man.matte.mp4")
    assert video.path is not None
    with av.open(str(video.path)) as container:
        assert len(container.streams) == 1
        frame = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    assert np.ptp(frame, axis=2).max() <= 4
    assert frame[:, 60:110].mean() > 150
    assert frame[:40, :20].mean() < 30
    assert 0.2 < (frame[..., 0] > 128).mean() < 0.8


@pytest.mark.parametrize("name", ["man.png", None])
def test_a_photo_is_cut_out(
    client: Client, carphone: Path, tmp_path: Path, name: str | None
) -> None:
    with av.open(str(carphone)) as container:
        next(container.decode(video=0)).to_image().save(tmp_path / "photo.jpg", quality=95)
    result = client.remove_background(
        tmp_path / "photo.jpg", output=None if name is None else tmp_path / name
    )
    assert result.url.endswith(".png")
    if name is None:
        return
    with Image.open(tmp_path / name) as image:
        assert (image.mode, image.size) == ("RGBA", (176, 144))
        alpha = np.asarray(image)[..., 3]
    assert alpha[100, 85] > 250
    assert alpha[5, 5] < 20


def test_a_conversation_exports_a_gif(client: Client, clip: Path, tmp_path: Path) -> None:
    session = client.sessions.create()
    talk = session.conversation(output_dir=tmp_path)
    talk.say(f'upload "{clip}"')
    answer = talk.say("export it as a gif")
    assert answer.video is not None
    assert answer.video.path is not None
    assert answer.video.path.suffix == ".gif"
    assert answer.video.path.read_bytes().startswith(b"GIF89a")


def test_damage_to_a_file_is_a_warning(client: Client, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "talk.mp4")
    damaged = tmp_path / "damaged.mkv"
    with av.open(str(clip)) as source, av.open(str(damaged), "w") as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[: len(whole) * 4 // 5])
    session = client.sessions.create()
    session.upload(Upload(damaged, check=False))
    video = session.export(tmp_path / "rest.mp4")
    assert any("damaged.mkv" in sentence for sentence in video.warnings)
    assert video.warnings == video.job.warnings
    assert video.job.raw["warnings"] == list(video.warnings)


@pytest.mark.parametrize("warnings", [None, "text", 3, {"a": 1}, [1, None]])
def test_unexpected_warnings_of_a_service_are_ignored(warnings: object) -> None:
    job = read_render({"id": "r", "status": "completed", "warnings": warnings}, "r")
    assert job.warnings == ()
    assert job.raw["warnings"] == warnings


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("y.mp4", "mov"),
        ("y.MP4", "webm"),
        ("y.m4v", "mov"),
        ("y.jpg", "png"),
        ("y.matte.mp4", "matte.mov"),
        ("y.mp4", "bundle.zip"),
    ],
)
def test_a_format_that_contradicts_the_name_is_refused(name: str, wanted: str) -> None:
    with pytest.raises(InvalidRequestError, match=re.escape(name)) as caught:
        format_for(name, wanted)
    assert f".{wanted.rpartition('.')[2]}" in caught.value.remedy


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("y.m4v", "mp4"), ("y.jpeg", "jpg"), ("y.jpg", "jpeg"), ("y.mp4", "matte.mp4"), ("y", "mov")],
)
def test_a_format_that_agrees_with_the_name_is_accepted(name: str, wanted: str) -> None:
    assert format_for(name, wanted).endswith(wanted.replace("jpeg", "jpg"))


def test_a_contradicted_name_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    source = tmp_path / "a.mp4"
    source.write_bytes(b"-")
    with Client("nmv_usr_x", base_url="http://127.0.0.1:9") as client:
        with pytest.raises(InvalidRequestError, match=r"y\.mp4"):
            client.remove_background(source, format="mov", output=tmp_path / "y.mp4")
        with pytest.raises(InvalidRequestError, match=r"y\.mp4"):
            client.render.export("s", tmp_path / "y.mp4", "mov")
