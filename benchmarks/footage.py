"""Compare rendered footage with a reference: pixel formats, orientations, tags, timestamps.

    python benchmarks/footage.py [--only FORMAT] [--json FILE]

A test card is encoded in 12 pairs of codec and pixel format and in 8 orientations, with and without
color tags. Its frame rate is constant or variable, or there is a jump in the timestamps. That makes
576 clips. The local backend renders each one unedited. The figures are the largest error in the
mean color of a patch, on a 0–255 scale, and the largest offset of a frame.
"""

from __future__ import annotations

import argparse
import itertools
import json
import struct
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import attrs
import av
import numpy as np
import numpy.typing as npt
from av.video.stream import VideoStream

from nemovideo.local.media.probe import probe
from nemovideo.local.render import render
from nemovideo.local.timeline import Clip, Timeline

Pixels = npt.NDArray[np.uint8]
Matrix = tuple[int, int, int, int]

WIDTH, HEIGHT, PATCH, FPS, COUNT = 160, 96, 32, 25, 12
MAX_LEVELS, MAX_FRAMES = 4.0, 1
_COLORS = (
    *((200, 60, 60), (60, 180, 60), (60, 60, 200), (200, 200, 60), (0, 177, 64)),
    *((235, 235, 235), (128, 128, 128), (20, 20, 20), (224, 172, 142), (90, 60, 40)),
)
_TICKS = 90_000
_BT709, _BT601 = 1, 5
_LIMITED, _FULL = 1, 2


@attrs.frozen
class Encoding:
    """A codec with a pixel format."""

    codec: str
    pixels: str
    options: Mapping[str, str] = attrs.field(factory=dict)


_FINE = {"crf": "6", "preset": "ultrafast"}
ENCODINGS = (
    Encoding("libx264", "yuv420p", _FINE),
    Encoding("libx264", "yuv422p", _FINE),
    Encoding("libx264", "yuv444p", _FINE),
    Encoding("libx264", "yuv420p10le", _FINE),
    Encoding("libx264", "yuv422p10le", _FINE),
    Encoding("libx264", "yuvj420p", _FINE),
    Encoding("libx264", "gray", _FINE),
    Encoding("mjpeg", "yuvj422p", {"flags": "+qscale", "global_quality": "118"}),
    Encoding("prores_ks", "yuv422p10le"),
    Encoding("prores_ks", "yuva444p10le"),
    Encoding("qtrle", "rgb24"),
    Encoding("png", "rgb48be"),
)
ORIENTATIONS: Mapping[str, Matrix] = {
    "upright": (1, 0, 0, 1),
    "mirrored": (-1, 0, 0, 1),
    "turned 180": (-1, 0, 0, -1),
    "upside down": (1, 0, 0, -1),
    "transposed": (0, 1, 1, 0),
    "turned right": (0, 1, -1, 0),
    "transversed": (0, -1, -1, 0),
    "turned left": (0, -1, 1, 0),
}
_UNEVEN = np.cumsum([0, 0.04, 0.02, 0.06, 0.04, 0.08, 0.02, 0.02, 0.04, 0.06, 0.04, 0.04])
CLOCKS: Mapping[str, Sequence[float]] = {
    "constant": [n / FPS for n in range(COUNT)],
    "uneven": [float(value) for value in _UNEVEN],
    "jumps": [n / FPS + (5000 if n >= COUNT // 2 else 0) for n in range(COUNT)],
}


def card(number: int, *, gray: bool) -> Pixels:
    """Return the test card: ten color patches, and the frame number as a gray level below."""
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for index, color in enumerate(_COLORS):
        row, column = divmod(index, WIDTH // PATCH)
        picture[PATCH * row : PATCH * (row + 1), PATCH * column : PATCH * (column + 1)] = color
    picture[2 * PATCH :] = 20 + 18 * number
    if gray:
        picture[:] = (picture @ np.array([0.299, 0.587, 0.114])).round()[..., None].astype(np.uint8)
    return picture


def shown(picture: Pixels, matrix: Matrix) -> Pixels:
    """Apply a display matrix to a picture."""
    a, b, c, d = matrix
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]]
    to_x, to_y = a * x + c * y, b * x + d * y
    to_x, to_y = to_x - to_x.min(), to_y - to_y.min()
    turned = np.zeros((to_y.max() + 1, to_x.max() + 1, 3), np.uint8)
    turned[to_y, to_x] = picture
    return turned


def write(path: Path, encoding: Encoding, times_s: Sequence[float], *, tagged: bool) -> Path:
    """Encode the card as a clip."""
    # JPEG is BT.601, whatever the container says.
    matrix = _BT709 if tagged and encoding.codec != "mjpeg" else _BT601
    full = encoding.pixels.startswith("yuvj")
    with av.open(str(path), "w", options={"video_track_timescale": str(_TICKS)}) as out:
        stream = out.add_stream(encoding.codec, rate=FPS, options=dict(encoding.options))
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, encoding.pixels
        stream.time_base = context.time_base = Fraction(1, _TICKS)
        if tagged:
            context.colorspace = context.color_primaries = context.color_trc = 1
        for number, time_s in enumerate(times_s):
            source = av.VideoFrame.from_ndarray(
                card(number, gray=encoding.pixels == "gray"), "rgb24"
            )
            gray = encoding.pixels == "gray"
            frame = source.reformat(
                format="yuv420p" if gray else encoding.pixels,
                dst_colorspace=None if encoding.pixels.startswith("rgb") else matrix,
                dst_color_range=_FULL if full or encoding.pixels.startswith("rgb") else _LIMITED,
            )
            if gray:  # FFmpeg would convert to full range
                plane = frame.planes[0]
                luma = np.frombuffer(memoryview(plane), np.uint8).reshape(HEIGHT, plane.line_size)
                frame = av.VideoFrame.from_ndarray(luma[:, :WIDTH].copy(), "gray")
            frame.pts, frame.time_base = round(time_s * _TICKS), Fraction(1, _TICKS)
            frame.colorspace = frame.color_primaries = frame.color_trc = 1 if tagged else 2
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def set_display_matrix(path: Path, matrix: Matrix) -> Path:
    """Write a display matrix into the track header of a file."""
    a, b, c, d = (value << 16 for value in matrix)
    data = bytearray(path.read_bytes())
    struct.pack_into(">9i", data, data.index(b"tkhd") + 44, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


def rendered(path: Path, output: Path) -> list[Pixels]:
    """Render a clip unedited and return its frames."""
    media = probe(path, path.name, id="m1")
    clip = Clip("video", media.duration_ms or 0, media.name, media="m1")
    draft = Timeline(
        clips=(clip,), width=media.width or 0, height=media.height or 0, fps=media.fps or 0
    )
    with av.open(str(render(draft, {"m1": media}, output).path)) as container:
        frames = []
        for frame in container.decode(video=0):
            matrix = _BT709 if frame.colorspace == 1 else _BT601
            rgb = frame.reformat(format="rgb24", src_colorspace=matrix)
            frames.append(rgb.to_ndarray().astype(np.uint8, copy=False))
        rate = float(container.streams.video[0].average_rate or FPS)
    output.with_suffix(".rate").write_text(str(rate))
    return frames


def color_error(frame: Pixels, wanted: Pixels) -> float:
    """Return the largest error in the mean color of a patch, without its margin."""
    if frame.shape != wanted.shape:
        return 255.0
    margin = PATCH // 4
    errors = []
    for top, left in itertools.product(
        range(0, frame.shape[0], PATCH), range(0, frame.shape[1], PATCH)
    ):
        inner = np.s_[top + margin : top + PATCH - margin, left + margin : left + PATCH - margin]
        difference = frame[inner].astype(float) - wanted[inner]
        errors.append(np.abs(difference.mean(axis=(0, 1))).max())
    return float(max(errors))


def compared(
    frames: Sequence[Pixels], clock: str, matrix: Matrix, rate: float, *, gray: bool
) -> tuple[float, int]:
    """Return the largest color error and the largest frame offset."""
    cards = [shown(card(n, gray=gray), matrix) for n in range(COUNT)]
    times_s = CLOCKS["constant" if clock == "jumps" else clock]
    levels, off = 0.0, abs(len(frames) - round((times_s[-1] + 1 / FPS) * rate))
    for index, frame in enumerate(frames):
        errors = [color_error(frame, wanted) for wanted in cards]
        seen = int(np.argmin(errors))
        levels = max(levels, errors[seen])
        off = max(off, abs(round(times_s[seen] * rate) - index) if clock != "uneven" else 0)
        if clock == "uneven":
            due = max(n for n, t in enumerate(times_s) if round(t * rate) <= index)
            off = max(off, abs(due - seen))
    return levels, off


def cases(only: str | None) -> Iterator[tuple[Encoding, str, bool, str]]:
    """Yield every combination of format, orientation, color tags and clock."""
    for encoding in ENCODINGS:
        if only is None or encoding.pixels == only:
            yield from itertools.product((encoding,), ORIENTATIONS, (True, False), CLOCKS)


def main() -> None:
    """Measure the clips; exit with 1 if any differs too much."""
    parser = argparse.ArgumentParser(description="Compare rendered footage with a reference.")
    parser.add_argument("--only", help="one pixel format")
    parser.add_argument(
        "--json", type=Path, help="also write the figures of every clip to this file"
    )
    options = parser.parse_args()
    rows: list[dict[str, object]] = []
    start_s = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "card.mov"
        for encoding, orientation, tagged, clock in cases(options.only):
            set_display_matrix(
                write(path, encoding, CLOCKS[clock], tagged=tagged), ORIENTATIONS[orientation]
            )
            frames = rendered(path, Path(folder) / "out.mp4")
            rate = float((Path(folder) / "out.rate").read_text())
            gray = encoding.pixels == "gray"
            levels, off = compared(frames, clock, ORIENTATIONS[orientation], rate, gray=gray)
            row = {"codec": encoding.codec, "pixels": encoding.pixels, "orientation": orientation}
            rows.append({**row, "tagged": tagged, "clock": clock, "levels": levels, "frames": off})
    _print(rows, time.monotonic() - start_s)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))
    bad = [r for r in rows if r["levels"] > MAX_LEVELS or r["frames"] > MAX_FRAMES]  # type: ignore[operator]
    sys.exit(1 if bad else 0)


def _print(rows: Sequence[Mapping[str, object]], took_s: float) -> None:
    """Print the worst figures by format, orientation, tags and clock."""
    for key in ("pixels", "orientation", "tagged", "clock"):
        print(
            f"\n| {key} | clips | worst error (0–255) | worst offset, frames |\n|---|---|---|---|"
        )
        for value in dict.fromkeys(row[key] for row in rows):
            some = [row for row in rows if row[key] == value]
            levels = max(float(str(row["levels"])) for row in some)
            frames = max(int(str(row["frames"])) for row in some)
            print(f"| {value} | {len(some)} | {levels:.1f} | {frames} |")
    print(
        f"\n{len(rows)} clips in {took_s:.0f} s; allowed: {MAX_LEVELS:g} levels, {MAX_FRAMES} frame"
    )


if __name__ == "__main__":
    main()
