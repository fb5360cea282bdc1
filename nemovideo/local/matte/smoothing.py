"""Masks in time: calm where the picture stands still, in place where it moves."""

from __future__ import annotations

import numpy as np

from nemovideo.local.matte.engine import Mask
from nemovideo.local.matte.pyramid import edged
from nemovideo.local.matte.tracking import resized

_STEADY_SHARE = 0.4
_MOTION = 0.35
_STILL_SHARE = 0.25
_SQUARES = 32
_NOISE = 0.01
_SURELY_MOVED = 0.04


def steadied(mask: Mask, previous: Mask, moving: Mask | float = 1.0) -> Mask:
    """Return the mask without its flicker.

    Small changes are noise and only partly followed; where much changes,
    something moved, and the new mask holds at once, so that nothing trails. But
    where the picture stands still nothing can have moved: there the network has
    only lost itself, and its mask is followed slowly.

    Args:
        mask: The new one.
        previous: The one before it, of the same box and size.
        moving: How surely the picture changed in each place, 0..1; see `motion`.
    """
    change = mask - previous
    follow = _STEADY_SHARE + (1 - _STEADY_SHARE) * (np.abs(change) / _MOTION).clip(0, 1)
    follow *= _STILL_SHARE + (1 - _STILL_SHARE) * moving
    steady: Mask = previous + change * follow
    return steady.clip(0, 1)


def motion(brightness: Mask, previous: Mask) -> Mask:
    """Return where the picture changed, 0..1, by its brightness then and now.

    Changes are looked for in small squares and in those around them: what moves is
    flat in places.
    """
    change = resized(np.abs(brightness - previous), (_SQUARES, _SQUARES))
    padded = edged(change, 1)
    rows = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
    most = np.maximum(np.maximum(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])
    moving: Mask = ((most - _NOISE) / np.float32(_SURELY_MOVED - _NOISE)).clip(0, 1)
    return resized(moving, brightness.shape[::-1])


def between(before: Mask, after: Mask, share: float) -> Mask:
    """Return the mask that lies at a share of the way between two."""
    mask: Mask = after - before
    mask *= np.float32(share)
    mask += before
    return mask


def changed(before: Mask, after: Mask) -> float:
    """Return how much of the people moved between two masks, as a share of their area."""
    return float(np.abs(after - before).mean()) / max(float(after.mean()), 1e-3)
