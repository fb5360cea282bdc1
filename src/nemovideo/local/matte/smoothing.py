"""Masks in time: calm where the picture stands still, in place where it moves."""

from __future__ import annotations

import numpy as np

from nemovideo.local.matte.engine import Mask

_STEADY_SHARE = 0.4
_MOTION = 0.35


def steadied(mask: Mask, previous: Mask) -> Mask:
    """Return the mask without its flicker.

    Small changes are noise and only partly followed; where much changes,
    something moved, and the new mask holds at once, so that nothing trails.
    """
    change = mask - previous
    follow = _STEADY_SHARE + (1 - _STEADY_SHARE) * (np.abs(change) / _MOTION).clip(0, 1)
    steady: Mask = previous + change * follow
    return steady.clip(0, 1)


def between(before: Mask, after: Mask, share: float) -> Mask:
    """Return the mask that lies at a share of the way between two."""
    mask: Mask = after - before
    mask *= np.float32(share)
    mask += before
    return mask


def changed(before: Mask, after: Mask) -> float:
    """Return how much of the people moved between two masks, as a share of their area."""
    return float(np.abs(after - before).mean()) / max(float(after.mean()), 1e-3)
