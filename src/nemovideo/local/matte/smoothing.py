"""Masks in time: calm where the picture stands still, in place where it moves."""

from __future__ import annotations

import numpy as np

from nemovideo.local.matte.engine import Mask

_STEADY_SHARE = 0.4
_MOTION = 0.35
_FAST_SHARE = 0.04


def steadied(mask: Mask, previous: Mask) -> Mask:
    """Return the mask without its flicker.

    Small changes are noise and only partly followed; where much changes,
    something moved, and the new mask holds at once, so that nothing trails.
    """
    change = mask - previous
    follow = _STEADY_SHARE + (1 - _STEADY_SHARE) * (np.abs(change) / _MOTION).clip(0, 1)
    steady: Mask = previous + change * follow
    return steady.clip(0, 1)


def between(before: Mask, after: Mask) -> Mask:
    """Return the mask halfway between two."""
    halfway: Mask = (before + after) * np.float32(0.5)
    return halfway


def is_fast(before: Mask, after: Mask) -> bool:
    """Return whether so much moved between two masks that a mean of them would be a ghost."""
    change = float(np.abs(after - before).mean())
    return change > _FAST_SHARE * max(float(after.mean()), 1e-3)
