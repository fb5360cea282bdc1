"""Boxes, crops and scene changes: which part of the frame the engine sees next.

The networks squeeze their input to a small square, so a crop of the person gives them more
detail than the whole frame.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from nemovideo.local.matte.engine import Mask
from nemovideo.local.matte.pyramid import halved

Box: TypeAlias = tuple[int, int, int, int]
"""Left, top, right, bottom, in frame pixels; right and bottom are exclusive."""

Size: TypeAlias = tuple[int, int]
"""Width and height."""

Thumbnail: TypeAlias = npt.NDArray[np.uint8]
"""Height × width: the brightness of a frame, a few dozen pixels wide."""

_MIN_ALPHA = 0.7
_MIN_CONTACT_SHARE = 0.02
_PADDING = 0.04
_MIN_AREA = 0.001
_GRIDS_PER_SIDE = 80
_SLACK_GRIDS = 4
_GROWTH = 0.35
_MIN_ASPECT = 0.8
_MAX_ASPECT = 2.0
_PART_ASPECT = 1.3
_PART_STEP = 0.7
_CUT_CHANGE = 30.0
_CUT_SHARE = 0.5
_SHAKE_CELLS = 3


def whole(size: Size) -> Box:
    """Return the box of the whole frame."""
    return 0, 0, *size


def person_box(mask: Mask, mask_box: Box, size: Size) -> Box:
    """Return the padded box around a person, on an even grid.

    Args:
        mask: The mask of the person, of any size.
        mask_box: The part of the frame that the mask covers.
        size: The frame size.

    Returns:
        The whole frame if the mask is nearly empty.
    """
    kept = mask > _MIN_ALPHA
    if share(kept) * area(mask_box) < _MIN_AREA * size[0] * size[1]:
        return whole(size)
    columns, rows = np.flatnonzero(kept.any(axis=0)), np.flatnonzero(kept.any(axis=1))
    step_x, step_y = (
        (mask_box[2] - mask_box[0]) / kept.shape[1],
        (mask_box[3] - mask_box[1]) / kept.shape[0],
    )
    left, right = mask_box[0] + columns[0] * step_x, mask_box[0] + (columns[-1] + 1) * step_x
    top, bottom = mask_box[1] + rows[0] * step_y, mask_box[1] + (rows[-1] + 1) * step_y
    grid = _grid(size)
    pad_x, pad_y = (right - left) * _PADDING, (bottom - top) * _PADDING
    return (
        max(0, int((left - pad_x) // grid) * grid),
        max(0, int((top - pad_y) // grid) * grid),
        min(size[0], -int(-(right + pad_x) // grid) * grid),
        min(size[1], -int(-(bottom + pad_y) // grid) * grid),
    )


def stabilized_box(current: Box, wanted: Box, size: Size) -> Box:
    """Return the wanted box, or the current one while it fits.

    A jittering box makes the mask jitter. So a new box is one grid step larger, and is kept until
    the person leaves it or leaves much of it empty.
    """
    slack = _SLACK_GRIDS * _grid(size)
    inside = (
        current[0] <= wanted[0]
        and current[1] <= wanted[1]
        and current[2] >= wanted[2]
        and current[3] >= wanted[3]
    )
    near = all(abs(a - b) <= slack for a, b in zip(current, wanted, strict=True))
    if inside and near:
        return current
    grid = _grid(size)
    return (
        max(0, wanted[0] - grid),
        max(0, wanted[1] - grid),
        min(size[0], wanted[2] + grid),
        min(size[1], wanted[3] + grid),
    )


def with_min_aspect(box: Box, size: Size) -> Box:
    """Widen a tall box, or make a wide one taller.

    Squeezed to a square, a person in a narrow box does not look like those in the training data,
    and the box shows no background to separate them from.
    """
    left, top, right, bottom = box
    grid = _grid(size)
    left, right = _stretched(left, right, (bottom - top) * _MIN_ASPECT, size[0], grid)
    top, bottom = _stretched(top, bottom, (box[2] - box[0]) * _MIN_ASPECT, size[1], grid)
    return left, top, right, bottom


def _stretched(begin: int, end: int, min_length: float, limit: int, grid: int) -> tuple[int, int]:
    """Extend an interval to a length of `min_length`, within 0 to `limit`."""
    if end - begin >= min_length:
        return begin, end
    first = int(max(0.0, min((begin + end - min_length) / 2, limit - min_length))) // grid * grid
    last = min(limit, -int(-(first + min_length) // grid) * grid)
    return min(begin, first), max(end, last)


def side_by_side(box: Box) -> list[Box]:
    """Split a box that is far wider than tall into overlapping parts."""
    left, top, right, bottom = box
    width, part = right - left, int((bottom - top) * _PART_ASPECT) // 2 * 2
    if width <= _MAX_ASPECT * (bottom - top):
        return [box]
    count = math.ceil((width - part) / (part * _PART_STEP)) + 1
    starts = [left + (width - part) * n // (count - 1) // 2 * 2 for n in range(count)]
    return [(start, top, start + part, bottom) for start in starts]


def wider(mask: Mask, box: Box, size: Size) -> Box:
    """Grow a box at the edges that the person touches, within the frame.

    The box is returned unchanged if it holds the whole person.
    """
    kept = mask > _MIN_ALPHA
    grid = _grid(size)
    more_x = max(grid, int((box[2] - box[0]) * _GROWTH) // grid * grid)
    more_y = max(grid, int((box[3] - box[1]) * _GROWTH) // grid * grid)
    return (
        max(0, box[0] - more_x) if share(kept[:, 0]) > _MIN_CONTACT_SHARE else box[0],
        max(0, box[1] - more_y) if share(kept[0]) > _MIN_CONTACT_SHARE else box[1],
        min(size[0], box[2] + more_x) if share(kept[:, -1]) > _MIN_CONTACT_SHARE else box[2],
        min(size[1], box[3] + more_y) if share(kept[-1]) > _MIN_CONTACT_SHARE else box[3],
    )


def union_box(first: Box, second: Box) -> Box:
    """Return the smallest box that contains both."""
    return (
        min(first[0], second[0]),
        min(first[1], second[1]),
        max(first[2], second[2]),
        max(first[3], second[3]),
    )


def contains(box: Box, point: tuple[int, int]) -> bool:
    """Return whether a point is in a box."""
    return box[0] <= point[0] < box[2] and box[1] <= point[1] < box[3]


def overlap_share(first: Box, second: Box) -> float:
    """Return the share of the smaller box that is in the other, 0..1."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    return max(0, width) * max(0, height) / max(1, min(area(first), area(second)))


def share(kept: npt.NDArray[np.bool_]) -> float:
    """Return the share of true values, 0..1."""
    return np.count_nonzero(kept) / kept.size


def area(box: Box) -> int:
    """Return the area of a box in pixels."""
    return (box[2] - box[0]) * (box[3] - box[1])


def resampled_to_box(mask: Mask, mask_box: Box, box: Box, side: int | None = None) -> Mask:
    """Resample the mask of one box to another; 0 outside the first.

    The mask keeps its size, or becomes a square of `side`.
    """
    height, width = mask.shape
    wanted = (width, height) if side is None else (side, side)
    if mask_box == box:
        return resized(mask, wanted)
    scale_x, scale_y = width / (mask_box[2] - mask_box[0]), height / (mask_box[3] - mask_box[1])
    extent = (
        (box[0] - mask_box[0]) * scale_x,
        (box[1] - mask_box[1]) * scale_y,
        (box[2] - mask_box[0]) * scale_x,
        (box[3] - mask_box[1]) * scale_y,
    )
    image = Image.fromarray(mask)
    if union_box(mask_box, box) == mask_box:
        image = image.resize(wanted, Image.Resampling.BILINEAR, box=extent)
    else:
        image = image.transform(wanted, Image.Transform.EXTENT, extent, Image.Resampling.BILINEAR)
    return np.asarray(image, dtype=np.float32)


def resized(mask: Mask, size: Size) -> Mask:
    """Resize a mask, by halving first while it is at least twice as large."""
    width, height = size
    while _is_even(mask) and mask.shape[0] >= 2 * height and mask.shape[1] >= 2 * width:
        mask = halved(mask)
    if mask.shape == (height, width):
        return mask
    image = Image.fromarray(mask).resize(size, Image.Resampling.BILINEAR)
    return np.asarray(image, dtype=np.float32)


def _is_even(mask: Mask) -> bool:
    return all(side % 2 == 0 for side in mask.shape)


def difference(previous: Thumbnail, thumbnail: Thumbnail) -> npt.NDArray[np.int16]:
    """Return the absolute difference in brightness of each pixel, 0..255."""
    change: npt.NDArray[np.int16] = np.abs(previous.astype(np.int16) - thumbnail)
    return change


def is_scene_change(previous: Thumbnail, thumbnail: Thumbnail) -> bool:
    """Return whether a new scene begins: a large change in most of the picture.

    A picture that is only shifted, as by a shaking hand, is the same scene.
    """
    if previous.shape != thumbnail.shape:
        return True
    if not _has_changed(previous, thumbnail):
        return False
    height, width = thumbnail.shape
    for down in range(-_SHAKE_CELLS, _SHAKE_CELLS + 1):
        rows, rows_before = _overlap(down, height)
        for across in range(-_SHAKE_CELLS, _SHAKE_CELLS + 1):
            columns, columns_before = _overlap(across, width)
            shifted = previous[rows_before, columns_before]
            if shifted.size and not _has_changed(shifted, thumbnail[rows, columns]):
                return False
    return True


def _has_changed(previous: Thumbnail, thumbnail: Thumbnail) -> bool:
    change = difference(previous, thumbnail)
    changed = share(change > _CUT_CHANGE / 2)
    return changed > _CUT_SHARE and float(change.mean()) > _CUT_CHANGE


def _overlap(by: int, length: int) -> tuple[slice, slice]:
    """Return the overlap of two intervals of this length, the first shifted by `by`."""
    return slice(max(0, by), length + min(0, by)), slice(max(0, -by), length - max(0, by))


def _grid(size: Size) -> int:
    """Return the grid step: even, because chroma has half the resolution."""
    return max(2, max(size) // _GRIDS_PER_SIDE // 2 * 2)
