"""Bringing a soft mask's edge to the edge in the picture: levels, and a guided filter.

The guided filter (He, Sun, Tang, "Guided Image Filtering", 2010) fits, around
every pixel, the mask as a linear function of the picture's brightness. It works
in the mask's own small size: there it is cheap, and what it moves is as wide as
the network's errors are.
"""

from __future__ import annotations

import numpy as np

from nemovideo.local.matte.engine import Mask

_BLACK = 0.3
_WHITE = 0.8
_RADIUS = 2  # the sums below are made for it
_EPSILON = 2e-3


def levels(mask: Mask) -> Mask:
    """Return the mask with its doubtful parts decided: below .3 gone, above .8 kept."""
    return ((mask - _BLACK) / (_WHITE - _BLACK)).clip(0, 1)


def refined(mask: Mask, guide: Mask) -> Mask:
    """Return the mask with its edges in place, and decided."""
    return levels(guided(mask, guide))


def guided(mask: Mask, guide: Mask) -> Mask:
    """Return the mask with its edges where the guide has them; both of one size.

    The fit is made at half that size and drawn with all of the guide (He, Sun,
    "Fast Guided Filter", 2015).
    """
    coarse, soft = _halved(guide), _halved(mask)
    pairs = np.stack([coarse, soft, coarse * soft, coarse * coarse])
    mean_guide, mean_mask, mean_product, mean_square = box_mean(pairs)
    covariance = mean_product - mean_guide * mean_mask
    variance = mean_square - mean_guide * mean_guide
    slope = covariance / (variance + np.float32(_EPSILON))
    offset = mean_mask - slope * mean_guide
    mean_slope, mean_offset = box_mean(np.stack([slope, offset]))
    fitted: Mask = _doubled(mean_slope) * guide + _doubled(mean_offset)
    return fitted.clip(0, 1)


def _halved(values: Mask) -> Mask:
    """Return the means of each 2 × 2 values; both sizes must be even."""
    rows = values[::2] + values[1::2]
    halved: Mask = (rows[:, ::2] + rows[:, 1::2]) * np.float32(0.25)
    return halved


def _doubled(values: Mask) -> Mask:
    """Return the values at twice the size, each between its neighbours."""
    for _ in range(2):
        padded = np.concatenate([values[:1], values, values[-1:]])
        doubled = np.empty((2 * values.shape[0], values.shape[1]), dtype=np.float32)
        doubled[::2] = values * np.float32(0.75) + padded[:-2] * np.float32(0.25)
        doubled[1::2] = values * np.float32(0.75) + padded[2:] * np.float32(0.25)
        values = doubled.T
    return values


def box_mean(values: Mask) -> Mask:
    """Return the mean of the 5 × 5 square around every value; what is outside repeats the edge.

    Args:
        values: Any number of planes, … × height × width.
    """
    r = _RADIUS
    padded = np.empty(
        (*values.shape[:-2], values.shape[-2] + 2 * r, values.shape[-1] + 2 * r), dtype=np.float32
    )
    padded[..., r:-r, r:-r] = values
    padded[..., r:-r, :r], padded[..., r:-r, -r:] = values[..., :, :1], values[..., :, -1:]
    padded[..., :r, :], padded[..., -r:, :] = padded[..., r : r + 1, :], padded[..., -r - 1 : -r, :]
    across = _sums_of_five(padded)
    summed = _sums_of_five(across.swapaxes(-1, -2)).swapaxes(-1, -2)
    mean: Mask = summed * np.float32(1 / (2 * _RADIUS + 1) ** 2)
    return mean


def _sums_of_five(values: Mask) -> Mask:
    """Return the sums of each five neighbours in a row: by doubling, in three additions."""
    pairs = values[..., :-1] + values[..., 1:]
    fours = pairs[..., :-2] + pairs[..., 2:]
    fives: Mask = fours[..., :-1] + values[..., 4:]
    return fives
