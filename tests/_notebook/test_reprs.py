"""What `print` and a notebook show of estimates, frames and mattings."""

from __future__ import annotations

import numpy as np

from nemovideo.local import Matting
from nemovideo.models import Estimate, Frame

BASIS = "measured: time from earlier renders on this machine; size: typical for this format"


def test_an_estimate_is_rounded_and_its_basis_shown_whole() -> None:
    estimate = Estimate(0, 42.70036465064, 1000, BASIS)
    assert "seconds=42.7," in str(estimate)
    assert "typical for this format" in estimate._repr_html_()


def test_a_frame_shows_the_shape_of_its_arrays() -> None:
    frame = Frame(0.5, np.zeros((90, 160, 3), np.uint8), np.zeros((90, 160), np.float32))
    assert repr(frame) == "Frame(time_s=0.5, rgb=<90×160×3 uint8>, alpha=<90×160 float32>)"


def test_a_matting_shows_its_options() -> None:
    shown = repr(Matting(engine="fast", grow_px=2))
    assert shown == "Matting(engine='fast', softness=0.0, grow_px=2, keep='front')"
