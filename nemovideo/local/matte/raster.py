"""Masks and pictures moved about: boxes to boxes, along a flow, and their connected parts.

OpenCV does the work; this is where its arrays get their types.
"""

from __future__ import annotations

from typing import TypeAlias

import attrs
import cv2
import numpy as np
import numpy.typing as npt

from nemovideo.local.matte.engine import Mask
from nemovideo.local.matte.tracking import Box, Size

Gray: TypeAlias = npt.NDArray[np.uint8]
"""Height × width, 0..255."""

Flow: TypeAlias = npt.NDArray[np.float32]
"""Height × width × 2: how far to the right, and how far down, each pixel is found in the other."""

Places: TypeAlias = tuple[Mask, Mask]
"""Columns and rows: from where each pixel of a mask is taken."""

Region: TypeAlias = npt.NDArray[np.bool_]
"""Height × width: which pixels belong to it."""


@attrs.frozen
class Stage:
    """A part of the frame, and the size of the masks that cover it."""

    box: Box
    size: Size

    @property
    def shape(self) -> tuple[int, int]:
        """The height and width of its masks."""
        return self.size[1], self.size[0]

    @property
    def scale(self) -> float:
        """How large a pixel of the frame is in its masks."""
        return self.size[0] / (self.box[2] - self.box[0])

    @classmethod
    def of(cls, box: Box, scale: float) -> Stage:
        """Return a part of the frame with masks of a scale."""
        width, height = round((box[2] - box[0]) * scale), round((box[3] - box[1]) * scale)
        return cls(box, (max(2, width), max(2, height)))


def resized(mask: Mask, size: Size) -> Mask:
    """Return a mask in another size: means where it shrinks, straight lines where it grows."""
    if mask.shape == (size[1], size[0]):
        return mask
    shrinks = size[0] < mask.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(mask, size, interpolation=how), dtype=np.float32)


def placed(mask: Mask, seen: Box, stage: Stage) -> Mask:
    """Return a mask of one box as a mask of another; 0 where it saw nothing."""
    if seen == stage.box:
        return resized(mask, stage.size)
    left, top, right, bottom = seen
    wide, high = stage.box[2] - stage.box[0], stage.box[3] - stage.box[1]
    fit = max(1, round((right - left) * stage.size[0] / wide))
    fit_high = max(1, round((bottom - top) * stage.size[1] / high))
    small = resized(mask, (fit, fit_high)) if fit < mask.shape[1] else mask
    scale_x = (right - left) / small.shape[1] * stage.size[0] / wide
    scale_y = (bottom - top) / small.shape[0] * stage.size[1] / high
    move_x = (left - stage.box[0]) * stage.size[0] / wide
    move_y = (top - stage.box[1]) * stage.size[1] / high
    # Pixels are squares whose middles are at halves.
    matrix = np.array(
        [
            [scale_x, 0, move_x + scale_x / 2 - 0.5],
            [0, scale_y, move_y + scale_y / 2 - 0.5],
        ]
    )
    made = cv2.warpAffine(small, matrix, stage.size, flags=cv2.INTER_LINEAR)
    return np.asarray(made, dtype=np.float32)


class FlowFinder:
    """Finds where the pixels of one small picture are in another (DIS, Kroeger et al. 2016)."""

    def __init__(self) -> None:
        self._method = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)

    def __call__(self, picture: Gray, other: Gray) -> Flow:
        """Return for each pixel of the picture where the other has it."""
        made = np.zeros((*picture.shape, 2), dtype=np.float32)
        return np.asarray(self._method.calc(picture, other, made), dtype=np.float32)


def warped(values: Mask | Gray, places: Places) -> Mask:
    """Return the values found at each of the places; beyond the edge they go on as they are."""
    made = cv2.remap(values, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(made, dtype=np.float32)


def places(flow: Flow, frame: Size, stage: Stage) -> Places:
    """Return where on a stage each of its pixels comes from, by a flow of the whole frame."""
    across, down = (placed(flow[..., axis], (0, 0, *frame), stage) for axis in range(2))
    across *= np.float32(frame[0] / flow.shape[1] * stage.scale)
    down *= np.float32(frame[1] / flow.shape[0] * stage.scale)
    across += np.arange(stage.size[0], dtype=np.float32)
    down += np.arange(stage.size[1], dtype=np.float32)[:, np.newaxis]
    return across, down


def blurred(mask: Mask, side: int) -> Mask:
    """Return the mean of the square around every value."""
    return np.asarray(cv2.blur(mask, (side, side)), dtype=np.float32)


def parts(region: Region, least: int) -> list[Region]:
    """Return the connected parts of a region that have so many pixels, the largest first."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(region.astype(np.uint8))
    sizes = stats[:, cv2.CC_STAT_AREA]
    numbers = [n for n in range(1, count) if sizes[n] >= least]
    return [np.asarray(labels == n) for n in sorted(numbers, key=lambda n: -int(sizes[n]))]


def grown(region: Region, by: int) -> Region:
    """Return the region with a rim around it."""
    shape = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * by + 1, 2 * by + 1))
    return np.asarray(cv2.dilate(region.astype(np.uint8), shape) > 0)


def resized_edges(mask: Mask, by_px: int) -> Mask:
    """Return the mask with its edges so far outward, or inward where that is below 0."""
    if by_px == 0:
        return mask
    reach = abs(by_px)
    shape = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    work = cv2.dilate if by_px > 0 else cv2.erode
    return np.asarray(work(mask, shape), dtype=np.float32)


def softened(mask: Mask, sigma_px: float) -> Mask:
    """Return the mask with softer edges."""
    if sigma_px <= 0:
        return mask
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), sigma_px), dtype=np.float32)
