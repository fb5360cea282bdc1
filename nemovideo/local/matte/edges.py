"""Bringing a soft mask's edge to the edge in the picture: levels, and a guided filter.

The guided filter (He, Sun, Tang, "Guided Image Filtering", 2010) fits, around
every pixel, the mask as a linear function of the picture's brightness. It works
in the mask's own small size: there it is cheap, and what it moves is as wide as
the network's errors are.
"""

from __future__ import annotations

import numpy as np

from nemovideo.local.matte.engine import Mask
from nemovideo.local.matte.pyramid import doubled, edged, halved

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
    coarse, soft = halved(guide), halved(mask)
    mean_guide, mean_mask = box_mean(coarse), box_mean(soft)
    slope: Mask = box_mean(coarse * soft) - mean_guide * mean_mask
    variance = box_mean(coarse * coarse) - mean_guide * mean_guide
    slope /= variance + np.float32(_EPSILON)
    offset = mean_mask - slope * mean_guide
    fitted: Mask = doubled(box_mean(slope)) * guide
    fitted += doubled(box_mean(offset))
    return fitted.clip(0, 1, out=fitted)


def box_mean(values: Mask) -> Mask:
    """Return the mean of the 5 × 5 square around every value; what is outside repeats the edge."""
    padded = edged(values, _RADIUS)
    mean = _sums_of_five(_sums_of_five(padded.T).T)
    mean *= np.float32(1 / (2 * _RADIUS + 1) ** 2)
    return mean


def _sums_of_five(values: Mask) -> Mask:
    """Return the sums of each five neighbors below each other: by doubling, in three additions."""
    pairs = values[:-1] + values[1:]
    fives: Mask = pairs[:-3] + pairs[2:-1]
    fives += values[4:]
    return fives
