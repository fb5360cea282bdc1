"""Footage of a man in front of a blue screen: real motion with an alpha from the key."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import islice

import av
import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.matting.sources import source

Floats = npt.NDArray[np.float32]

_STAND_PX = 24
"""The width of a black object at the left edge."""
_NOT_BLUE, _ALL_BLUE = 0.06, 0.42
"""The excess of blue over red and green: the highest in the man, the lowest in the screen."""


def keyed(size: tuple[int, int], start: int, count: int) -> Callable[[int], Floats]:
    """Return a function from frame number to the man, H × W × 4, premultiplied, in 0..1.

    Args:
        size: Width and height of the frames.
        start: The first frame of the footage, which has 4,800 at 24 fps.
        count: The number of frames.
    """
    with av.open(str(source("franck.mp4"))) as container:
        decoded = islice(container.decode(video=0), start, start + count)
        frames = [frame.to_ndarray(format="rgb24") for frame in decoded]

    @lru_cache(maxsize=2)
    def man(frame: int) -> Floats:
        return _placed(_key(frames[frame % len(frames)]), size)

    return man


def _key(frame: npt.NDArray[np.uint8]) -> Floats:
    """Key out the screen by its blue excess, and remove its spill."""
    picture = frame.astype(np.float32) / 255
    red, green, blue = picture[..., 0], picture[..., 1], picture[..., 2]
    excess = blue - np.maximum(red, green)
    alpha = 1 - np.clip((excess - _NOT_BLUE) / (_ALL_BLUE - _NOT_BLUE), 0, 1)
    alpha[:, :_STAND_PX] = 0
    screen = np.array([0.195, 0.49, 0.975], dtype=np.float32)
    premultiplied = np.clip(picture - (1 - alpha[..., np.newaxis]) * screen, 0, 1)
    premultiplied[..., 2] = np.minimum(
        premultiplied[..., 2],
        np.maximum(premultiplied[..., 0], premultiplied[..., 1]) + 0.04 * alpha,
    )
    premultiplied = np.minimum(premultiplied, alpha[..., np.newaxis])
    return np.dstack([premultiplied, alpha]).astype(np.float32)


def _placed(rgba: Floats, size: tuple[int, int]) -> Floats:
    """Place the man at the lower right, at full height.

    The footage cuts off his right shoulder, so the frame must too.
    """
    width, height = size
    zoom = height / rgba.shape[0]
    large = cv2.resize(rgba, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC)
    whole = np.zeros((height, width, 4), dtype=np.float32)
    shown = min(width, large.shape[1])
    whole[:, width - shown :] = large[:height, large.shape[1] - shown :]
    return np.clip(whole, 0, 1)
