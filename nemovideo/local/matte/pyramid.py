"""Halve, double and pad planes of floats in few passes over memory."""

from __future__ import annotations

import numpy as np

from nemovideo.local.matte.engine import Mask

_NEAR = np.float32(0.75)
_FAR = np.float32(0.25)


def halved(planes: Mask) -> Mask:
    """Return the 2 × 2 means of one or more planes; both sides must be even."""
    rows = planes[..., ::2, :] + planes[..., 1::2, :]
    means: Mask = rows[..., ::2] + rows[..., 1::2]
    means *= np.float32(0.25)
    return means


def doubled(planes: Mask) -> Mask:
    """Return planes at twice the size, interpolated linearly."""
    *leading, height, width = planes.shape
    widened: Mask = np.empty((*leading, height, 2 * width), dtype=np.float32)
    _fill(widened.swapaxes(-1, -2), planes.swapaxes(-1, -2))
    double: Mask = np.empty((*leading, 2 * height, 2 * width), dtype=np.float32)
    _fill(double, widened)
    return double


def edge_padded(values: Mask, width: int) -> Mask:
    """Return a plane padded by its repeated edge; faster than `np.pad`."""
    height, length = values.shape
    padded: Mask = np.empty((height + 2 * width, length + 2 * width), dtype=np.float32)
    middle = padded[width:-width]
    middle[:, width:-width] = values
    middle[:, :width], middle[:, -width:] = values[:, :1], values[:, -1:]
    padded[:width], padded[-width:] = middle[0], middle[-1]
    return padded


def _fill(double: Mask, planes: Mask) -> None:
    """Interpolate planes into ones with twice as many rows."""
    near, far = planes * _NEAR, planes * _FAR
    even, odd = double[..., ::2, :], double[..., 1::2, :]
    np.add(near[..., 1:, :], far[..., :-1, :], out=even[..., 1:, :])
    np.add(near[..., :-1, :], far[..., 1:, :], out=odd[..., :-1, :])
    even[..., 0, :], odd[..., -1, :] = planes[..., 0, :], planes[..., -1, :]
