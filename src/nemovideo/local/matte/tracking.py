"""Where in the picture the person is: the crop that the engine looks at next.

The networks squash what they see to a small square, so it is spent on the
person and not on the whole frame.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from nemovideo.local.matte.engine import Mask, Picture

Box: TypeAlias = tuple[int, int, int, int]
"""Left, top, right, bottom, in pixels; right and bottom are outside."""

_PERSON = 0.5
_PADDING = 0.12
_MIN_AREA = 0.01
_GRID = 16
_CUT = 40.0
_CUT_STEP = 8


def person_box(mask: Mask) -> Box:
    """Return the padded box around what the mask keeps, or the whole picture if that is little.

    Its edges lie on a grid, so that the crop does not tremble with the mask.
    """
    height, width = mask.shape
    kept = mask > _PERSON
    if kept.mean() < _MIN_AREA:
        return 0, 0, width, height
    columns = np.flatnonzero(kept.any(axis=0))
    rows = np.flatnonzero(kept.any(axis=1))
    left, right = int(columns[0]), int(columns[-1]) + 1
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    pad_x, pad_y = (right - left) * _PADDING, (bottom - top) * _PADDING
    return (
        max(0, int((left - pad_x) // _GRID) * _GRID),
        max(0, int((top - pad_y) // _GRID) * _GRID),
        min(width, -int(-(right + pad_x) // _GRID) * _GRID),
        min(height, -int(-(bottom + pad_y) // _GRID) * _GRID),
    )


def is_cut(previous: Picture, picture: Picture) -> bool:
    """Return whether another scene begins: most of the picture changed at once."""
    step = np.s_[::_CUT_STEP, ::_CUT_STEP]
    change = previous[step].astype(np.int16) - picture[step]
    return float(np.abs(change).mean()) > _CUT
