"""Masks carried along the motion of the picture, from key frames to those between them."""

from __future__ import annotations

import attrs
import numpy as np

from nemovideo.local.matte.engine import Mask
from nemovideo.local.matte.raster import (
    Flow,
    FlowFinder,
    Gray,
    Places,
    Region,
    Stage,
    blurred,
    placed,
    places,
    warped,
)
from nemovideo.local.matte.tracking import Size, whole

_BLUR = 5
_TOLERANCE = np.float32(12)
_FAR_PX = 3.0
_ODD_SHARE = 0.05
_LEAST = np.float32(1e-3)


@attrs.frozen(eq=False)
class Carried:
    """A mask brought from another frame, and how well the pictures match there, 0..1."""

    alpha: Mask
    trust: Mask


class Carrier:
    """Carries masks from one frame to another."""

    def __init__(self) -> None:
        self._find = FlowFinder()

    def flow(self, picture: Gray, other: Gray) -> Flow:
        """Return where the other picture has the pixels of this one."""
        return self._find(picture, other)

    def carry(
        self, alpha: Mask, stage: Stage, size: Size, picture: Gray, other: Gray, flow: Flow
    ) -> Carried:
        """Bring the other picture's mask to this one.

        Args:
            alpha: The mask of the other frame, on the stage.
            stage: The part of the frame that it covers.
            size: The frame's.
            picture: The frame that it is brought to, small.
            other: The frame that it comes from, small.
            flow: From this one to the other.
        """
        grid = Stage(whole(size), (picture.shape[1], picture.shape[0]))
        then = warped(other, _moved_by(flow))
        apart = blurred(np.abs(picture - then), _BLUR) / _TOLERANCE
        trust = placed(np.exp(-apart * apart), grid.box, stage)
        return Carried(warped(alpha, places(flow, size, stage)), trust)


def between(before: Carried, after: Carried, share: float) -> Mask:
    """Return the mask of a frame at a share of the way between two whose masks were brought."""
    first = before.trust * np.float32(1 - share) + _LEAST
    second = after.trust * np.float32(share) + _LEAST
    blended = (before.alpha * first + after.alpha * second) / (first + second)
    made: Mask = blended.astype(np.float32, copy=False)
    return made


def steadied(alpha: Mask, before: Carried, after: Carried) -> Mask:
    """Return the median of a mask and of its neighbors', where those match the picture."""
    low, high = np.minimum(before.alpha, after.alpha), np.maximum(before.alpha, after.alpha)
    median = alpha.clip(low, high)
    trust = np.minimum(before.trust, after.trust)
    made: Mask = alpha + (median - alpha) * trust
    return made


def has_moved(picture: Gray, other: Gray, flow: Flow, there: Region, *, much: float = 1.0) -> bool:
    """Return whether people moved so far, or so oddly, that their mask should be made anew.

    Args:
        picture: A frame, small.
        other: The last one that was looked at, small.
        flow: From the frame to that.
        there: Where people were in that.
        much: How many times the usual they must have moved.
    """
    if not there.any():
        return False
    far = np.abs(flow).max(axis=2)[there]
    if np.percentile(far, 90) > much * _FAR_PX:
        return True
    then = warped(other, _moved_by(flow))
    return bool((np.abs(picture - then)[there] > _TOLERANCE).mean() > much * _ODD_SHARE)


def _moved_by(flow: Flow) -> Places:
    height, width = flow.shape[:2]
    across = flow[..., 0] + np.arange(width, dtype=np.float32)
    down = flow[..., 1] + np.arange(height, dtype=np.float32)[:, np.newaxis]
    return across.astype(np.float32), down.astype(np.float32)
