"""Typed wrappers around OpenCV: resampling, optical flow, components, morphology."""

from __future__ import annotations

from typing import TypeAlias, TypeVar

import attrs
import cv2
import numpy as np
import numpy.typing as npt

from nemovideo.local.matte.engine import Mask
from nemovideo.local.matte.tracking import Box, Size

Gray: TypeAlias = npt.NDArray[np.uint8]
"""Height × width, 0..255."""

Flow: TypeAlias = npt.NDArray[np.float32]
"""Height × width × 2: the offset of each pixel in the other picture, right and down."""

Offsets: TypeAlias = tuple[Mask, Mask]
"""Where each pixel is sampled: its offsets to the right and down, as two planes."""

Region: TypeAlias = npt.NDArray[np.bool_]
"""Height × width."""

_Values = TypeVar("_Values", Mask, Gray)


@attrs.frozen
class Crop:
    """A part of the frame, and the size of the masks that cover it."""

    box: Box
    size: Size

    @property
    def shape(self) -> tuple[int, int]:
        """The height and width of the masks."""
        return self.size[1], self.size[0]

    @property
    def scale(self) -> float:
        """Mask pixels per frame pixel."""
        return self.size[0] / (self.box[2] - self.box[0])

    @classmethod
    def of(cls, box: Box, scale: float) -> Crop:
        """Return a crop with masks of this scale."""
        width, height = round((box[2] - box[0]) * scale), round((box[3] - box[1]) * scale)
        return cls(box, (max(2, width), max(2, height)))


def resized(mask: Mask, size: Size) -> Mask:
    """Resize a mask: area means to shrink, linear to enlarge."""
    if mask.shape == (size[1], size[0]):
        return mask
    method = cv2.INTER_AREA if size[0] < mask.shape[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(mask, size, interpolation=method), dtype=np.float32)


def resampled(mask: Mask, box: Box, crop: Crop) -> Mask:
    """Resample the mask of a box to a crop; 0 outside the box."""
    if box == crop.box:
        return resized(mask, crop.size)
    left, top, right, bottom = box
    crop_width, crop_height = crop.box[2] - crop.box[0], crop.box[3] - crop.box[1]
    width = max(1, round((right - left) * crop.size[0] / crop_width))
    height = max(1, round((bottom - top) * crop.size[1] / crop_height))
    small = resized(mask, (width, height)) if width < mask.shape[1] else mask
    scale_x = (right - left) / small.shape[1] * crop.size[0] / crop_width
    scale_y = (bottom - top) / small.shape[0] * crop.size[1] / crop_height
    move_x = (left - crop.box[0]) * crop.size[0] / crop_width
    move_y = (top - crop.box[1]) * crop.size[1] / crop_height
    # Pixel centers are at halves.
    matrix = np.array(
        [
            [scale_x, 0, move_x + scale_x / 2 - 0.5],
            [0, scale_y, move_y + scale_y / 2 - 0.5],
        ]
    )
    moved = cv2.warpAffine(small, matrix, crop.size, flags=cv2.INTER_LINEAR)
    return np.asarray(moved, dtype=np.float32)


class OpticalFlow:
    """Dense optical flow between two small pictures (DIS, Kroeger et al. 2016)."""

    def __init__(self) -> None:
        self._method = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        # With half instead of a quarter of the resolution, masks can be propagated twice as far.
        # Omitting refinement halves the time, at the same error.
        self._method.setFinestScale(1)
        self._method.setGradientDescentIterations(12)
        self._method.setVariationalRefinementIterations(0)
        # Slightly less overlap of patches saves a quarter of the time, at the same error.
        self._method.setPatchStride(5)

    def __call__(self, picture: Gray, other: Gray) -> Flow:
        """Return the offset of each pixel of the picture in the other."""
        # Passing an initial flow, even one of zeros, would make this a tenth slower.
        flow = self._method.calc(picture, other, None)  # type: ignore[call-overload]
        return np.asarray(flow, dtype=np.float32)


def offsets_of(flow: Flow) -> Offsets:
    """Return the flow as two planes."""
    across, down = cv2.split(flow)
    return np.asarray(across, dtype=np.float32), np.asarray(down, dtype=np.float32)


def offsets_on(crop: Crop, flow: Flow, grid: Crop) -> Offsets:
    """Return a flow on a grid as the offsets of the pixels of a crop."""
    across, down = (resampled(plane, grid.box, crop) for plane in offsets_of(flow))
    across *= np.float32(crop.scale / grid.scale)
    down *= np.float32(crop.scale / grid.scale)
    return across, down


def warped(values: _Values, offsets: Offsets) -> _Values:
    """Sample the values at the offsets; beyond the edge, the edge is repeated."""
    method = cv2.INTER_LINEAR | cv2.WARP_RELATIVE_MAP
    sampled = cv2.remap(values, *offsets, method, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(sampled, dtype=values.dtype)


def blurred(mask: Mask, side: int) -> Mask:
    """Return the mean of the square around every value."""
    return np.asarray(cv2.blur(mask, (side, side)), dtype=np.float32)


def components(region: Region, min_px: int) -> list[Region]:
    """Return the connected components of at least `min_px` pixels, the largest first."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(region.astype(np.uint8))
    sizes = stats[:, cv2.CC_STAT_AREA]
    numbers = [n for n in range(1, count) if sizes[n] >= min_px]
    return [np.asarray(labels == n) for n in sorted(numbers, key=lambda n: -int(sizes[n]))]


def dilated(region: Region, by_px: int) -> Region:
    """Dilate a region."""
    return np.asarray(cv2.dilate(region.astype(np.uint8), _disc(by_px)) > 0)


def offset_edges(mask: Mask, by_px: int) -> Mask:
    """Move the edges of a mask outward, or inward if negative."""
    if by_px == 0:
        return mask
    method = cv2.dilate if by_px > 0 else cv2.erode
    return np.asarray(method(mask, _disc(abs(by_px))), dtype=np.float32)


def feathered(mask: Mask, sigma_px: float) -> Mask:
    """Soften the edges of a mask."""
    if sigma_px <= 0:
        return mask
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), sigma_px), dtype=np.float32)


def _disc(radius_px: int) -> npt.NDArray[np.uint8]:
    side = 2 * radius_px + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return np.asarray(disc, dtype=np.uint8)
