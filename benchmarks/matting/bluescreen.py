"""A man filmed before a blue screen: real motion of head, hair and shoulders with its alpha."""

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
"""At the left of the film stands something black."""
_NOT_BLUE, _ALL_BLUE = 0.06, 0.42
"""How far blue is above red and green in the man at most, and in the screen at least."""


def keyed(size: tuple[int, int], start: int, count: int) -> Callable[[int], Floats]:
    """Return a function that gives the man in a frame, H × W × 4, premultiplied, in 0..1.

    Args:
        size: Width and height of the frames.
        start: The film's frame to begin with (it has 4,800, 24 a second).
        count: How many frames of it to take.
    """
    with av.open(str(source("franck.mp4"))) as container:
        decoded = islice(container.decode(video=0), start, start + count)
        frames = [frame.to_ndarray(format="rgb24") for frame in decoded]

    @lru_cache(maxsize=2)
    def man(frame: int) -> Floats:
        return _placed(_key(frames[frame % len(frames)]), size)

    return man


def _key(frame: npt.NDArray[np.uint8]) -> Floats:
    """Return the man without the screen: alpha by how blue it is, and no blue shine on him."""
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
    """Return the man at the frame's lower right corner, in the frame's full height.

    His film cuts his shoulder off at the right, and so does the frame.
    """
    width, height = size
    zoom = height / rgba.shape[0]
    large = cv2.resize(rgba, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC)
    whole = np.zeros((height, width, 4), dtype=np.float32)
    shown = min(width, large.shape[1])
    whole[:, width - shown :] = large[:height, large.shape[1] - shown :]
    return np.clip(whole, 0, 1)
