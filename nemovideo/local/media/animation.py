"""Animated GIF, WebP and PNG, and zips of PNGs: their pictures with their times."""

from __future__ import annotations

import math
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
from nemovideo.local.media.transparency import has_clear_parts

_SHORTEST_MS = 20
_INSTEAD_MS = 100  # what browsers show for a picture that would be too short
_MOST_FPS, _MOST_ZIP_FPS = 50, 120
_LOOKED_AT = 10


@attrs.frozen
class Animation:
    """What an animation consists of. `plays` is how often it is shown, None for without end."""

    width: int
    height: int
    duration_ms: int
    fps: Fraction
    plays: int | None
    has_alpha: bool


def is_animated(path: Path) -> bool:
    """Return whether a picture's file holds more than one of them."""
    family = picture_family(path)
    if family not in ("gif", "webp", "png"):
        return family == "zip"
    with opened(path) as image:
        return bool(getattr(image, "is_animated", False))


def outline(path: Path) -> tuple[tuple[int, int], int]:
    """Return the size of an animation's pictures, and how many there are; none is decoded."""
    if picture_family(path) == "zip":
        with _reading(path) as archive:
            return _header_size(archive, frames_of(archive)[0]), len(frames_of(archive))
    with opened(path) as image:
        return image.size, int(getattr(image, "n_frames", 1))


def describe(path: Path) -> Animation:
    """Look through an animation; at its first pictures closely.

    The rate is one in which every picture begins in time, 50 a second at most.
    """
    if picture_family(path) == "zip":
        return _describe_zip(path)
    starts_ms, alpha = [0], False
    with opened(path) as image:
        width, height = image.size
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            if image.format == "WEBP" or number < _LOOKED_AT:  # a WebP tells its times late
                image.load()
            if number < _LOOKED_AT and not alpha:
                alpha = has_clear_parts(in_srgb(image.copy()))
            starts_ms.append(starts_ms[-1] + _length_ms(image))
    step_ms = math.gcd(*starts_ms) or _INSTEAD_MS
    return Animation(
        width,
        height,
        duration_ms=starts_ms[-1],
        fps=min(Fraction(1000, step_ms), Fraction(_MOST_FPS)),
        plays=plays(path),
        has_alpha=alpha,
    )


def frames(path: Path) -> Iterator[tuple[Fraction, VideoFrame]]:
    """Yield (time in seconds, frame) of one pass; the last one is yielded at the end again."""
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
    """Return how often an animation is shown, as browsers do it; None for without end."""
    if picture_family(path) == "zip":
        return None
    with opened(path) as image:
        told = image.info.get("loop")
        if told == 0:
            return None
        if told is None:
            return 1
        return int(told) + 1 if image.format == "GIF" else int(told)


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
    told = round(image.info.get("duration", 0))
    return told if told >= _SHORTEST_MS else _INSTEAD_MS


def _header_size(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> tuple[int, int]:
    with archive.open(entry) as file, Image.open(file, formats=("PNG",)) as image:
        size: tuple[int, int] = image.size
        return size


def _describe_zip(path: Path) -> Animation:
    """Look at all headers, and at the first pictures: decoding all of them would take too long."""
    size, alpha = (0, 0), False
    with _reading(path) as archive:
        fps, entries = rate_of(archive), frames_of(archive)
        for number, entry in enumerate(entries):
            with archive.open(entry) as file, Image.open(file, formats=("PNG",)) as image:
                check_pixels(image.size)
                if number < _LOOKED_AT and not alpha:
                    alpha = has_clear_parts(decoded(image))
                size = max(size, image.size, key=math.prod)
    return Animation(
        *size,
        duration_ms=max(1, round(len(entries) * 1000 / fps)),
        fps=min(fps, Fraction(_MOST_ZIP_FPS)),
        plays=None,
        has_alpha=alpha,
    )


def _zipped(path: Path) -> Iterator[tuple[Image.Image, Fraction]]:
    with _reading(path) as archive:
        length_ms = 1000 / rate_of(archive)
        for entry in frames_of(archive):
            with archive.open(entry) as file, Image.open(file, formats=("PNG",)) as image:
                check_pixels(image.size)
                picture = decoded(image)
            yield picture, length_ms


@contextmanager
def _reading(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with open_sequence(path) as archive:
            yield archive
    except PictureTooLargeError:
        raise
    except (SequenceError, *UNREADABLE) as error:
        raise ValueError(f"it has frames that cannot be read: {error}") from error
