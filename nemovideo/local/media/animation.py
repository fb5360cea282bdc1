"""Animated GIF, WebP and PNG, and zips of PNGs: their frames and timing."""

from __future__ import annotations

import math
import mmap
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import attrs
import numpy as np
from av.video.frame import VideoFrame
from PIL import Image

from nemovideo._support.sequences import SequenceError, frames_of, open_sequence, rate_of
from nemovideo.local.media.limits import MAX_ANIMATION_FRAMES
from nemovideo.local.media.pictures import (
    UNREADABLE,
    PictureTooLargeError,
    check_pixels,
    decoded,
    decoding,
    in_srgb,
    opened,
    picture_family,
)
from nemovideo.local.media.transparency import image_has_transparency

_MIN_FRAME_MS = 20
_DEFAULT_FRAME_MS = 100  # as browsers do for shorter frames
_MAX_FPS, _MAX_ZIP_FPS = 50, 120
_GIF_FRAME, _GIF_EXTENSION, _GIF_END = 0x2C, 0x21, 0x3B
_GIF_PALETTE_AT, _GIF_FRAME_BYTES = 10, 11
_PNG_HEAD_BYTES = 24
_MAX_PIXEL_BYTES = 8 + 1  # 16-bit RGBA, and overhead: filter bytes, uncompressed blocks
_METADATA_BYTES = 4 * 1024 * 1024
_ALPHA_FRAMES = 10  # the number of frames checked for alpha


@attrs.frozen
class Animation:
    """The properties of an animation, as `MediaItem` has them."""

    width: int
    height: int
    duration_ms: int
    fps: float
    has_alpha: bool


def is_animated(path: Path) -> bool:
    """Return whether a picture file has more than one frame."""
    family = picture_family(path)
    if family not in ("gif", "webp", "png"):
        return family == "zip"
    with opened(path) as image:
        return bool(getattr(image, "is_animated", False))


def size_and_count(path: Path) -> tuple[tuple[int, int], int]:
    """Return the size and number of an animation's frames, without decoding them."""
    if picture_family(path) == "zip":
        with _reading(path) as archive:
            entries = frames_of(archive)
            with _opened(archive, entries[0]) as image:
                return image.size, len(entries)
    with opened(path) as image:
        if image.format == "GIF":
            return image.size, _count_gif_frames(path)
        return image.size, int(getattr(image, "n_frames", 1))


def _count_gif_frames(path: Path) -> int:
    """Return the number of a GIF's frames; the count stops just above the limit.

    Pillow would count them all, even if there are millions.
    """
    count, offset = 0, _GIF_PALETTE_AT
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        offset += 3 + _palette_bytes(data[offset])
        while offset < len(data) - _GIF_FRAME_BYTES and count <= MAX_ANIMATION_FRAMES:
            block = data[offset]
            if block == _GIF_END:
                break
            if block == _GIF_FRAME:
                count += 1
                offset += _GIF_FRAME_BYTES + _palette_bytes(data[offset + _GIF_FRAME_BYTES - 2])
            elif block == _GIF_EXTENSION:
                offset += 2
            else:  # Pillow ignores bytes between blocks
                offset += 1
                continue
            while offset < len(data) and data[offset]:
                offset += 1 + data[offset]
            offset += 1
    return count


def _palette_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def describe(path: Path) -> Animation:
    """Read the timing of all frames, and the alpha of the first ones.

    The rate is high enough to show every frame at its own time, up to 50 fps.
    """
    if picture_family(path) == "zip":
        return _describe_zip(path)
    starts_ms, alpha = [0], False
    with opened(path) as image:
        width, height = image.size
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            if image.format == "WEBP" or number < _ALPHA_FRAMES:  # WebP durations need load()
                image.load()
            if number < _ALPHA_FRAMES and not alpha:
                alpha = image_has_transparency(in_srgb(image.copy()))
            starts_ms.append(starts_ms[-1] + _length_ms(image))
    step_ms = math.gcd(*starts_ms) or _DEFAULT_FRAME_MS
    return Animation(
        width,
        height,
        duration_ms=starts_ms[-1],
        fps=min(1000 / step_ms, float(_MAX_FPS)),
        has_alpha=alpha,
    )


def frames(path: Path) -> Iterator[tuple[Fraction, VideoFrame]]:
    """Yield (time in seconds, frame) of one pass; the last frame is repeated at the end time."""
    at_s = Fraction(0)
    frame = None
    for picture, length_ms in _pictures(path):
        pixels = "rgba" if picture.mode == "RGBA" else "rgb24"
        frame = VideoFrame.from_ndarray(np.asarray(picture), format=pixels)
        yield at_s, frame
        at_s += length_ms / 1000
    if frame is not None:
        yield at_s, frame


def plays(path: Path) -> int | None:
    """Return how often browsers play the animation; None if endlessly."""
    if picture_family(path) == "zip":
        return None
    with opened(path) as image:
        loop = image.info.get("loop")
        if loop == 0:
            return None
        if loop is None:
            return 1
        return int(loop) + 1 if image.format == "GIF" else int(loop)


def _pictures(path: Path) -> Iterator[tuple[Image.Image, Fraction]]:
    if picture_family(path) == "zip":
        yield from _zipped(path)
        return
    with opened(path) as image:
        for number in range(getattr(image, "n_frames", 1)):
            with decoding(image.size):
                image.seek(number)
                image.load()
            yield in_srgb(image.copy()), Fraction(_length_ms(image))


def _length_ms(image: Image.Image) -> int:
    length_ms = round(image.info.get("duration", 0))
    return length_ms if length_ms >= _MIN_FRAME_MS else _DEFAULT_FRAME_MS


def _describe_zip(path: Path) -> Animation:
    """Read all headers, and the alpha of the first frames: decoding them all takes too long."""
    size, alpha = (0, 0), False
    with _reading(path) as archive:
        fps, entries = rate_of(archive), frames_of(archive)
        for number, entry in enumerate(entries):
            with _opened(archive, entry) as image:
                check_pixels(image.size)
                if number < _ALPHA_FRAMES and not alpha:
                    alpha = image_has_transparency(decoded(image))
                size = max(size, image.size, key=math.prod)
    return Animation(
        *size,
        duration_ms=max(1, round(len(entries) * 1000 / fps)),
        fps=float(min(fps, Fraction(_MAX_ZIP_FPS))),
        has_alpha=alpha,
    )


def _zipped(path: Path) -> Iterator[tuple[Image.Image, Fraction]]:
    with _reading(path) as archive:
        length_ms = 1000 / rate_of(archive)
        for entry in frames_of(archive):
            with _opened(archive, entry) as image:
                check_pixels(image.size)
                picture = decoded(image)
            yield picture, length_ms


@contextmanager
def _opened(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[Image.Image]:
    _check_entry(archive, entry)
    with archive.open(entry) as file, Image.open(file, formats=("PNG",)) as image:
        yield image


def _check_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    """Check the size of a zip's PNG against that of its pixels.

    A few KB of the zip can be hundreds of MB of non-pixel data, which Pillow reads into memory.

    Raises:
        PictureTooLargeError: The picture exceeds the limits.
        ValueError: There is too much non-pixel data.
    """
    with archive.open(entry) as file:
        width, height = struct.unpack(">II", file.read(_PNG_HEAD_BYTES)[16:24].rjust(8, b"\0"))
    check_pixels((width, height))
    if entry.file_size > width * height * _MAX_PIXEL_BYTES + _METADATA_BYTES:
        raise ValueError(f"{entry.filename} has more data than a PNG of {width}×{height} needs")


@contextmanager
def _reading(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with open_sequence(path) as archive:
            yield archive
    except PictureTooLargeError:
        raise
    except (SequenceError, *UNREADABLE) as error:
        raise ValueError(f"it has unreadable frames: {error}") from error
