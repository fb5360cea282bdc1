"""The protocol that every matting engine follows."""

from __future__ import annotations

from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

Picture: TypeAlias = npt.NDArray[np.uint8]
"""Height × width × 3, RGB."""

Mask: TypeAlias = npt.NDArray[np.float32]
"""Height × width, 0 where there is background, 1 where there is the person."""


class Matte(Protocol):
    """Something that tells a person from the background in one picture.

    It keeps nothing from one call to the next: crops, time and levels are the
    work of `Cutter`, so that all engines share them.
    """

    def mask(self, picture: Picture) -> Mask:
        """Return the person's soft mask.

        Args:
            picture: Height × width × 3, uint8, RGB; any size.

        Returns:
            float32 in 0..1. It covers the same area as the picture, in the
            picture's size or in the engine's own.
        """
        ...
