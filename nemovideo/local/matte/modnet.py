"""MODNet, the large network of the engine "fine": fine hair and edges.

Ke et al., "MODNet: Real-Time Trimap-Free Portrait Matting via Objective Decomposition",
AAAI 2022. It accepts any size in multiples of 32, and works best with the original aspect ratio.
One picture takes tenths of a second.
"""

from __future__ import annotations

import math
import threading
from pathlib import Path

import numpy as np

from nemovideo.local.matte.engine import Mask, Picture
from nemovideo.local.matte.runtime import AUTO, open_session
from nemovideo.local.matte.tracking import Size
from nemovideo.local.models import MODNET, model_path

_STEP_PX = 32
_MIN_STEPS = 4
_HALF = np.float32(127.5)


class ModNet:
    """A session of MODNet. Thread-safe.

    Args:
        model: MODNet as an `.onnx` file; by default it is fetched on first use.
        device: The device (see `runtime.open_session`).

    Raises:
        MissingExtraError: onnxruntime is not installed.
        ModelUnavailableError: The model is not cached and cannot be fetched, or cannot be loaded.
    """

    def __init__(self, model: Path | None = None, *, device: str = AUTO) -> None:
        self._session = open_session(model or model_path(MODNET), device)
        self._input = self._session.get_inputs()[0].name
        self._output = self._session.get_outputs()[0].name
        self._lock = threading.Lock()

    def mask(self, picture: Picture) -> Mask:
        """Return the alpha of the person, at the size of the picture.

        Args:
            picture: Height × width × 3, RGB, of a size from `input_size`.
        """
        values = (picture.astype(np.float32) - _HALF) / _HALF
        batch = np.ascontiguousarray(values.transpose(2, 0, 1)[np.newaxis])
        with self._lock:
            (output,) = self._session.run([self._output], {self._input: batch})
        alpha: Mask = np.asarray(output, dtype=np.float32)[0, 0]
        return alpha


def input_size(size: Size, side: int) -> Size:
    """Return the input size for a crop: its aspect ratio, and about side² pixels."""
    aspect = size[0] / size[1]
    across = side * math.sqrt(aspect) / _STEP_PX
    down = side / math.sqrt(aspect) / _STEP_PX
    return (
        max(_MIN_STEPS, round(across)) * _STEP_PX,
        max(_MIN_STEPS, round(down)) * _STEP_PX,
    )
