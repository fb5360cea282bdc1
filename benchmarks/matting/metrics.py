"""The error of masks, by the metrics of the Robust Video Matting paper.

Definitions and scales follow its published evaluation (Lin et al., "Robust High-Resolution
Video Matting with Temporal Guidance", WACV 2022; `evaluate_hr.py`), with masks in 0..1 at full
size, as means over the frames of a clip:

- MAD: mean absolute difference, × 10³.
- MSE: mean squared difference, × 10³.
- Grad: sum of squared differences of gradient magnitudes (Gaussian derivatives,
  σ 1.4, kernels of unit norm), ÷ 1000 (Rhemann et al., 2009). It grows with the frame size.
- dtSSD: root of the mean squared difference of the changes from the previous frame,
  × 10² (Erofeev et al., 2015); 0 for the first frame, as there.
- IoU, not in the paper: intersection over union of masks ≥ 0.5; 1 if both are empty.
- Band, not in the paper: the mean absolute difference, × 10³, within 12 pixels (at 720 lines)
  of true alpha between 0 and 1; the mean over the frames with such pixels.
- Lost, not in the paper: the number of frames in which less than half of the people's area is kept.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs
import cv2
import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

_SIGMA = 1.4
_EPSILON = 1e-2
_BAND_PX, _BAND_LINES = 12, 720


@attrs.frozen
class Scores:
    """The scores of a clip; 0 is perfect, except for `iou`, where it is 1."""

    mad: float
    mse: float
    grad: float
    dtssd: float
    iou: float
    band: float
    lost: float


def compare(masks: Iterable[Bytes], true: Iterable[Bytes]) -> Scores:
    """Return the scores of the masks of a clip.

    Args:
        masks: The masks to score, one per frame, uint8, height × width, 0..255.
        true: The true masks, of the same number and size.

    Raises:
        ValueError: There are no masks, or the two differ in number or size.
    """
    rows: list[tuple[float, ...]] = []
    before: tuple[Floats, Floats] | None = None
    for mask_bytes, true_bytes in zip(masks, true, strict=True):
        if mask_bytes.shape != true_bytes.shape:
            raise ValueError(f"a mask is {mask_bytes.shape}, the true one {true_bytes.shape}")
        mask, truth = _share(mask_bytes), _share(true_bytes)
        error = mask - truth
        moved = 0.0 if before is None else _rms((mask - before[0]) - (truth - before[1]))
        mad, mse = float(np.abs(error).mean()), float((error**2).mean())
        row = (mad * 1e3, mse * 1e3, _gradient_error(mask, truth), moved * 1e2, _iou(mask, truth))
        rows.append((*row, _band(np.abs(error), true_bytes) * 1e3, _is_lost(mask, truth)))
        before = mask, truth
    if not rows:
        raise ValueError("there are no masks to compare")
    *_, bands, lost = zip(*rows, strict=True)
    values = [float(value) for value in np.mean(rows, axis=0)]
    with_edges = [band for band in bands if not np.isnan(band)]
    values[-2:] = [float(np.mean(with_edges)) if with_edges else 0.0, float(sum(lost))]
    return Scores(*values)


def mean(scores: Iterable[Scores]) -> Scores:
    """Return the mean over clips."""
    rows = [attrs.astuple(score) for score in scores]
    return Scores(*(float(value) for value in np.mean(rows, axis=0)))


def _share(mask: Bytes) -> Floats:
    return np.asarray(mask / np.float32(255), dtype=np.float32)


def _rms(values: Floats) -> float:
    return float(np.sqrt((values**2).mean()))


def _iou(mask: Floats, truth: Floats) -> float:
    kept, true = mask >= 0.5, truth >= 0.5
    union = np.count_nonzero(kept | true)
    return np.count_nonzero(kept & true) / union if union else 1.0


def band(truth: Bytes) -> npt.NDArray[np.bool_]:
    """Return the region around the true edge."""
    reach = max(1, round(_BAND_PX * truth.shape[0] / _BAND_LINES))
    square = np.ones((2 * reach + 1, 2 * reach + 1), dtype=np.uint8)
    near = (cv2.dilate(truth, square) > 0) & (cv2.erode(truth, square) < 255)
    return np.asarray(near, dtype=np.bool_)


def _band(error: Floats, truth: Bytes) -> float:
    """Return the mean error around the true edge, or NaN without an edge."""
    near = band(truth)
    return float(error[near].mean()) if near.any() else float("nan")


def _is_lost(mask: Floats, truth: Floats) -> float:
    true = truth >= 0.5
    return float(np.count_nonzero((mask >= 0.5) & true) < 0.5 * np.count_nonzero(true))


def _gradient_error(mask: Floats, truth: Floats) -> float:
    """Return the gradient error, computed only around non-empty pixels."""
    there = (mask > 0) | (truth > 0)
    rows, columns = np.flatnonzero(there.any(axis=1)), np.flatnonzero(there.any(axis=0))
    if not rows.size:
        return 0.0
    reach = len(_GAUSSIAN) // 2 + 1
    top, bottom = max(0, int(rows[0]) - reach), int(rows[-1]) + reach + 1
    left, right = max(0, int(columns[0]) - reach), int(columns[-1]) + reach + 1
    part = np.s_[top:bottom, left:right]
    return float(((_gradient(mask[part]) - _gradient(truth[part])) ** 2).sum()) / 1e3


def _gradient(mask: Floats) -> Floats:
    """Return the gradient magnitude of each pixel."""
    across = _filtered(_filtered(mask, _GAUSSIAN, 0), _DERIVATIVE, 1)
    down = _filtered(_filtered(mask, _DERIVATIVE, 0), _GAUSSIAN, 1)
    return np.hypot(across, down)


def _filtered(mask: Floats, kernel: Floats, axis: int) -> Floats:
    """Filter the mask along an axis, with the border repeated."""
    half, length = len(kernel) // 2, mask.shape[axis]
    widths = [(half, half) if each == axis else (0, 0) for each in range(2)]
    padded = np.pad(mask, widths, mode="edge")
    filtered = np.zeros_like(mask)
    for start, weight in enumerate(kernel):
        window = slice(start, start + length)
        filtered += weight * (padded[window] if axis == 0 else padded[:, window])
    return filtered


def _kernels() -> tuple[Floats, Floats]:
    """Return a Gaussian and its derivative, whose product is the kernel of the paper.

    The kernel ends where the Gaussian falls below 0.01, and both factors have unit norm.
    """
    half = int(np.ceil(_SIGMA * np.sqrt(-2 * np.log(np.sqrt(2 * np.pi) * _SIGMA * _EPSILON))))
    at = np.arange(-half, half + 1)
    gaussian = np.exp(-(at**2) / (2 * _SIGMA**2)) / (_SIGMA * np.sqrt(2 * np.pi))
    derivative = -at * gaussian / _SIGMA**2
    return (
        (gaussian / np.linalg.norm(gaussian)).astype(np.float32),
        (derivative / np.linalg.norm(derivative)).astype(np.float32),
    )


_GAUSSIAN, _DERIVATIVE = _kernels()
