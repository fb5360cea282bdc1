"""Animated GIF, WebP and PNG: their pictures, each with its time, and how often they repeat."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import attrs
import numpy as np
from av.video.frame import VideoFrame
from PIL import Image

from nemovideo.local.media.pictures import decoding, in_srgb, opened, picture_family
from nemovideo.local.media.transparency import has_clear_parts

_SHORTEST_MS = 20
_INSTEAD_MS = 100  # what browsers show for a picture that would be too short
_MOST_FPS = 50


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
    if picture_family(path) not in ("gif", "webp", "png"):
        return False
    with opened(path) as image:
        return bool(getattr(image, "is_animated", False))


def describe(path: Path) -> Animation:
    """Look through an animation.

    The rate is one in which every picture begins in time, 50 a second at most.
    """
    starts_ms, alpha, size = [0], False, (0, 0)
    for picture, length_ms in _pictures(path):
        alpha = alpha or has_clear_parts(picture)
        size = picture.size
        starts_ms.append(starts_ms[-1] + length_ms)
    step_ms = math.gcd(*starts_ms) or _INSTEAD_MS
    width, height = size
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
    at_ms = 0
    frame = None
    for picture, length_ms in _pictures(path):
        pixels = "rgba" if picture.mode == "RGBA" else "rgb24"
        frame = VideoFrame.from_ndarray(np.asarray(picture), format=pixels)
        yield Fraction(at_ms, 1000), frame
        at_ms += length_ms
    if frame is not None:
        yield Fraction(at_ms, 1000), frame


def plays(path: Path) -> int | None:
    """Return how often an animation is shown, as browsers do it; None for without end."""
    with opened(path) as image:
        told = image.info.get("loop")
        if told == 0:
            return None
        if told is None:
            return 1
        return int(told) + 1 if image.format == "GIF" else int(told)


def _pictures(path: Path) -> Iterator[tuple[Image.Image, int]]:
    with opened(path) as image:
        for number in range(getattr(image, "n_frames", 1)):
            with decoding(image.size):
                image.seek(number)
                image.load()
            length_ms = round(image.info.get("duration", 0))
            if length_ms < _SHORTEST_MS:
                length_ms = _INSTEAD_MS
            yield in_srgb(image.copy()), length_ms
