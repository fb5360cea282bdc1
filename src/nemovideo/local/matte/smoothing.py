"""Making masks firm and steady: levels, and smoothing in time that follows motion."""

from __future__ import annotations

import numpy as np

from nemovideo.local.matte.engine import Mask

_BLACK = 0.3
_WHITE = 0.8
_STEADY_SHARE = 0.4
_MOTION = 0.35


def levels(mask: Mask) -> Mask:
    """Return the mask with its doubtful parts decided: below .3 gone, above .8 kept."""
    return ((mask - _BLACK) / (_WHITE - _BLACK)).clip(0, 1)


def steadied(mask: Mask, previous: Mask) -> Mask:
    """Return the mask without its flicker.

    Small changes are noise and only partly followed; where much changes,
    something moved, and the new mask holds at once, so that nothing trails.
    """
    change = mask - previous
    follow = _STEADY_SHARE + (1 - _STEADY_SHARE) * (np.abs(change) / _MOTION).clip(0, 1)
    steady: Mask = previous + change * follow
    return steady.clip(0, 1)
