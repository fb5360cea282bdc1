"""Remove the spill of the old background from the edges of a person.

Where alpha is between 0 and 1, the picture mixes person and background; over a new background
the old color would show as a rim. Foreground and background colors are estimated by spreading
them from the opaque and the transparent areas; their difference, times 1 − alpha, is the
correction.
"""

from __future__ import annotations

import numpy as np

from nemovideo.local.matte.engine import Mask
from nemovideo.local.matte.pyramid import doubled, halved

_OPAQUE = 0.95
_TRANSPARENT = 0.05
_MIN_SIDE = 2
_MIN_WEIGHT = np.float32(1e-4)


def missing_color(colors: Mask, mask: Mask) -> Mask:
    """Return the correction to add to a picture so that its edges have the foreground color.

    Args:
        colors: Planes × side × side, in any color space; the side is a power of two.
        mask: Side × side, 0..1: the alpha of each pixel.

    Returns:
        In the shape of `colors`; zeros if the mask has no opaque or no transparent area. No
        value goes beyond the foreground color nearby, so that errors in the mask do no harm.
    """
    share = halved(mask)
    known = np.stack([share > _OPAQUE, share < _TRANSPARENT])
    if not known.any(axis=(1, 2)).all():
        return np.zeros_like(colors)
    foreground, background = doubled(
        _spread(halved(colors), known[:, np.newaxis].astype(np.float32))
    )
    correction: Mask = foreground - background
    correction *= 1 - mask
    limit: Mask = np.subtract(foreground, colors, out=foreground)
    return correction.clip(np.minimum(limit, 0), np.maximum(limit, 0), out=correction)


def _spread(colors: Mask, weight: Mask) -> Mask:
    """Fill colors without weight from the nearest ones with weight.

    Leading axes are independent sets, each with its own weight.
    """
    if weight.shape[-1] <= _MIN_SIDE:
        total = np.maximum(weight.sum(axis=(-1, -2), keepdims=True), _MIN_WEIGHT)
        mean: Mask = (colors * weight).sum(axis=(-1, -2), keepdims=True) / total
        return np.repeat(np.repeat(mean, _MIN_SIDE, axis=-1), _MIN_SIDE, axis=-2)
    small_weight = halved(weight)
    divisor: Mask = np.maximum(small_weight, _MIN_WEIGHT)
    small: Mask = halved(colors * weight) / divisor
    filled = doubled(_spread(small, small_weight))
    filled += (colors - filled) * weight
    return filled
