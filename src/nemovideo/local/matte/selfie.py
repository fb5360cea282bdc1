"""MediaPipe's selfie segmentation, run by LiteRT: 256 × 256 RGB in, soft mask out."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from nemovideo.errors import ModelUnavailableError
from nemovideo.local.matte.engine import Mask, Picture
from nemovideo.local.models import model_path

_MAX_THREADS = 4


class SelfieSegmentation:
    """The default engine: people near the camera, some milliseconds a picture.

    Args:
        model: A `.tflite` file of the same form, instead of MediaPipe's, which
            is fetched on first use.

    Raises:
        ModelUnavailableError: The model is not here and cannot be fetched, or
            the file given cannot be read as one.
    """

    def __init__(self, model: Path | None = None) -> None:
        path = model or model_path()
        threads = min(os.cpu_count() or 1, _MAX_THREADS)
        try:
            self._interpreter = Interpreter(model_path=str(path), num_threads=threads)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError, OSError) as error:
            raise ModelUnavailableError(f"{path.name} cannot be loaded: {error}") from error
        entry = self._interpreter.get_input_details()[0]
        self._input: int = entry["index"]
        self._output: int = self._interpreter.get_output_details()[0]["index"]
        self._height, self._width = (int(size) for size in entry["shape"][1:3])

    def mask(self, picture: Picture) -> Mask:
        """Return the person's soft mask in the model's own size (256 × 256)."""
        image = Image.fromarray(picture)
        if image.size != (self._width, self._height):
            image = image.resize((self._width, self._height), Image.Resampling.BILINEAR)
        values = np.asarray(image, dtype=np.float32)[np.newaxis] / 255
        self._interpreter.set_tensor(self._input, values)
        self._interpreter.invoke()
        made = np.asarray(self._interpreter.get_tensor(self._output), dtype=np.float32)
        return made[0, :, :, 0].clip(0, 1)
