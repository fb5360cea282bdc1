"""Planes of numbers at half and at twice their size."""

from __future__ import annotations

import numpy as np

from nemovideo.local.matte.engine import Mask


def halved(planes: Mask) -> Mask:
    """Return the means of each 2 × 2 values, of any number of planes; both sizes must be even."""
    rows = planes[..., ::2, :] + planes[..., 1::2, :]
    means: Mask = rows[..., ::2] + rows[..., 1::2]
    means *= np.float32(0.25)
    return means


def doubled(planes: Mask) -> Mask:
    """Return planes at twice the size, each value between its neighbours."""
    turned = _doubled_down(planes.swapaxes(-1, -2))
    return _doubled_down(turned.swapaxes(-1, -2))


def _doubled_down(planes: Mask) -> Mask:
    near, far = planes * np.float32(0.75), planes * np.float32(0.25)
    made = np.repeat(near, 2, axis=-2)
    made[..., 2::2, :] += far[..., :-1, :]
    made[..., 1:-1:2, :] += far[..., 1:, :]
    made[..., 0, :] += far[..., 0, :]
    made[..., -1, :] += far[..., -1, :]
    return made
