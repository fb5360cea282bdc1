"""Pictures: color profiles, 16 bits, orientation, animation and size limits."""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageCms

from nemovideo import Client
from nemovideo.errors import UnsupportedFileError
from nemovideo.local.matte.engine import Mask, Picture
from nemovideo.local.media import probe as probing
from nemovideo.local.media.containers import DECODER_OPTIONS
from nemovideo.local.media.pictures import open_image
from nemovideo.local.media.probe import probe
from nemovideo.local.render import render
from nemovideo.local.timeline import Background, Clip, Timeline
from tests.support.footage import COLORS, FPS, HEIGHT, WIDTH, film, quarters, shades, shown_quarters
from tests.support.render import YellowMatte, decode, item, near

Samples = npt.NDArray[np.uint16]
XYZ = tuple[float, float, float]
Space = tuple[XYZ, XYZ, XYZ, float | None]
# Adobe RGB and Display P3: red, green and blue as XYZ, and the gamma (None: that of sRGB).
ADOBE: Space = (
    (0.60974, 0.31111, 0.01947),
    (0.20528, 0.62567, 0.06087),
    (0.14919, 0.06322, 0.74457),
    2.2,
)
P3: Space = (
    (0.51512, 0.24120, -0.00105),
    (0.29198, 0.69225, 0.04189),
    (0.15710, 0.06657, 0.78407),
    None,
)


def profile(space: Space) -> bytes:
    """Return an ICC profile for three primaries."""
    red, green, blue, gamma = space

    def fixed(*values: float) -> bytes:
        return b"".join(struct.pack(">i", round(value * 65536)) for value in values)

    if gamma is None:
        curve = b"para\0\0\0\0\0\3\0\0" + fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    else:
        curve = b"curv\0\0\0\0\0\0\0\1" + struct.pack(">H", round(gamma * 256)) + b"\0\0"
    point = b"XYZ \0\0\0\0"
    tags = [
        (b"desc", b"desc\0\0\0\0\0\0\0\2x\0" + bytes(79)),
        (b"cprt", b"text\0\0\0\0x\0\0\0"),
        (b"wtpt", point + fixed(0.9642, 1, 0.82491)),
        (b"rXYZ", point + fixed(*red)),
        (b"gXYZ", point + fixed(*green)),
        (b"bXYZ", point + fixed(*blue)),
        *((name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")),
    ]
    offset = 128 + 4 + 12 * len(tags)
    table, data = struct.pack(">I", len(tags)), b""
    for name, value in tags:
        table += name + struct.pack(">II", offset + len(data), len(value))
        data += value + bytes(-len(value) % 4)
    body = table + data
    head = struct.pack(
        ">I4sI4s4s4s", 128 + len(body), bytes(4), 0x02400000, b"mntr", b"RGB ", b"XYZ "
    )
    head += (
        struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + fixed(0.9642, 1, 0.82491)
    )
    return head + bytes(128 - len(head)) + body


def with_profile(path: Path, color: tuple[int, int, int], space: Space) -> Path:
    """Write a picture of an sRGB color in another color space."""
    icc = profile(space)
    source = ImageCms.createProfile("sRGB")
    target = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    image = ImageCms.profileToProfile(Image.new("RGB", (WIDTH, HEIGHT), color), source, target)
    assert image is not None
    image.save(path, icc_profile=icc, quality=98)
    return path


@pytest.mark.parametrize("space", [ADOBE, P3], ids=["Adobe RGB", "Display P3"])
@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
def test_a_profile_is_converted_to_srgb(tmp_path: Path, space: Space, suffix: str) -> None:
    color = (200, 90, 60)
    path = with_profile(tmp_path / f"a.{suffix}", color, space)
    with Image.open(path) as stored:
        assert not near(stored.convert("RGB").getpixel((9, 9)), color, 8), "stored in the space"
    image = open_image(path)
    assert near(image.getpixel((9, 9)), color, 4)  # type: ignore[arg-type]
    assert "icc_profile" not in image.info


def test_the_profiles_of_subject_and_background_are_converted(tmp_path: Path) -> None:
    subject = item(with_profile(tmp_path / "a.png", (200, 180, 60), P3))
    backdrop = item(with_profile(tmp_path / "b.png", (20, 90, 160), ADOBE), "m2")
    clip = Clip("image", 40, "a", media="m1", background=Background("image", media="m2"))
    draft = Timeline(clips=(clip,), width=WIDTH, height=HEIGHT, fps=FPS)

    class Half:
        def mask(self, picture: Picture) -> Mask:
            mask: Mask = np.zeros((len(picture), len(picture)), np.float32)
            mask[:, : len(picture) // 2] = 1
            return mask

    out = render(
        draft, {"m1": subject, "m2": backdrop}, tmp_path / "o.png", format="png", engine=Half()
    )
    pixels = np.asarray(Image.open(out.path).convert("RGB"))
    assert near(tuple(int(v) for v in pixels[32, 10]), (200, 180, 60), 6)
    assert near(tuple(int(v) for v in pixels[32, -6]), (20, 90, 160), 6)


def test_a_damaged_profile_is_ignored(tmp_path: Path) -> None:
    Image.new("RGB", (64, 48), (200, 90, 60)).save(tmp_path / "a.png", icc_profile=b"no profile")
    assert open_image(tmp_path / "a.png").getpixel((9, 9)) == (200, 90, 60)


def test_sixteen_bits_keep_their_brightness(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None].repeat(8, 0)
    Image.fromarray(ramp).save(tmp_path / "gray.png")
    wanted = np.arange(256)
    assert np.abs(np.asarray(open_image(tmp_path / "gray.png"))[4, :, 1] - wanted).max() <= 1
    (tmp_path / "rgb.png").write_bytes(png(256, 8, 16, 2, ramp[..., None].repeat(3, -1)))
    assert np.abs(np.asarray(open_image(tmp_path / "rgb.png"))[4, :, 1] - wanted).max() <= 1


def test_every_exif_orientation_is_applied(tmp_path: Path) -> None:
    upright = Image.fromarray(quarters())
    inverse = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # in Pillow's transpositions
    for orientation in range(1, 9):
        stored = upright
        if orientation in inverse:
            stored = upright.transpose(Image.Transpose(inverse[orientation]))
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored.save(tmp_path / "a.jpg", exif=exif, quality=98)
        pixels = np.asarray(open_image(tmp_path / "a.jpg"))
        assert pixels.shape == (HEIGHT, WIDTH, 3)
        assert all(near(a, b, 12) for a, b in zip(shown_quarters(pixels), COLORS, strict=True))


def test_a_gif_truncated_at_any_byte_is_refused_or_used(tmp_path: Path) -> None:
    data = gif(4, 4, 2)
    for size in range(1, len(data)):
        (tmp_path / "a.gif").write_bytes(data[:size])
        with suppress(UnsupportedFileError):
            probe(tmp_path / "a.gif", "a.gif", id="m1")


def test_a_picture_with_damaged_exif_data_is_upright(tmp_path: Path) -> None:
    entries = struct.pack(">HHI4s", 0x0100, 2, 4, b"abc\0")  # a width that is text
    entries += struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0)
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x02" + entries + bytes(4)
    Image.new("RGB", (80, 60)).save(tmp_path / "a.jpg", exif=exif)
    assert probe(tmp_path / "a.jpg", "a.jpg", id="m1").width == 60


# --- Animation ------------------------------------------------------------------------------


def moving(path: Path, *, durations: list[int], loop: int | None = 0) -> Path:
    frames = [Image.fromarray(p) for p in shades(len(durations))]
    more: dict[str, Any] = {} if loop is None else {"loop": loop}
    frames[0].save(
        path, save_all=True, append_images=frames[1:], duration=durations, lossless=True, **more
    )
    return path


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_an_animation_is_a_video_with_its_own_timing(tmp_path: Path, suffix: str) -> None:
    path = moving(tmp_path / f"a.{suffix}", durations=[100, 300, 200])
    media = probe(path, path.name, id="m1")
    assert (media.kind, media.duration_ms, media.fps) == ("video", 600, 10)
    draft = Timeline(
        clips=(Clip("video", 600, "a", media="m1"),), width=WIDTH, height=HEIGHT, fps=10
    )
    seen = decode(render(draft, {"m1": media}, tmp_path / "o.mp4").path)
    means = [round(float(frame.mean())) for frame in seen.frames]
    wanted = [round(float(p.mean())) for p in shades(3)]
    assert means == pytest.approx([wanted[n] for n in (0, 1, 1, 1, 2, 2)], abs=2)


@pytest.mark.parametrize(
    ("suffix", "loop", "shown"),
    [
        ("gif", 0, [0, 1, 2, 0, 1, 2, 0, 1]),
        ("webp", 0, [0, 1, 2, 0, 1, 2, 0, 1]),
        ("gif", None, [0, 1, 2, 2, 2, 2, 2, 2]),
        ("webp", 2, [0, 1, 2, 0, 1, 2, 2, 2]),
    ],
)
def test_an_animated_background_repeats_as_often_as_its_file_says(
    tmp_path: Path, suffix: str, loop: int | None, shown: list[int]
) -> None:
    backdrop = item(moving(tmp_path / f"b.{suffix}", durations=[200] * 3, loop=loop), "m2")
    empty = item(film(tmp_path / "a.mp4", [np.full((HEIGHT, WIDTH, 3), 30, np.uint8)] * 40))
    clip = Clip("video", 1600, "a", media="m1", background=Background("video", media="m2"))
    draft = Timeline(clips=(clip,), width=WIDTH, height=HEIGHT, fps=FPS)
    media = {"m1": empty, "m2": backdrop}
    result = render(draft, media, tmp_path / "o.mp4", engine=YellowMatte())
    means = [float(frame.mean()) for frame in decode(result.path).frames[2::5]]
    wanted = [float(p.mean()) for p in shades(3)]
    assert means == pytest.approx([wanted[n] for n in shown], abs=3)
    assert any(backdrop.name in each for each in result.warnings) == (loop != 0)


# --- Size limits ----------------------------------------------------------------------------


def png(width: int, height: int, bits: int, color: int, rows: Iterable[Samples] = ()) -> bytes:
    """Return a PNG of these rows of pixels; without them, of a single byte of data."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    data = b"".join(b"\0" + row.astype(">u2").tobytes() for row in rows) or b"\0"
    head = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def test_a_decompression_bomb_is_refused_by_its_header(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("the picture is decoded")

    monkeypatch.setattr(Image.Image, "load", never)
    monkeypatch.setattr(Image, "open", never)
    for width, bits, color in ((13000, 1, 0), (9000, 8, 6), (8000, 8, 2)):
        (tmp_path / "a.png").write_bytes(png(width, width, bits, color))
        message = rf"{width}×{width} pixels.*8192 on a side"
        with pytest.raises(UnsupportedFileError, match=message) as caught:
            probe(tmp_path / "a.png", "a.png", id="m1")
        assert caught.value.remedy.startswith("Scale it down to 7071×7071 pixels")


def test_the_client_gets_the_remedy_for_a_large_picture(client: Client, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(9000, 4000, 8, 2))
    with pytest.raises(UnsupportedFileError, match="9000×4000 pixels") as caught:
        client.remove_background(tmp_path / "a.png", background="white")
    assert caught.value.remedy.startswith("Scale it down to 8192×3640 pixels")


def gif(width: int, height: int, count: int) -> bytes:
    """Return an animation of 23 bytes per frame: a single pixel of each is new."""
    data = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    for number in range(count):
        data += b"\x21\xf9\4\0\x05\0\0\0\x2c" + struct.pack("<HHHHB", number, 0, 1, 1, 0)
        data += b"\2\2\x44\1\0"
    return data + b";"


@pytest.mark.parametrize(
    ("width", "height", "count", "message"),
    [(4000, 4000, 150, "150 frames of 4000×4000"), (8000, 6000, 2, "8000×6000 pixels")],
)
def test_a_large_animation_is_refused_without_decoding(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    width: int,
    height: int,
    count: int,
    message: str,
) -> None:
    (tmp_path / "a.gif").write_bytes(gif(width, height, count))

    def never(*_: object, **__: object) -> None:
        raise AssertionError("a frame is decoded")

    monkeypatch.setattr(Image.Image, "load", never)
    with pytest.raises(UnsupportedFileError, match=message):
        probe(tmp_path / "a.gif", "a.gif", id="m1")


def test_an_animation_with_too_many_frames_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\2\2\x44\1\0"
    (tmp_path / "a.gif").write_bytes(gif(1, 1, 2)[:-1] + frame * 10**6 + b";")
    with pytest.raises(UnsupportedFileError, match="more than 20,000 frames"):
        probe(tmp_path / "a.gif", "a.gif", id="m1")

    monkeypatch.setattr(probing, "MAX_ZIP_FRAMES", 3)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for number in range(4):
            archive.writestr(f"{number}.png", png(1, 1, 8, 2))
    with pytest.raises(UnsupportedFileError, match="more than 3 frames"):
        probe(tmp_path / "a.zip", "a.zip", id="m1")


def test_a_frame_of_a_zip_with_more_data_than_its_pixels_is_refused(tmp_path: Path) -> None:
    picture = png(8, 8, 8, 2, [np.zeros(12, np.uint16)] * 8)
    other = struct.pack(">I", 5_000_000) + b"junK" + bytes(5_000_000)
    other += struct.pack(">I", zlib.crc32(other[4:]))
    end_of_header = picture.index(b"IHDR") + 21
    for name, data in (("a", picture), ("b", picture[:end_of_header] + other)):
        path = tmp_path / f"{name}.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("1.png", data + picture[end_of_header:] * (name == "b"))
        if name == "a":
            assert probe(path, path.name, id="m1").width == 8
        else:
            with pytest.raises(UnsupportedFileError, match="more data"):
                probe(path, path.name, id="m1")


def test_a_jpeg_with_too_many_scans_is_refused(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.new("L", (800, 600), 128).save(path, progressive=True)
    assert probe(path, "a.jpg", id="m1").kind == "image"
    data = path.read_bytes()
    scans = [match.start() for match in re.finditer(b"\xff\xda", data)]
    last = data[scans[-1] : -2]
    path.write_bytes(data[:-2] + last * 10_000 + data[-2:])
    with pytest.raises(UnsupportedFileError, match="more than 100 scans"):
        client.sessions.create().upload(path)


def test_a_video_with_too_many_pixels_is_refused(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mkv", [np.zeros((16, 8400, 3), np.uint8)], codec="ffv1")
    with pytest.raises(UnsupportedFileError, match=r"8400×16 pixels.*8192"):
        probe(path, "a.mkv", id="m1")


@pytest.mark.parametrize(("suffix", "codec"), [("webm", "libvpx-vp9"), ("mp4", "libx264")])
def test_decoders_refuse_enormous_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, codec: str
) -> None:
    path = film(tmp_path / f"a.{suffix}", [np.zeros((64, 64, 3), np.uint8)], codec=codec)
    assert probe(path, path.name, id="m1").kind == "video"
    monkeypatch.setitem(DECODER_OPTIONS, "max_pixels", "1000")
    with pytest.raises(UnsupportedFileError, match="cannot be read as video"):
        probe(path, path.name, id="m1")


def test_a_video_of_too_many_hours_is_refused(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mkv", shades(1500, 16, 16), times_s=[30 * n for n in range(1500)])
    with pytest.raises(UnsupportedFileError, match=r"hours.*12 hours"):
        probe(path, "a.mkv", id="m1")
