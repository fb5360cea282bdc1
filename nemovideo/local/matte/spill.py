"""Taking the old background's color out of a person's edges.

Where a mask is half, the picture is a mixture of the person and what was behind
them. Over another background that old color would shine through hair as a rim.
The person's own color is spread from where the mask is sure of them, and that
of the background from where it is sure of nobody; their difference, by the share
that is not the person's, is what the picture lacks.
"""

from __future__ import annotations

import numpy as np

from nemovideo.local.matte.engine import Mask
from nemovideo.local.matte.pyramid import doubled, halved

_SURELY_KEPT = 0.95
_SURELY_GONE = 0.05
_LEAST_SIDE = 2
_LEAST_WEIGHT = np.float32(1e-4)


def missing_color(colors: Mask, mask: Mask) -> Mask:
    """Return what must be added to a picture so that its edges have the person's own color.

    Args:
        colors: Planes × side × side, in any color space; the side is a power of two.
        mask: Side × side, 0..1: how much of each value is the person's.

    Returns:
        As large as `colors`; nothing, where the mask is nowhere sure of the person, or
        of the background. No value is taken further than to the color that the
        person has nearby, so that a mask which is wrong does no harm.
    """
    share = halved(mask)
    sure = np.stack([share > _SURELY_KEPT, share < _SURELY_GONE])
    if not sure.any(axis=(1, 2)).all():
        return np.zeros_like(colors)
    own, behind = doubled(_spread(halved(colors), sure[:, np.newaxis].astype(np.float32)))
    lacking: Mask = own - behind
    lacking *= 1 - mask
    own -= colors  # how far it may go
    return lacking.clip(np.minimum(own, 0), np.maximum(own, 0), out=lacking)


def _spread(colors: Mask, weight: Mask) -> Mask:
    """Return the colors with those that weigh nothing taken from the nearest that do.

    What is told of one set of colors holds for several, each with a weight of its own.
    """
    if weight.shape[-1] <= _LEAST_SIDE:
        total = np.maximum(weight.sum(axis=(-1, -2), keepdims=True), _LEAST_WEIGHT)
        mean: Mask = (colors * weight).sum(axis=(-1, -2), keepdims=True) / total
        return np.repeat(np.repeat(mean, _LEAST_SIDE, axis=-1), _LEAST_SIDE, axis=-2)
    small_weight = halved(weight)
    divisor: Mask = np.maximum(small_weight, _LEAST_WEIGHT)
    small: Mask = halved(colors * weight) / divisor
    filled = doubled(_spread(small, small_weight))
    filled += (colors - filled) * weight
    return filled
