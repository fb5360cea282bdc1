"""The protocol that every matting engine follows."""

from __future__ import annotations

from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

Picture: TypeAlias = npt.NDArray[np.uint8]
"""Height × width × 3, RGB."""

Mask: TypeAlias = npt.NDArray[np.float32]
"""Height × width, 0 where there is background, 1 where there is the person."""

DEFAULT_SIDE = 256
"""The side of the pictures for an engine that does not say what it wants, in pixels."""
_LEAST_SIDE = 16


class Matte(Protocol):
    """Something that tells a person from the background in one picture.

    It keeps nothing from one call to the next: the crop, time and edges are the
    work of `Cutter`, so that all engines share them.
    """

    def mask(self, picture: Picture) -> Mask:
        """Return the person's soft mask.

        Args:
            picture: Height × width × 3, uint8, RGB: a crop of the frame, squeezed
                to a square of the engine's own `side`, or else of 256 pixels.

        Returns:
            float32 in 0..1. It covers the same area as the picture, in the
            picture's size or in the engine's own.
        """
        ...


@runtime_checkable
class Sided(Protocol):
    """An engine that says which size of pictures it works on."""

    @property
    def side(self) -> int:
        """The side of its square pictures, in pixels."""
        ...


def side_of(engine: Matte) -> int:
    """Return the side of the pictures that an engine shall be given, in pixels; it is even."""
    side = engine.side if isinstance(engine, Sided) else DEFAULT_SIDE
    return max(_LEAST_SIDE, side + side % 2)
