"""The color error at the edges of a person over a new background.

True foreground colors are estimated from the footage and the true alpha (Germer's multi-level
method, as in `people.py`). Composites are compared where the true alpha is between 0 and 1,
and 12 pixels (at 720 lines) around that.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from benchmarks.matting.metrics import band

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

GREEN = (46, 160, 67)
EVERY = 15
"""Compare one frame in this many: the estimate takes a second."""


def color_error(
    results: Iterable[tuple[Bytes, Bytes]], pictures: Iterable[Bytes], true: Iterable[Bytes]
) -> float:
    """Return the mean absolute difference of the composites in the band, 0..255.

    Args:
        results: The colors and alpha of each frame to composite.
        pictures: The footage.
        true: The true alpha.
    """
    from pymatting import estimate_foreground_ml

    errors: list[float] = []
    for number, ((colors, mask), picture, alpha) in enumerate(
        zip(results, pictures, true, strict=True)
    ):
        near = band(alpha) if number % EVERY == 0 else None
        if near is None or not near.any():
            continue
        person = estimate_foreground_ml(picture / 255, alpha / 255).astype(np.float32) * 255
        wanted, got = _over_green(person, alpha), _over_green(colors.astype(np.float32), mask)
        errors.append(float(np.abs(wanted - got)[near].mean()))
    return float(np.mean(errors)) if errors else 0.0


def _over_green(colors: Floats, alpha: Bytes) -> Floats:
    share = (alpha[..., np.newaxis] / np.float32(255)).astype(np.float32)
    composite: Floats = colors * share + np.array(GREEN, dtype=np.float32) * (1 - share)
    return composite
