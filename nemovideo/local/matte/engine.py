"""The protocol of matting engines."""

from __future__ import annotations

from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

Picture: TypeAlias = npt.NDArray[np.uint8]
"""Height × width × 3, RGB."""

Mask: TypeAlias = npt.NDArray[np.float32]
"""Height × width, from 0 (background) to 1 (person)."""

DEFAULT_SIDE = 256
"""The input side for an engine without `side`, in pixels."""
_MIN_SIDE = 16


class Matte(Protocol):
    """Segments the person in one picture.

    It is stateless: `Cutter` handles crops, time and edges for all engines.
    """

    def mask(self, picture: Picture) -> Mask:
        """Return the soft mask of the person.

        Args:
            picture: Height × width × 3, uint8, RGB: a crop of the frame, squeezed to a
                square of the engine's `side`, by default 256 pixels.

        Returns:
            float32 in 0..1, covering the picture, of any size.
        """
        ...


@runtime_checkable
class HasSide(Protocol):
    """An engine with its own input size."""

    @property
    def side(self) -> int:
        """The side of its square input, in pixels."""
        ...


def side_of(engine: Matte) -> int:
    """Return the input side of an engine in pixels, rounded up to even."""
    side = engine.side if isinstance(engine, HasSide) else DEFAULT_SIDE
    return max(_MIN_SIDE, side + side % 2)
