"""MODNet: a portrait matting network that sees hair and edges, some tenths of a second a picture.

Ke et al., "MODNet: Real-Time Trimap-Free Portrait Matting via Objective
Decomposition", AAAI 2022. It takes pictures of any shape whose sides are multiples
of 32, and does best on those that keep the aspect of what they show.
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
_FEWEST_STEPS = 4
_HALF = np.float32(127.5)


class Portrait:
    """The strong network of the engine "fine".

    Several threads may ask it; they are answered one after the other.

    Args:
        model: MODNet as an `.onnx` file; fetched on first use if None.
        device: Where it runs (see `runtime.open_session`).

    Raises:
        MissingExtraError: onnxruntime is not installed.
        ModelUnavailableError: The model is not here and cannot be fetched, or cannot be loaded.
    """

    def __init__(self, model: Path | None = None, *, device: str = AUTO) -> None:
        self._session = open_session(model or model_path(MODNET), device)
        self._entry = self._session.get_inputs()[0].name
        self._exit = self._session.get_outputs()[0].name
        self._lock = threading.Lock()

    def mask(self, picture: Picture) -> Mask:
        """Return the person's alpha, in the picture's size.

        Args:
            picture: Height × width × 3, RGB, in a size that `fitting` gave.
        """
        values = (picture.astype(np.float32) - _HALF) / _HALF
        batch = np.ascontiguousarray(values.transpose(2, 0, 1)[np.newaxis])
        with self._lock:
            (made,) = self._session.run([self._exit], {self._entry: batch})
        alpha: Mask = np.asarray(made, dtype=np.float32)[0, 0]
        return alpha


def fitting(size: Size, side: int) -> Size:
    """Return the picture size for a part of the frame: its aspect, and about side² pixels."""
    aspect = size[0] / size[1]
    across = side * math.sqrt(aspect) / _STEP_PX
    down = side / math.sqrt(aspect) / _STEP_PX
    return (
        max(_FEWEST_STEPS, round(across)) * _STEP_PX,
        max(_FEWEST_STEPS, round(down)) * _STEP_PX,
    )
