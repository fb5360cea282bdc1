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

_MIN_SURE_ALPHA = 0.6
_MIN_OVERLAP = 0.5
_MIN_DIFFERENCE = 0.4
_MIN_PX = 40
_RIM_PX = 2
_SEAM_PX = 5  # overlap with the agreed mask, so that no line is left between them
_MIN_CONTACT = 0.6
_MIN_CONFIDENCE = 0.96
_MIN_SEEN_ALPHA = 0.9
_MIN_CONFIDENCE_IF_SEEN = 0.8
_MIN_CONTACT_IF_SEEN = 0.4
_MAX_FLOW_ERROR = 12
_MIN_ENCLOSED_SHARE = 0.45
_MAX_DROP_SCORE = 0.045
_MAX_ENCLOSED_DROP_SCORE = 0.13
_MIN_DROP_PX = 150


@attrs.frozen(eq=False)
class Sighting:
    """The large network's mask of an earlier key frame, warped to this one.

    Attributes:
        mask: Its mask, 0..1.
        error: The difference of the two pictures along the flow, 0..255.
    """

    mask: Mask
    error: Gray

    def has(self, area: Region) -> bool:
        """Return whether it saw a person in an area that the flow can follow."""
        return bool(
            self.mask[area].mean() > _MIN_SEEN_ALPHA and self.error[area].mean() < _MAX_FLOW_ERROR
        )


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
        earlier: Returns what the large network saw in the previous key frames: it may lose half a
            face for two of them.
        unseen: Where only the large network looked: an area that extends into it is not dropped.
    """
    sure = small > _MIN_SURE_ALPHA
    overlap = np.count_nonzero(sure & (large > _MIN_SURE_ALPHA))
    disjoint = overlap < _MIN_OVERLAP * np.count_nonzero(sure)
    if disjoint and not any(large[face].mean() > _MIN_SURE_ALPHA for face in faces):
        return Correction(use_small=True)
    agreed = np.minimum(small, large) > 0.5
    keep = np.zeros(small.shape, dtype=bool)
    for area in components(small - large > _MIN_DIFFERENCE, _MIN_PX):
        rim = dilated(area, _RIM_PX) & ~area
        has_face = any((area & face).sum() > 0.5 * face.sum() for face in faces)
        confidence, touching = small[area].mean(), agreed[rim].mean()
        very_sure = not disjoint and confidence > _MIN_CONFIDENCE
        likely = confidence > _MIN_CONFIDENCE_IF_SEEN and touching > _MIN_CONTACT_IF_SEEN
        if (
            has_face
            or very_sure
            or touching > _MIN_CONTACT
            or (likely and any(sighting.has(area) for sighting in earlier()))
        ):
            keep |= area
    drop = np.zeros(small.shape, dtype=bool)
    for area in components(large - small > _MIN_DIFFERENCE, _MIN_PX):
        if unseen is not None and unseen[area].any():
            continue
        score = float(small[area].mean())
        rim = dilated(area, _RIM_PX) & ~area
        enclosed = agreed[rim].mean() > _MIN_ENCLOSED_SHARE and not _touches_border(area)
        if (score < _MAX_DROP_SCORE and area.sum() > _MIN_DROP_PX) or (
            score < _MAX_ENCLOSED_DROP_SCORE and enclosed
        ):
            drop |= area
    return Correction(keep=_soft(keep, _SEAM_PX), drop=_soft(drop, _RIM_PX))


def _soft(region: Region, by_px: int) -> Mask | None:
    if not region.any():
        return None
    grown = dilated(region, by_px).astype(np.float32)
    return np.asarray(cv2.blur(grown, (3, 3)), dtype=np.float32)


def _touches_border(region: Region) -> bool:
    return bool(region[0].any() or region[-1].any() or region[:, 0].any() or region[:, -1].any())
