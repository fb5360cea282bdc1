"""Models as `.tflite` files, run by LiteRT."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np

from nemovideo.local.matte.engine import Mask, Picture
from nemovideo.local.matte.interpreter import load_interpreter
from nemovideo.local.matte.tensors import Input, Normalization, as_mask, unsuitable


class LiteRTModel:
    """A `.tflite` file as an engine; what it must be is said in `tensors`.

    Several threads may ask it; they are answered one after the other.

    Raises:
        ModelUnavailableError: It cannot be read, or is no such model.
    """

    def __init__(self, path: Path, normalization: Normalization | None = None) -> None:
        self._name = path.name
        self._lock = threading.Lock()
        self._interpreter = load_interpreter(path)
        entries = self._interpreter.get_input_details()
        if len(entries) != 1:
            raise unsuitable(path.name, f"it takes {len(entries)} inputs")
        shape = [int(size) for size in entries[0].get("shape_signature", entries[0]["shape"])]
        kind = np.dtype(entries[0]["dtype"]).name
        self._input = Input.of(path.name, shape, kind, normalization)
        self._entry: int = entries[0]["index"]
        if min(shape) < 0:
            wanted = self._input.tensor(np.zeros((1, 1, 3), dtype=np.uint8)).shape
            self._interpreter.resize_tensor_input(self._entry, wanted)
            self._interpreter.allocate_tensors()
        self._exit: int = self._interpreter.get_output_details()[0]["index"]
        self.mask(np.zeros((1, 1, 3), dtype=np.uint8))  # what is wrong with it shows now

    @property
    def side(self) -> int:
        """The side of its pictures, in pixels."""
        return max(self._input.height, self._input.width)

    def mask(self, picture: Picture) -> Mask:
        """Return the person's soft mask, in the model's own size."""
        values = self._input.tensor(picture)
        with self._lock:
            self._interpreter.set_tensor(self._entry, values)
            self._interpreter.invoke()
            made = np.asarray(self._interpreter.get_tensor(self._exit))
        return as_mask(self._name, made)
