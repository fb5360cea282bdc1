"""Smooth masks in time where the picture is still, without lag where it moves."""

from __future__ import annotations

import numpy as np

from nemovideo.local.matte.engine import Mask
from nemovideo.local.matte.pyramid import edge_padded
from nemovideo.local.matte.tracking import resized

_NOISE_GAIN = 0.4
_FULL_CHANGE = 0.35
_STILL_GAIN = 0.25
_SQUARES = 32
_NOISE_LEVEL = 0.01
_MOTION_LEVEL = 0.04


def stabilized(mask: Mask, previous: Mask, moving: Mask | float = 1.0) -> Mask:
    """Remove flicker from a mask.

    Small changes are damped as noise. Large changes are motion, and are applied immediately, so
    that nothing trails. Where the picture is still, large changes are errors of the network, and
    are damped too.

    Args:
        mask: The new mask.
        previous: The mask before it, of the same box and size.
        moving: Where the picture changed, 0..1; see `motion`.
    """
    change = mask - previous
    gain = _NOISE_GAIN + (1 - _NOISE_GAIN) * (np.abs(change) / _FULL_CHANGE).clip(0, 1)
    gain *= _STILL_GAIN + (1 - _STILL_GAIN) * moving
    steady: Mask = previous + change * gain
    return steady.clip(0, 1)


def motion(brightness: Mask, previous: Mask) -> Mask:
    """Return where the picture changed, 0..1, from its brightness now and before.

    Changes are measured in small squares and spread to the neighbors, because moving objects
    have flat parts.
    """
    change = resized(np.abs(brightness - previous), (_SQUARES, _SQUARES))
    padded = edge_padded(change, 1)
    rows = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
    most = np.maximum(np.maximum(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])
    moving: Mask = ((most - _NOISE_LEVEL) / np.float32(_MOTION_LEVEL - _NOISE_LEVEL)).clip(0, 1)
    return resized(moving, brightness.shape[::-1])


def between(before: Mask, after: Mask, share: float) -> Mask:
    """Interpolate between two masks; a `share` of 0 is the first, 1 the second."""
    mask: Mask = after - before
    mask *= np.float32(share)
    mask += before
    return mask


def relative_change(before: Mask, after: Mask) -> float:
    """Return the change between two masks as a share of the area of people."""
    return float(np.abs(after - before).mean()) / max(float(after.mean()), 1e-3)
