"""Planes of numbers at half and at twice their size, and with an edge, in few passes."""

from __future__ import annotations

import numpy as np

from nemovideo.local.matte.engine import Mask

_NEAR = np.float32(0.75)
_FAR = np.float32(0.25)


def halved(planes: Mask) -> Mask:
    """Return the means of each 2 × 2 values, of any number of planes; both sizes must be even."""
    rows = planes[..., ::2, :] + planes[..., 1::2, :]
    means: Mask = rows[..., ::2] + rows[..., 1::2]
    means *= np.float32(0.25)
    return means


def doubled(planes: Mask) -> Mask:
    """Return planes at twice the size, each value between its neighbors."""
    *many, height, width = planes.shape
    wide: Mask = np.empty((*many, height, 2 * width), dtype=np.float32)
    _fill(wide.swapaxes(-1, -2), planes.swapaxes(-1, -2))
    made: Mask = np.empty((*many, 2 * height, 2 * width), dtype=np.float32)
    _fill(made, wide)
    return made


def edged(values: Mask, width: int) -> Mask:
    """Return one plane with an edge around it that repeats its outermost values."""
    height, length = values.shape
    made: Mask = np.empty((height + 2 * width, length + 2 * width), dtype=np.float32)
    middle = made[width:-width]
    middle[:, width:-width] = values
    middle[:, :width], middle[:, -width:] = values[:, :1], values[:, -1:]
    made[:width], made[-width:] = middle[0], middle[-1]
    return made


def _fill(made: Mask, planes: Mask) -> None:
    """Fill planes that have twice as many rows."""
    near, far = planes * _NEAR, planes * _FAR
    even, odd = made[..., ::2, :], made[..., 1::2, :]
    np.add(near[..., 1:, :], far[..., :-1, :], out=even[..., 1:, :])
    np.add(near[..., :-1, :], far[..., 1:, :], out=odd[..., :-1, :])
    even[..., 0, :], odd[..., -1, :] = planes[..., 0, :], planes[..., -1, :]
