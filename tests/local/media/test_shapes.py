"""Display matrices, cropping, pixel aspect, changing sizes, and broken clocks."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from nemovideo.local.media.probe import probe
from nemovideo.local.render import render
from nemovideo.local.timeline import Background, Clip, Timeline
from tests.support.footage import (
    COLORS,
    FPS,
    HEIGHT,
    WIDTH,
    Track,
    decoded_render,
    film,
    quarters,
    rendered,
    shades,
    shown_quarters,
    tone,
)
from tests.support.render import Pixels, YellowMatte, decode, item, near

ONE = 65536
GREEN = Background("color", "#00b140")
MATRICES = {
    "as stored": (1, 0, 0, 1),
    "mirrored": (-1, 0, 0, 1),
    "turned by 180": (-1, 0, 0, -1),
    "upside down": (1, 0, 0, -1),
    "transposed": (0, 1, 1, 0),
    "turned right": (0, 1, -1, 0),
    "transposed the other way": (0, -1, -1, 0),
    "turned left": (0, -1, 1, 0),
}


def with_matrix(path: Path, matrix: tuple[int, int, int, int]) -> Path:
    """Set the display matrix of the track: (x, y) to (a·x + c·y, b·x + d·y)."""
    a, b, c, d = (ONE * value for value in matrix)
    data = bytearray(path.read_bytes())
    offset = data.index(b"tkhd") + 4 + 40
    struct.pack_into(">9i", data, offset, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


def as_shown(picture: Pixels, matrix: tuple[int, int, int, int]) -> Pixels:
    """Apply a matrix to a picture, pixel by pixel."""
    a, b, c, d = matrix
    height, width = picture.shape[:2]
    y, x = np.mgrid[:height, :width]
    to_x, to_y = a * x + c * y, b * x + d * y
    to_x, to_y = to_x - to_x.min(), to_y - to_y.min()
    shown = np.zeros((to_y.max() + 1, to_x.max() + 1, 3), np.uint8)
    shown[to_y, to_x] = picture
    return shown


@pytest.mark.parametrize("matrix", MATRICES.values(), ids=MATRICES)
def test_every_display_matrix_is_applied(tmp_path: Path, matrix: tuple[int, int, int, int]) -> None:
    path = with_matrix(film(tmp_path / "a.mp4", [quarters()] * 3), matrix)
    wanted = as_shown(quarters(), matrix)
    media = probe(path, "a.mp4", id="m1")
    assert (media.height, media.width) == wanted.shape[:2]
    shown = decode(rendered(path, tmp_path / "o.mp4").path).frames[1]
    assert shown.shape == wanted.shape
    pairs = zip(shown_quarters(shown), shown_quarters(wanted), strict=True)
    assert all(near(a, b, 14) for a, b in pairs)


def test_the_engine_sees_a_mirrored_picture_as_shown(tmp_path: Path) -> None:
    person = np.full((HEIGHT, WIDTH, 3), (30, 60, 160), np.uint8)
    person[:, : WIDTH // 3] = (225, 205, 40)
    path = with_matrix(film(tmp_path / "a.mp4", [person] * 3), (-1, 0, 0, 1))
    background = Background("color", "#00b140")
    frame = decoded_render(path, tmp_path / "o.mp4", background=background).frames[1]
    assert near(tuple(int(v) for v in frame[32, 8]), (0, 0xB1, 0x40), 14)
    assert near(tuple(int(v) for v in frame[32, -8]), (225, 205, 40), 14)


@pytest.mark.parametrize("aspect", [Fraction(64, 45), Fraction(4, 3), Fraction(8, 9)])
def test_a_background_keeps_its_display_aspect(tmp_path: Path, aspect: Fraction) -> None:
    double_width = round(WIDTH * 2 * aspect / 2) * 2
    y, x = np.mgrid[: 2 * HEIGHT, : 2 * WIDTH]
    away = np.hypot((x - WIDTH) * float(aspect), y - HEIGHT)
    circle = np.where(away[..., None] < 40, 30, 230).astype(np.uint8).repeat(3, -1)
    backdrop = film(
        tmp_path / "behind.mp4",
        [circle] * 3,
        prepare=lambda stream: setattr(stream, "sample_aspect_ratio", aspect),
    )
    empty = film(tmp_path / "a.mp4", [np.full((2 * HEIGHT, double_width, 3), 30, np.uint8)] * 3)
    media = {"m1": item(empty), "m2": item(backdrop, "m2")}
    clip = Clip("video", 120, "a", media="m1", background=Background("video", media="m2"))
    draft = Timeline(clips=(clip,), width=double_width, height=2 * HEIGHT, fps=FPS)
    out = render(draft, media, tmp_path / "o.mp4", engine=YellowMatte()).path
    rows, columns = np.nonzero(decode(out).frames[1][..., 1] < 110)
    assert np.ptp(columns) == pytest.approx(np.ptp(rows), abs=2)


def test_the_clean_aperture_of_a_mov_is_applied(tmp_path: Path) -> None:
    picture = quarters()
    picture[:, :8] = picture[:, -16:] = 255
    picture[:4] = 255
    path = film(tmp_path / "a.mov", [picture] * 3)
    data = bytearray(path.read_bytes())
    # Width 72 of 96, height 60 of 64; the center is shifted left by 4, and down by 2.
    box = struct.pack(">I4sIIIIiIiI", 40, b"clap", 72, 1, 60, 1, -4, 1, 2, 1)
    offset = data.index(b"avcC") - 4
    data[offset:offset] = box
    for parent in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1"):
        at = data.rindex(parent, 0, offset) - 4
        struct.pack_into(">I", data, at, struct.unpack_from(">I", data, at)[0] + len(box))
    path.write_bytes(data)
    media = probe(path, "a.mov", id="m1")
    assert (media.width, media.height) == (72, 60)
    frame = decode(rendered(path, tmp_path / "o.mp4").path).frames[1]
    assert frame.shape == (60, 72, 3)
    assert frame[2:-2, 2:-2].min(axis=-1).max() < 120, "nothing white is left at the margins"


def test_the_pixel_crop_of_a_matroska_is_applied(tmp_path: Path) -> None:
    picture = quarters()
    picture[:, :8] = picture[-6:] = 255
    fixed_ids = {"fflags": "+bitexact"}  # a random one could contain the bytes searched for below
    path = film(tmp_path / "a.mkv", [picture] * 3, container_options=fixed_ids)
    data = path.read_bytes()
    crop = b"\x54\xcc\x81\x08" + b"\x54\xaa\x81\x06"  # left 8, bottom 6
    offset = data.index(b"\xb0\x81\x60\xba\x81\x40")  # the width and the height
    video = data.rindex(b"\xe0", 0, offset)
    assert data[video + 1] & 0x80, "the video element's length is one byte"
    grown = bytearray(data)
    grown[offset:offset] = crop
    grown[video + 1] += len(crop)
    _grow(grown, b"\xae", video, len(crop))
    _grow(grown, b"\x16\x54\xae\x6b", video, len(crop))
    _grow(grown, b"\x18\x53\x80\x67", video, len(crop))
    path.write_bytes(grown)
    media = probe(path, "a.mkv", id="m1")
    assert (media.width, media.height) == (88, 58)
    frame = decode(rendered(path, tmp_path / "o.mp4").path).frames[1]
    assert frame[2:-2, 2:-2].min(axis=-1).max() < 120


def _grow(data: bytearray, element: bytes, before: int, count: int) -> None:
    offset = data.rindex(element, 0, before) + len(element)
    length = 9 - data[offset].bit_length()
    size = int.from_bytes(data[offset : offset + length], "big") + count
    data[offset : offset + length] = size.to_bytes(length, "big")


@pytest.mark.parametrize(("codec", "suffix"), [("libvpx", "webm"), ("libx264", "mkv")])
def test_a_stream_whose_size_changes_is_scaled_to_its_largest(
    tmp_path: Path, codec: str, suffix: str
) -> None:
    """As in recordings of video calls: small, larger, and small again."""
    path = tmp_path / f"a.{suffix}"
    options = {"crf": "8", "b": "2M"} if codec == "libvpx" else {"crf": "8", "bf": "0"}
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=FPS, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for part, scale in enumerate((1, 2, 1)):
            encoder = av.CodecContext.create(codec, "w")
            assert isinstance(encoder, av.VideoCodecContext)
            encoder.width, encoder.height = WIDTH * scale, HEIGHT * scale
            encoder.pix_fmt, encoder.time_base = "yuv420p", Fraction(1, FPS)
            encoder.options = options
            packets = []
            for number in range(5):
                frame = av.VideoFrame.from_ndarray(quarters(WIDTH * scale, HEIGHT * scale), "rgb24")
                frame.pts, frame.time_base = 5 * part + number, Fraction(1, FPS)
                packets += encoder.encode(frame)
            for packet in [*packets, *encoder.encode(None)]:
                packet.stream = stream
                out.mux(packet)
    media = probe(path, path.name, id="m1")
    assert (media.width, media.height) == (2 * WIDTH, 2 * HEIGHT)
    seen = decode(rendered(path, tmp_path / "o.mp4").path)
    assert len(seen.frames) == 15
    for picture in seen.frames:
        assert all(near(a, b, 16) for a, b in zip(shown_quarters(picture), COLORS, strict=True))


# --- Clocks ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "starts_s",
    [(0.0, 0.0), (0.0, 5000.0), (0.0, 2**32 / 1000), (2**32 / 1000, 0.0)],
    ids=["restart", "jump", "overflow", "late start and restart"],
)
def test_a_broken_clock_loses_no_frames(tmp_path: Path, starts_s: tuple[float, float]) -> None:
    """Two recordings of ten frames, concatenated in one file."""
    count = 10
    parts = []
    for part, start_s in enumerate(starts_s):
        path = tmp_path / f"{part}.mkv"
        times_s = [start_s + n / FPS for n in range(count)]
        half = shades(2 * count)[count * part : count * (part + 1)]
        sound = Track(tone(count / FPS), "pcm_s16le", start_s=start_s)
        film(
            path,
            half,
            times_s=times_s,
            tracks=[sound],
            options={"bf": "0"},
            container_options={"live": "1"},
        )
        parts.append(path.read_bytes())
    clusters = parts[1][parts[1].index(b"\x1f\x43\xb6\x75") :]
    path = tmp_path / "a.mkv"
    path.write_bytes(parts[0] + clusters)
    media = probe(path, "a.mkv", id="m1")
    assert media.broken_clock
    seen = decode(rendered(path, tmp_path / "o.mp4").path)
    means = [float(frame.mean()) for frame in seen.frames]
    assert len(means) == 2 * count
    assert np.diff(means).min() > 4, "each frame is there, once, in order"
    assert seen.loudness(0.1, 0.7) == pytest.approx(0.3 / 2**0.5, rel=0.1)


@pytest.mark.parametrize("with_sound", [True, False])
def test_frames_that_share_one_timestamp_are_spread(tmp_path: Path, with_sound: bool) -> None:
    count = 20
    tracks = [Track(tone(count / FPS), "aac")] if with_sound else []
    path = film(
        tmp_path / "a.mp4",
        shades(count),
        tracks=tracks,
        options={"bf": "0"},
    )
    stuck = tmp_path / "stuck.mp4"
    with av.open(str(path)) as source, av.open(str(stuck), "w") as out:
        streams = {s.index: out.add_stream_from_template(s) for s in source.streams}
        for packet in source.demux():
            if packet.dts is None:
                continue
            if packet.stream.type == "video":
                packet.pts = packet.dts = 0
            packet.stream = streams[packet.stream_index]
            out.mux(packet)
    media = probe(stuck, "stuck.mp4", id="m1")
    assert media.duration_ms == pytest.approx(1000 * count / FPS, abs=40)
    assert any("share their timestamps" in warning for warning in media.warnings)
    seen = decode(rendered(stuck, tmp_path / "o.mp4").path)
    means = [float(frame.mean()) for frame in seen.frames]
    assert len(means) == pytest.approx(count, abs=1)
    assert np.diff(means).min() > 4, "each frame is there, once, in order"


def test_a_long_still_picture_with_sound_is_not_a_broken_clock(tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.08, 90.0, 90.04]
    track = Track(tone(91, rate=8000), "pcm_s16le", rate=8000)
    path = film(tmp_path / "a.mov", shades(5), times_s=times, tracks=[track])
    media = probe(path, "a.mov", id="m1")
    assert not media.broken_clock
    assert media.duration_ms == pytest.approx(90_080, abs=100)
