"""Two opinions on one frame: which areas that only one network keeps are people's.

The strong network has the better edges, and is right more often. But each of the two
loses people, or keeps furniture, where the other does not; they differ over areas
then, and the areas' surroundings and colors decide.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import cv2
import numpy as np

from nemovideo.local.matte.engine import Mask
from nemovideo.local.matte.raster import Region, grown, parts

_SURE = 0.6
_LOST = 0.5
_DIFFERS = 0.4
_LEAST_PX = 40
_RIM = 2
_SEAM = 5  # what is kept must reach into what both see, or a line is left between them
_TOUCHES = 0.6
_VERY_SURE = 0.96
_ENCLOSED = 0.45
_DENIED = 0.045
_DOUBTED = 0.13
_LARGE_PX = 150


@attrs.frozen(eq=False)
class Verdict:
    """What to do about the strong network's alpha.

    `small_stands`: it has lost the person, and the small network's mask is to be
    taken. `keep` and `drop` are areas, 0..1: what to take from the small network, and
    what to take away.
    """

    small_stands: bool = False
    keep: Mask | None = None
    drop: Mask | None = None


def judged(small: Mask, strong: Mask, faces: Sequence[Region] = ()) -> Verdict:
    """Compare two small masks of the whole frame.

    Args:
        small: The small network's.
        strong: The strong one's.
        faces: Where faces were found: who has one is there.
    """
    sure = small > _SURE
    apart = np.count_nonzero(sure & (strong > _SURE)) < _LOST * np.count_nonzero(sure)
    if apart and not any(strong[face].mean() > _SURE for face in faces):
        return Verdict(small_stands=True)
    agreed = np.minimum(small, strong) > 0.5
    keep = np.zeros(small.shape, dtype=bool)
    for part in parts(small - strong > _DIFFERS, _LEAST_PX):
        rim = grown(part, _RIM) & ~part
        has_face = any((part & face).sum() > 0.5 * face.sum() for face in faces)
        firm = not apart and small[part].mean() > _VERY_SURE
        if has_face or firm or agreed[rim].mean() > _TOUCHES:
            keep |= part
    drop = np.zeros(small.shape, dtype=bool)
    for part in parts(strong - small > _DIFFERS, _LEAST_PX):
        doubt = float(small[part].mean())
        rim = grown(part, _RIM) & ~part
        enclosed = agreed[rim].mean() > _ENCLOSED and not _reaches_border(part)
        if (doubt < _DENIED and part.sum() > _LARGE_PX) or (doubt < _DOUBTED and enclosed):
            drop |= part
    return Verdict(keep=_soft(keep, _SEAM), drop=_soft(drop, _RIM))


def _soft(region: Region, by: int) -> Mask | None:
    if not region.any():
        return None
    wide = grown(region, by).astype(np.float32)
    return np.asarray(cv2.blur(wide, (3, 3)), dtype=np.float32)


def _reaches_border(part: Region) -> bool:
    return bool(part[0].any() or part[-1].any() or part[:, 0].any() or part[:, -1].any())
