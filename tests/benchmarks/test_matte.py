"""The metrics of the matte benchmark, on masks whose scores can be calculated by hand."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from benchmarks.matting.composites import color_error
from benchmarks.matting.metrics import compare

Mask = npt.NDArray[np.uint8]


def flat(value: int, size: int = 20) -> Mask:
    return np.full((size, size), value, dtype=np.uint8)


def half(left: int = 0, right: int = 255, size: int = 40) -> Mask:
    mask = flat(left, size)
    mask[:, size // 2 :] = right
    return mask


def test_the_ground_truth_has_a_perfect_score() -> None:
    clip = [half(), half(255, 0), flat(0, 40)]
    scores = compare(clip, clip)
    assert (scores.mad, scores.mse, scores.grad, scores.dtssd, scores.iou) == (0, 0, 0, 0, 1)


def test_mad_and_mse_are_in_thousandths() -> None:
    scores = compare([flat(51)], [flat(0)])
    assert scores.mad == pytest.approx(200)
    assert scores.mse == pytest.approx(40)


def test_the_band_is_around_the_true_edge_and_empty_frames_are_not_lost() -> None:
    wrong_far_off = half(size=80)
    wrong_far_off[:, :4] = 255
    assert compare([wrong_far_off], [half(size=80)]).band == 0
    assert compare([half(0, 51, 80)], [half(size=80)]).band > 300
    assert compare([flat(255, 40), half(), flat(0, 40)], [flat(0, 40), half(), half()]).lost == 1


def test_colors_are_compared_at_the_edge_over_a_new_background() -> None:
    pytest.importorskip("pymatting")
    alpha = half(size=80)
    person = np.zeros((80, 80, 3), dtype=np.uint8)
    person[:, 40:] = (200, 100, 50)
    assert color_error([(person, alpha)], [person], [alpha]) < 3
    too_wide = half(255, 255, size=80)
    assert color_error([(person, too_wide)], [person], [alpha]) > 20


def test_opposite_errors_do_not_cancel() -> None:
    assert compare([half(255, 0)], [half(0, 255)]).mad == pytest.approx(1000)


def test_scores_are_the_mean_over_frames() -> None:
    scores = compare([flat(255), flat(255)], [flat(255), flat(0)])
    assert scores.mad == pytest.approx(500)
    assert scores.iou == pytest.approx(0.5)


def test_flicker_raises_dtssd_and_a_steady_error_does_not() -> None:
    steady = compare([flat(51)] * 3, [flat(0)] * 3)
    assert steady.dtssd == 0
    flicker = compare([flat(0), flat(51), flat(0)], [flat(0)] * 3)
    assert flicker.dtssd == pytest.approx(2 / 3 * 20)


def test_true_motion_is_not_flicker() -> None:
    moving = [np.roll(half(), step, axis=1) for step in range(3)]
    assert compare(moving, moving).dtssd == 0
    assert compare([moving[0]] * 3, moving).dtssd > 1


def test_the_overlap_counts_pixels_of_half_or_more() -> None:
    mask, truth = flat(0, 4), flat(0, 4)
    mask[0, :3] = 128
    mask[3] = 127
    truth[0, 1:] = 255
    assert compare([mask], [truth]).iou == pytest.approx(2 / 4)


def test_two_empty_masks_have_an_iou_of_1() -> None:
    assert compare([flat(20)], [flat(0)]).iou == 1


def test_a_missing_edge_has_a_gradient_error_and_an_offset_has_none() -> None:
    # A step of height 1 through the kernel of unit norm: at x the sum of the
    # derivative's taps beyond x, times that of the Gaussian's.
    at = np.arange(-4, 5)
    bell = np.exp(-(at**2) / (2 * 1.4**2))
    fall = at * bell
    bell, fall = bell / np.linalg.norm(bell), fall / np.linalg.norm(fall)
    profile = np.array([fall[start:].sum() for start in range(1, 9)]) * bell.sum()
    expected = 40 * float((profile**2).sum()) / 1000
    assert compare([flat(255, 40)], [half()]).grad == pytest.approx(expected, rel=1e-4)
    assert compare([flat(200)], [flat(100)]).grad == pytest.approx(0, abs=1e-9)


def test_the_gradient_error_is_the_same_in_both_directions() -> None:
    across, down = half(), np.ascontiguousarray(half().T)
    empty = flat(0, 40)
    assert compare([empty], [across]).grad == pytest.approx(compare([empty], [down]).grad)


def test_masks_of_another_size_or_number_are_refused() -> None:
    with pytest.raises(ValueError, match="mask is"):
        compare([flat(0, 8)], [flat(0, 9)])
    with pytest.raises(ValueError, match="argument"):
        compare([flat(0)], [flat(0)] * 2)
    with pytest.raises(ValueError, match="no masks"):
        compare([], [])
