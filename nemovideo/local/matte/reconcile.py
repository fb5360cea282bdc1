"""Reconcile the masks of the two networks in one frame.

The large network has better edges and fewer errors, but each network loses people or keeps
furniture where the other does not. Each area of disagreement is decided by the face in it, the
confidence of the small network, and the pixels around the area.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs
import cv2
import numpy as np

from nemovideo.local.matte.engine import Mask
from nemovideo.local.matte.raster import Gray, Region, components, dilated

_SURE = 0.6
_MIN_OVERLAP = 0.5
_DIFFERS = 0.4
_MIN_PX = 40
_RIM_PX = 2
_SEAM_PX = 5  # overlap with the agreed mask, so that no line is left between them
_TOUCHES = 0.6
_VERY_SURE = 0.96
_SEEN = 0.9
_BELIEVED = 0.8
_ADJOINS = 0.4
_FLOW_ERROR = 12
_ENCLOSED = 0.45
_DENIED = 0.045
_DOUBTED = 0.13
_LARGE_PX = 150


@attrs.frozen(eq=False)
class Sighting:
    """What the large network alone saw in an earlier key frame, warped to this one.

    Attributes:
        mask: Its mask, 0..1.
        error: The difference of the two pictures along the flow, 0..255.
    """

    mask: Mask
    error: Gray

    def has(self, area: Region) -> bool:
        """Return whether it saw a person in an area that the flow can follow."""
        return bool(self.mask[area].mean() > _SEEN and self.error[area].mean() < _FLOW_ERROR)


@attrs.frozen(eq=False)
class Correction:
    """How to correct the large network's alpha.

    Attributes:
        use_small: Use the small network's mask instead; the large one lost the person.
        keep: The area to take from the small network, 0..1.
        drop: The area to remove, 0..1.
    """

    use_small: bool = False
    keep: Mask | None = None
    drop: Mask | None = None


def reconcile(
    small: Mask,
    large: Mask,
    faces: Sequence[Region] = (),
    earlier: Callable[[], Sequence[Sighting]] = tuple,
    unseen: Region | None = None,
) -> Correction:
    """Compare the two masks of the whole frame, at reduced size.

    Args:
        small: The mask of the small network.
        large: The mask of the large network.
        faces: The detected faces; an area with a face is a person.
        earlier: Returns what the large network saw before. A network that loses half a face for
            two key frames saw it in the one before them.
        unseen: Where only the large network looked: an area that extends into it is not dropped.
    """
    sure = small > _SURE
    overlap = np.count_nonzero(sure & (large > _SURE))
    disjoint = overlap < _MIN_OVERLAP * np.count_nonzero(sure)
    if disjoint and not any(large[face].mean() > _SURE for face in faces):
        return Correction(use_small=True)
    agreed = np.minimum(small, large) > 0.5
    keep = np.zeros(small.shape, dtype=bool)
    for area in components(small - large > _DIFFERS, _MIN_PX):
        rim = dilated(area, _RIM_PX) & ~area
        has_face = any((area & face).sum() > 0.5 * face.sum() for face in faces)
        confidence, touching = small[area].mean(), agreed[rim].mean()
        very_sure = not disjoint and confidence > _VERY_SURE
        likely = confidence > _BELIEVED and touching > _ADJOINS
        if (
            has_face
            or very_sure
            or touching > _TOUCHES
            or (likely and any(sighting.has(area) for sighting in earlier()))
        ):
            keep |= area
    drop = np.zeros(small.shape, dtype=bool)
    for area in components(large - small > _DIFFERS, _MIN_PX):
        if unseen is not None and unseen[area].any():
            continue
        score = float(small[area].mean())
        rim = dilated(area, _RIM_PX) & ~area
        enclosed = agreed[rim].mean() > _ENCLOSED and not _touches_border(area)
        if (score < _DENIED and area.sum() > _LARGE_PX) or (score < _DOUBTED and enclosed):
            drop |= area
    return Correction(keep=_soft(keep, _SEAM_PX), drop=_soft(drop, _RIM_PX))


def _soft(region: Region, by_px: int) -> Mask | None:
    if not region.any():
        return None
    grown = dilated(region, by_px).astype(np.float32)
    return np.asarray(cv2.blur(grown, (3, 3)), dtype=np.float32)


def _touches_border(region: Region) -> bool:
    return bool(region[0].any() or region[-1].any() or region[:, 0].any() or region[:, -1].any())
