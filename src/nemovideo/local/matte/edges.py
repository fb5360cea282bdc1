"""Bringing a soft mask's edge to the edge in the picture: levels, and a guided filter.

The guided filter (He, Sun, Tang, "Guided Image Filtering", 2010) fits, around
every pixel, the mask as a linear function of the picture's brightness. It works
in the mask's own small size: there it is cheap, and what it moves is as wide as
the network's errors are.
"""

from __future__ import annotations

import numpy as np

from nemovideo.local.matte.engine import Mask
from nemovideo.local.matte.tracking import reduced, resized

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
    half = (guide.shape[1] // 2, guide.shape[0] // 2)
    coarse, soft = reduced(guide, half), reduced(mask, half)
    pairs = np.stack([coarse, soft, coarse * soft, coarse * coarse])
    mean_guide, mean_mask, mean_product, mean_square = box_mean(pairs)
    covariance = mean_product - mean_guide * mean_mask
    variance = mean_square - mean_guide * mean_guide
    slope = covariance / (variance + np.float32(_EPSILON))
    offset = mean_mask - slope * mean_guide
    mean_slope, mean_offset = box_mean(np.stack([slope, offset]))
    whole = (guide.shape[1], guide.shape[0])
    fitted: Mask = resized(mean_slope, whole) * guide + resized(mean_offset, whole)
    return fitted.clip(0, 1)


def box_mean(values: Mask) -> Mask:
    """Return the mean of the 5 × 5 square around every value; what is outside repeats the edge.

    Args:
        values: Any number of planes, … × height × width.
    """
    around = ((0, 0),) * (values.ndim - 2) + ((_RADIUS, _RADIUS),) * 2
    padded = np.pad(values, around, mode="edge")
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
