"""Propagate masks from key frames to the frames between them, along the optical flow."""

from __future__ import annotations

import attrs
import cv2
import numpy as np

from nemovideo.local.matte.engine import Mask
from nemovideo.local.matte.raster import (
    Crop,
    Flow,
    Gray,
    Region,
    blurred,
    offsets_of,
    offsets_on,
    resampled,
    warped,
)

_BLUR_PX = 5
_TOLERANCE = np.float32(12)
_TOO_FAR_SHARE = 0.1
_MISMATCH_SHARE = 0.05
_LOST_SHARE = 0.3
_CHANGED_SHARE = 0.01
_MIN_WEIGHT = np.float32(1e-3)
_NEARNESS = 0.6


@attrs.frozen(eq=False)
class Propagated:
    """A mask warped from another frame, and the confidence of each pixel, 0..1."""

    alpha: Mask
    confidence: Mask


def propagate(
    alpha: Mask, crop: Crop, target: Gray, source: Gray, flow: Flow, grid: Crop
) -> Propagated:
    """Warp the mask of one frame to another.

    Args:
        alpha: The mask in the source frame, on the crop.
        crop: The part of the frame that the mask covers.
        target: The small gray frame to warp to.
        source: The small gray frame to warp from.
        flow: The flow from target to source.
        grid: The part of the frame that these three cover.
    """
    error = blurred(_mismatch(target, source, flow).astype(np.float32), _BLUR_PX) / _TOLERANCE
    confidence = resampled(np.asarray(cv2.exp(-error * error)), grid.box, crop)
    return Propagated(warped(alpha, offsets_on(crop, flow, grid)), confidence)


def between(before: Propagated, after: Propagated, share: float) -> Mask:
    """Blend two masks propagated to a frame, weighted by distance and confidence.

    The farther one weighs more than its distance suggests, since the errors of the two average out.

    Args:
        before: From the earlier key frame.
        after: From the later one.
        share: The position of the frame between the two, 0..1.
    """
    share = 0.5 + (share - 0.5) * _NEARNESS
    first = before.confidence * np.float32(1 - share) + _MIN_WEIGHT
    second = after.confidence * np.float32(share) + _MIN_WEIGHT
    blended = (before.alpha * first + after.alpha * second) / (first + second)
    mask: Mask = blended.astype(np.float32, copy=False)
    return mask


def stabilized(alpha: Mask, before: Propagated, after: Propagated) -> Mask:
    """Return the median of a mask and its neighbors', where the neighbors are reliable."""
    low, high = np.minimum(before.alpha, after.alpha), np.maximum(before.alpha, after.alpha)
    median = alpha.clip(low, high)
    confidence = np.minimum(before.confidence, after.confidence)
    mask: Mask = alpha + (median - alpha) * confidence
    return mask


def has_moved(frame: Gray, key: Gray, flow: Flow, people: Region, *, far_px: float) -> bool:
    """Return whether people moved too far or too irregularly to propagate their mask.

    Args:
        frame: The current frame, small and gray.
        key: The last key frame, small and gray.
        flow: The flow from the frame to the key frame.
        people: The region of people in the key frame.
        far_px: The distance that is too far.
    """
    count = np.count_nonzero(people)
    offset = np.abs(flow) > far_px
    too_far = (offset[..., 0] | offset[..., 1]) & people
    if np.count_nonzero(too_far) > _TOO_FAR_SHARE * count:
        return True
    return _mismatched(frame, key, flow, people) > _MISMATCH_SHARE


def is_lost(frame: Gray, key: Gray, flow: Flow, people: Region) -> bool:
    """Return whether the flow loses so much of the people that a new key frame is needed now."""
    return _mismatched(frame, key, flow, people) > _LOST_SHARE


def has_changed(frame: Gray, key: Gray, people: Region) -> bool:
    """Return whether the picture around the people changed since the key frame.

    A person who enters changes it, as does a moving camera, unless the key frame is warped first.
    """
    change = cv2.absdiff(frame, key)[~people] > _TOLERANCE
    return bool(change.size and change.mean() > _CHANGED_SHARE)


def warped_along(flow: Flow, source: Gray) -> Gray:
    """Return a small frame warped along the flow from another one to it."""
    return warped(source, offsets_of(flow))


def _mismatched(frame: Gray, key: Gray, flow: Flow, people: Region) -> float:
    """Return the share of the people's region in which the flow does not explain the frame."""
    mismatch = (_mismatch(frame, key, flow) > _TOLERANCE) & people
    return float(np.count_nonzero(mismatch)) / max(1, int(np.count_nonzero(people)))


def _mismatch(target: Gray, source: Gray, flow: Flow) -> Gray:
    """Return how much a small frame differs from another one warped along the flow to it."""
    return np.asarray(cv2.absdiff(target, warped_along(flow, source)), dtype=np.uint8)
