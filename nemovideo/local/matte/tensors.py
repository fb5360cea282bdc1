"""Convert pictures to the input tensor of a network, and its output to a mask.

A supported model has one input with one RGB picture, `1 × height × width × 3` or `1 × 3 ×
height × width`, as float32 in 0..1 or uint8 in 0..255. Its first output is the mask, with one
channel (person) or two (background and person), before or after the last sigmoid or softmax.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np
import numpy.typing as npt
from PIL import Image

from nemovideo.errors import ModelUnavailableError
from nemovideo.local.matte.engine import Mask, Picture

Tensor = npt.NDArray[np.float32] | npt.NDArray[np.uint8]

_DYNAMIC_SIDE = 512
_TOLERANCE = 0.01
_MAX_LOGIT = 80
_REMEDY = (
    "Use a model that takes one RGB picture (float32 in 0..1, or uint8) and returns a mask of "
    "one or two channels, or engine='rembg', or an object with mask(picture)."
)


@attrs.frozen
class Normalization:
    """Normalize values in 0..1 by channel: (value − mean) / std."""

    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)


@attrs.frozen
class Input:
    """The input of a network: 1 × 3 × H × W if `channels_first`, else 1 × H × W × 3."""

    height: int
    width: int
    channels_first: bool
    is_uint8: bool
    normalization: Normalization = Normalization()

    @classmethod
    def of(
        cls,
        name: str,
        shape: Sequence[object],
        kind: str,
        normalization: Normalization | None = None,
    ) -> Input:
        """Parse the shape and type of an input; sizes that are not numbers are dynamic.

        Raises:
            ModelUnavailableError: It is not an RGB picture.
        """
        sizes = [size if isinstance(size, int) and size > 0 else None for size in shape]
        if len(sizes) != 4 or sizes[0] not in (1, None) or kind not in ("float32", "uint8"):
            raise unsuitable(name, f"its input is {kind} {list(shape)}")
        channels_first = sizes[1] == 3
        if not channels_first and sizes[3] != 3:
            raise unsuitable(name, f"its input is {kind} {list(shape)}")
        height, width = sizes[2:] if channels_first else sizes[1:3]
        return cls(
            height or _DYNAMIC_SIDE,
            width or _DYNAMIC_SIDE,
            channels_first,
            kind == "uint8",
            normalization or Normalization(),
        )

    def tensor(self, picture: Picture) -> Tensor:
        """Convert a picture of any size to the input tensor."""
        if picture.shape[:2] != (self.height, self.width):
            image = Image.fromarray(picture)
            size = (self.width, self.height)
            picture = np.asarray(image.resize(size, Image.Resampling.BILINEAR), dtype=np.uint8)
        if self.is_uint8:
            return np.ascontiguousarray(self._ordered(picture), dtype=np.uint8)
        values = picture.astype(np.float32)
        values -= np.array(self.normalization.mean, dtype=np.float32) * 255
        values /= np.array(self.normalization.std, dtype=np.float32) * 255
        return np.ascontiguousarray(self._ordered(values), dtype=np.float32)

    def _ordered(self, values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        return (values.transpose(2, 0, 1) if self.channels_first else values)[np.newaxis]


def as_mask(name: str, output: npt.NDArray[np.generic]) -> Mask:
    """Convert the output of a network to a mask of the same size.

    Raises:
        ModelUnavailableError: It is not a mask.
    """
    values = output.astype(np.float32)
    if output.dtype == np.uint8:
        values *= np.float32(1 / 255)
    while values.ndim > 2 and values.shape[0] == 1:
        values = values[0]
    if values.ndim == 3 and values.shape[-1] <= 2:
        values = np.moveaxis(values, -1, 0)
    if values.ndim == 3 and values.shape[0] == 1:
        values = values[0]
    activated = values.size > 0 and values.min() >= -_TOLERANCE and values.max() <= 1 + _TOLERANCE
    if values.ndim == 3 and values.shape[0] == 2:
        values = values[1] if activated else values[1] - values[0]
    if values.ndim != 2:
        raise unsuitable(name, f"its output is {list(output.shape)}")
    if not activated:
        values = 1 / (1 + np.exp(-values.clip(-_MAX_LOGIT, _MAX_LOGIT)))
    mask: Mask = values.clip(0, 1).astype(np.float32, copy=False)
    return mask


def unsuitable(name: str, reason: str) -> ModelUnavailableError:
    """Return the error for a model whose tensors are not supported."""
    return ModelUnavailableError(f"{name} cannot be used: {reason}", remedy=_REMEDY)
