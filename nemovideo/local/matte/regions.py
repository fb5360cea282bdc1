"""Select the connected components of a mask that are people.

A mask is reduced to a coarse grid, stored as one large integer with a bit per cell, so that a
flood fill is a few shifts and takes microseconds.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from nemovideo.local.matte.engine import Mask
from nemovideo.local.matte.tracking import Box, resized

_CELLS = 64
_ROW = _CELLS + 2  # an empty column on each side stops the fill from wrapping around
_INSIDE = sum(((1 << _CELLS) - 1) << (row * _ROW + 1) for row in range(1, _CELLS + 1))
_MIN_ALPHA = 0.5
_REACH_CELLS = 2
_MIN_SHARE = 0.2
_MIN_OVERLAP = 0.3


def main_people(mask: Mask, before: Mask | None = None) -> Mask:
    """Remove the components that are not people in front: posters, passers-by, noise.

    It keeps the largest component, those of at least a fifth of its size, and those that were part
    of the person before, such as a hand.

    Args:
        mask: Square.
        before: The cleaned mask of the previous frame, in the same box.
    """
    grid = _grid(mask)
    regions = list(_regions(grid))
    if len(regions) < 2:
        return mask
    known = 0 if before is None else _grid(before)
    largest = max(region.bit_count() for region in regions)
    kept = 0
    for region in regions:
        cells = region.bit_count()
        if cells >= largest * _MIN_SHARE or (region & known).bit_count() >= cells * _MIN_OVERLAP:
            kept |= region
    if kept == grid:
        return mask
    return _only(mask, kept)


def regions_of(mask: Mask) -> list[Mask]:
    """Return a mask of each connected component, the largest first."""
    regions = sorted(_regions(_grid(mask)), key=int.bit_count, reverse=True)
    return [_only(mask, region) for region in regions]


def region_at(mask: Mask, mask_box: Box, point: tuple[int, int]) -> Mask | None:
    """Return a mask of the connected component at a point, or None.

    Args:
        mask: Square, of the box `mask_box`.
        mask_box: The part of the frame that the mask covers.
        point: The point in frame pixels.
    """
    column = (point[0] - mask_box[0]) * _CELLS // (mask_box[2] - mask_box[0])
    row = (point[1] - mask_box[1]) * _CELLS // (mask_box[3] - mask_box[1])
    cell = 1 << (_CELLS + 2) * _ROW - 1 - ((row + 1) * _ROW + column + 1)
    for region in _regions(_grid(mask)):
        if region & _spread(_spread(cell)):
            return _only(mask, region)
    return None


def outside(mask: Mask, other: Mask, *, margin: bool = False) -> Mask:
    """Return a mask without another one of the same box.

    Args:
        mask: Square.
        other: Square.
        margin: Whether to leave out the cells around the other one too.
    """
    region = _grid(other)
    if not region:
        return mask
    cleaned: Mask = mask * (1 - _as_mask(_spread(region) if margin else region, mask.shape[0]))
    return cleaned


def near(mask: Mask, other: Mask) -> Mask:
    """Return the part of a mask that is in or near another one of the same box."""
    return _only(mask, _spread(_grid(other)))


def _only(mask: Mask, region: int) -> Mask:
    """Return the mask within a slightly dilated region."""
    for _ in range(_REACH_CELLS):
        region = _spread(region)
    cleaned: Mask = mask * _as_mask(region, mask.shape[0])
    return cleaned


def _regions(grid: int) -> list[int]:
    """Return the connected regions; a gap of one cell does not separate them."""
    near = _spread(grid)
    regions = []
    while near:
        region, last = near & -near, 0
        while region != last:
            region, last = _spread(region) & near, region
        near &= ~region
        regions.append(region & grid)
    return regions


def _spread(cells: int) -> int:
    cells |= cells << 1 | cells >> 1
    return (cells | cells << _ROW | cells >> _ROW) & _INSIDE


def _grid(mask: Mask) -> int:
    """Return the cells above the threshold as bits, row by row."""
    small = resized(mask, (_CELLS, _CELLS))
    bits = np.zeros((_CELLS + 2, _ROW), dtype=np.uint8)
    bits[1:-1, 1:-1] = small > _MIN_ALPHA
    packed: bytes = np.packbits(bits).tobytes()
    unused_bits = -(_CELLS + 2) * _ROW % 8
    return int.from_bytes(packed, "big") >> unused_bits


def _as_mask(cells: int, side: int) -> Mask:
    size = (_CELLS + 2) * _ROW
    packed = np.frombuffer((cells << (-size % 8)).to_bytes(-(-size // 8), "big"), dtype=np.uint8)
    bits = np.unpackbits(packed)[:size].reshape(_CELLS + 2, _ROW)[1:-1, 1:-1]
    image = Image.fromarray(bits.astype(np.float32))
    return np.asarray(image.resize((side, side), Image.Resampling.BILINEAR), dtype=np.float32)
