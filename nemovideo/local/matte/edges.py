"""Align the edges of a soft mask to the picture: a guided filter, then levels.

The guided filter (He, Sun, Tang, "Guided Image Filtering", 2010) fits the mask around every
pixel as a linear function of the brightness. It runs at the mask's small size, where it is
cheap and its radius matches the errors of the network.
"""

from __future__ import annotations

import numpy as np

from nemovideo.local.matte.engine import Mask
from nemovideo.local.matte.pyramid import doubled, edge_padded, halved

_BLACK = 0.3
_WHITE = 0.8
_RADIUS = 2  # fixed by `_sums_of_five`
_EPSILON = 2e-3


def levels(mask: Mask) -> Mask:
    """Stretch the contrast of a mask: below .3 becomes 0, above .8 becomes 1."""
    return ((mask - _BLACK) / (_WHITE - _BLACK)).clip(0, 1)


def refined(mask: Mask, guide: Mask) -> Mask:
    """Return the mask after the guided filter and levels."""
    return levels(guided(mask, guide))


def guided(mask: Mask, guide: Mask) -> Mask:
    """Align the edges of a mask to a guide of the same size.

    The fit is computed at half size and applied to the full guide (He, Sun, "Fast Guided
    Filter", 2015).
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
    """Return the mean of the 5 × 5 square around every value, with the edge repeated."""
    padded = edge_padded(values, _RADIUS)
    mean = _sums_of_five(_sums_of_five(padded.T).T)
    mean *= np.float32(1 / (2 * _RADIUS + 1) ** 2)
    return mean


def _sums_of_five(values: Mask) -> Mask:
    """Return the sums of five vertical neighbors, in three additions."""
    pairs = values[:-1] + values[1:]
    fives: Mask = pairs[:-3] + pairs[2:-1]
    fives += values[4:]
    return fives
