"""Two opinions on one frame: which areas that only one network keeps are people's.

The strong network has the better edges, and is right more often. But each of the two
loses people, or keeps furniture, where the other does not; they differ over areas
then, and the areas' surroundings and colors decide.
"""

from __future__ import annotations

import attrs
import cv2
import numpy as np
import numpy.typing as npt

from nemovideo.local.matte.engine import Mask, Picture
from nemovideo.local.matte.raster import Region, grown, parts

_SURE = 0.6
_LOST = 0.5
_DIFFERS = 0.4
_LEAST_PX = 40
_RIM = 2
_TOUCHES = 0.6
_VERY_SURE = 0.96
_ENCLOSED = 0.5
_DENIED = 0.12
_NEAR_PX = 24
_BINS = 8


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


def judged(small: Mask, strong: Mask, colors: Picture) -> Verdict:
    """Compare two masks of the whole frame, and the frame's colors, all of one size."""
    sure = small > _SURE
    if np.count_nonzero(sure & (strong > _SURE)) < _LOST * np.count_nonzero(sure):
        return Verdict(small_stands=True)
    agreed = np.minimum(small, strong) > 0.5
    keep = np.zeros(small.shape, dtype=bool)
    for part in parts(small - strong > _DIFFERS, _LEAST_PX):
        rim = grown(part, _RIM) & ~part
        if agreed[rim].mean() > _TOUCHES or small[part].mean() > _VERY_SURE:
            keep |= part
    drop = np.zeros(small.shape, dtype=bool)
    for part in parts(strong - small > _DIFFERS, _LEAST_PX):
        rim = grown(part, _RIM) & ~part
        enclosed = agreed[rim].mean() > _ENCLOSED and small[part].mean() < _DENIED
        if enclosed or _looks_like_background(part, small, strong, colors):
            drop |= part
    return Verdict(keep=_soft(keep), drop=_soft(drop))


def _soft(region: Region) -> Mask | None:
    if not region.any():
        return None
    wide = grown(region, 2).astype(np.float32)
    return np.asarray(cv2.blur(wide, (3, 3)), dtype=np.float32)


def _looks_like_background(part: Region, small: Mask, strong: Mask, colors: Picture) -> bool:
    near = grown(part, _NEAR_PX)
    behind = near & (small < 0.1) & (strong < 0.1)
    person = near & (small > 0.9) & (strong > 0.9)
    if behind.sum() < _LEAST_PX:
        return False
    own = _histogram(colors, part)
    like_behind = np.sqrt(own * _histogram(colors, behind)).sum()
    like_person = np.sqrt(own * _histogram(colors, person)).sum() if person.any() else 0.0
    return bool(like_behind > 0.5 and like_behind > like_person + 0.1)


def _histogram(colors: Picture, region: Region) -> npt.NDArray[np.float32]:
    made = cv2.calcHist(
        [colors], [0, 1, 2], region.astype(np.uint8), [_BINS] * 3, [0, 256, 0, 256, 0, 256]
    )
    made = cv2.GaussianBlur(made.reshape(_BINS, _BINS * _BINS), (3, 3), 0).ravel()
    return np.asarray(made / max(float(made.sum()), 1e-6), dtype=np.float32)
