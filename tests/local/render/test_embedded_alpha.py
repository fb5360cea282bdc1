"""Clips with alpha, which is their mask: no engine is used."""

from __future__ import annotations

import io
import struct
import zipfile
from contextlib import suppress
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from nemovideo import Client
from nemovideo._uploads.files import prepare
from nemovideo.errors import UnsupportedFileError
from nemovideo.local.matte.engine import Mask, Picture
from nemovideo.local.media import animation
from nemovideo.local.media.probe import probe
from nemovideo.local.render import render
from nemovideo.local.timeline import Background, Clip, Timeline
from tests.support.footage import FPS, HEIGHT, WIDTH, film, shades
from tests.support.render import Pixels, decode, item, near

PERSON, GREEN = (200, 90, 60), (0, 0xB1, 0x40)
COUNT = 6


class UnusedEngine:
    """An engine that must not be called."""

    def mask(self, picture: Picture) -> Mask:
        raise AssertionError("the clip has its own alpha")


def cutouts(count: int = COUNT) -> list[av.VideoFrame]:
    """Return frames of a block that moves to the right, opaque with a half transparent border."""
    frames = []
    for number in range(count):
        picture = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
        left = 16 + 8 * number
        picture[16:, left - 4 : left + 28] = (*PERSON, 128)
        picture[16:, left : left + 24] = (*PERSON, 255)
        frames.append(av.VideoFrame.from_ndarray(picture, "rgba"))
    return frames


def cutout(path: Path, codec: str, pix_fmt: str, frames: list[av.VideoFrame] | None = None) -> Path:
    options = {"crf": "4", "b": "0", "auto-alt-ref": "0"} if "vpx" in codec else {}

    def alpha_mode(stream: av.VideoStream) -> None:
        if path.suffix == ".webm":
            stream.metadata["alpha_mode"] = "1"

    return film(
        path, frames=frames or cutouts(), codec=codec, pix_fmt=pix_fmt, options=options,
        prepare=alpha_mode,
    )  # fmt: skip


def placed(path: Path, output: Path, background: Background, *others: Path) -> Path:
    media = {f"m{n}": item(p, f"m{n}") for n, p in enumerate((path, *others), 1)}
    first = media["m1"]
    assert first.has_alpha
    clip = Clip(first.kind, COUNT * 40, "a", media="m1", background=background)
    draft = Timeline(clips=(clip,), width=first.width or 0, height=first.height or 0, fps=FPS)
    format_ = "".join(output.suffixes)[1:]
    return render(draft, media, output, format=format_, engine=UnusedEngine()).path


def at(picture: Pixels, x: int, y: int) -> tuple[int, ...]:
    return tuple(int(v) for v in picture[y, x])


QUIET = {"x265-params": "log-level=none"}
USER_DATA, ALPHA_CHANNEL_INFO = b"\x4e\x01\x05", b"\x4e\x01\xa5"

KINDS = [
    ("a.webm", "libvpx-vp9", "yuva420p"),
    ("a.webm", "libvpx", "yuva420p"),
    ("a.mov", "prores_ks", "yuva444p10le"),
    ("a.mov", "qtrle", "argb"),
    ("a.mkv", "ffv1", "yuva420p"),
]


@pytest.mark.parametrize(("name", "codec", "pix_fmt"), KINDS)
def test_a_clips_own_alpha_is_its_mask(tmp_path: Path, name: str, codec: str, pix_fmt: str) -> None:
    path = cutout(tmp_path / name, codec, pix_fmt)
    seen = decode(placed(path, tmp_path / "o.mp4", Background("color", color="#00b140")))
    assert len(seen.frames) == COUNT
    for number, frame in enumerate(seen.frames):
        left = 16 + 8 * number
        assert near(at(frame, left + 12, 40), PERSON, 12)
        assert near(at(frame, 4, 40), GREEN, 12)
        assert near(at(frame, left + 12, 6), GREEN, 12)
        half = tuple((a + b) // 2 for a, b in zip(PERSON, GREEN, strict=True))
        assert near(at(frame, left + 26, 40), half, 30), "half transparent"


@pytest.mark.parametrize("output", ["o.mov", "o.matte.mp4", "o.zip"])
def test_the_alpha_is_preserved(tmp_path: Path, output: str) -> None:
    path = cutout(tmp_path / "a.webm", "libvpx-vp9", "yuva420p")
    output_path = placed(path, tmp_path / output, Background("transparent"))
    alpha = alphas(output_path)[2].astype(int)
    assert alpha[40, 32 + 12] == pytest.approx(255, abs=2)
    assert alpha[40, 32 + 26] == pytest.approx(128, abs=16)
    assert alpha[40, 4] == pytest.approx(0, abs=2)


def alphas(path: Path) -> list[Pixels]:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            names = sorted(archive.namelist())
            pictures = [Image.open(archive.open(name)).convert("RGBA") for name in names]
        return [np.asarray(picture)[..., 3] for picture in pictures]
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    if "matte" in path.name:
        return [frame.to_ndarray(format="gray") for frame in frames]
    return [frame.reformat(format="rgba").to_ndarray()[..., 3] for frame in frames]


def test_a_transparent_export_can_be_a_clip_again(tmp_path: Path) -> None:
    path = cutout(tmp_path / "a.mov", "qtrle", "argb")
    webm = placed(path, tmp_path / "cutout.webm", Background("transparent"))
    Image.new("RGB", (64, 64), (0, 0, 250)).save(tmp_path / "blue.png")
    over = placed(webm, tmp_path / "o.mp4", Background("image", media="m2"), tmp_path / "blue.png")
    frame = decode(over).frames[3]
    assert near(at(frame, 4, 40), (0, 0, 250), 14)
    assert near(at(frame, 40 + 12, 40), PERSON, 14)
    blurred = decode(placed(webm, tmp_path / "b.mp4", Background("blur"))).frames[3]
    assert near(at(blurred, 40 + 12, 40), PERSON, 14)


def sequence(path: Path, comment: bytes = b"", name: str = "shot/frame_{}.png") -> Path:
    """Write a zip of frames with unpadded numbers, and the extra files of a Mac."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.comment = comment
        for number, frame in enumerate(cutouts(COUNT)):
            file = io.BytesIO()
            Image.fromarray(frame.to_ndarray(), "RGBA").save(file, "PNG")
            archive.writestr(name.format(number), file.getvalue())
        archive.writestr("__MACOSX/shot/._frame_0.png", b"resource fork")
        archive.writestr("notes.txt", b"take 3")
    return path


def test_an_exported_zip_can_be_a_clip_again(tmp_path: Path) -> None:
    path = placed(
        cutout(tmp_path / "a.webm", "libvpx-vp9", "yuva420p"),
        tmp_path / "frames.zip",
        Background("transparent"),
    )
    found = item(path)
    assert (found.kind, found.has_alpha, found.fps) == ("video", True, FPS)
    assert found.duration_ms == COUNT * 1000 // FPS
    seen = decode(placed(path, tmp_path / "o.mp4", Background("color", color="#00b140")))
    assert len(seen.frames) == COUNT
    for number, frame in enumerate(seen.frames):
        assert near(at(frame, 16 + 8 * number + 12, 40), PERSON, 14)
        assert near(at(frame, 4, 40), GREEN, 12)


@pytest.mark.parametrize(
    ("comment", "fps"),
    [(b"", 30), (b"24 fps", 24), (b"30000/1001 frames a second", 29.97), (b"0/0 fps", 30)],
)
def test_a_sequence_has_the_order_of_its_numbers_and_the_rate_in_its_comment(
    tmp_path: Path, comment: bytes, fps: float
) -> None:
    path = sequence(tmp_path / "a.zip", comment)
    header = prepare(path).header
    assert (header.kind, header.format, header.width, header.height) == (
        *("video", "zip"),
        *(WIDTH, HEIGHT),
    )
    assert header.fps == pytest.approx(fps, abs=0.01)
    assert header.duration_ms == pytest.approx(COUNT * 1000 / fps, abs=1)
    assert item(path).fps == pytest.approx(fps, abs=0.01)
    rows = [frame.to_ndarray()[40, :, 3] for _, frame in animation.frames(path)]
    lefts = [int(np.argmax(row > 0)) for row in rows]
    assert lefts[:COUNT] == sorted(set(lefts))


def test_a_sequence_can_be_source_and_background_of_the_client(
    client: Client, tmp_path: Path
) -> None:
    path = sequence(tmp_path / "a.zip", b"25 fps")
    video = client.remove_background(path, background="#00b140", output=tmp_path / "o.mp4")
    assert near(at(decode(tmp_path / "o.mp4").frames[0], 4, 40), GREEN, 14)
    assert video.warnings == ()
    client.remove_background(
        cutout(tmp_path / "b.mov", "qtrle", "argb"), background=path, output=tmp_path / "p.mp4"
    )


def test_a_zip_without_pngs_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("frame.jpg", b"x")
    with pytest.raises(UnsupportedFileError, match="has no PNG files"):
        prepare(tmp_path / "a.zip")
    with pytest.raises(UnsupportedFileError, match="has no PNG files"):
        item(tmp_path / "a.zip")


def test_a_damaged_sequence_is_refused(tmp_path: Path) -> None:
    whole = sequence(tmp_path / "a.zip").read_bytes()
    for offset in [*range(0, 200, 7), *range(len(whole) - 600, len(whole), 11)]:
        damaged = bytearray(whole)
        damaged[offset] ^= 0xFF
        (tmp_path / "a.zip").write_bytes(damaged)
        with suppress(UnsupportedFileError):
            prepare(tmp_path / "a.zip")
        with suppress(UnsupportedFileError):
            item(tmp_path / "a.zip")
    (tmp_path / "a.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnsupportedFileError, match="damaged"):
        prepare(tmp_path / "a.zip")


def test_a_zip_with_a_large_directory_is_refused(tmp_path: Path) -> None:
    small = sequence(tmp_path / "a.zip").read_bytes()
    large, zip64 = bytearray(small), small[:-22] + b"PK\6\7" + bytes(16) + small[-22:]
    struct.pack_into("<I", large, len(large) - 10, 20_000_000)  # the size of the directory
    for data in (bytes(large), zip64):
        with pytest.raises(UnsupportedFileError, match="too many files"):
            prepare(data)


def test_hevc_with_alpha_is_opaque_with_a_warning(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mov", shades(3), codec="libx265", options=QUIET)
    assert item(path).warnings == ()
    data = path.read_bytes()
    assert USER_DATA in data, "an SEI message to replace"
    path.write_bytes(data.replace(USER_DATA, ALPHA_CHANNEL_INFO, 1))
    (warning,) = item(path).warnings
    assert "HEVC with alpha" in warning


@pytest.mark.parametrize("suffix", ["png", "webp", "gif"])
def test_a_transparent_picture_is_composited_over_its_background(
    tmp_path: Path, suffix: str
) -> None:
    picture = np.asarray(cutouts(1)[0].to_ndarray())
    picture = picture.copy()
    picture[..., 3] = np.where(picture[..., 3] == 255, 255, 0)
    Image.fromarray(picture, "RGBA").save(tmp_path / f"a.{suffix}", lossless=True)
    out = placed(tmp_path / f"a.{suffix}", tmp_path / "o.mp4", Background("color", color="#00b140"))
    frame = decode(out).frames[0]
    assert near(at(frame, 28, 40), PERSON, 14)
    assert near(at(frame, 4, 40), GREEN, 12)


def test_an_opaque_alpha_is_not_a_mask(tmp_path: Path) -> None:
    solid = [av.VideoFrame.from_ndarray(np.full((HEIGHT, WIDTH, 4), 255, np.uint8), "rgba")] * 2
    path = cutout(tmp_path / "a.mov", "qtrle", "argb", solid)
    assert not probe(path, "a.mov", id="m1").has_alpha
