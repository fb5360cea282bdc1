"""Models as `.onnx` files, run by onnxruntime (extra `[onnx]`)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nemovideo.errors import MissingExtraError, ModelUnavailableError
from nemovideo.local.matte.engine import Mask, Picture
from nemovideo.local.matte.tensors import Input, as_mask, unsuitable

_KINDS = {"tensor(float)": "float32", "tensor(uint8)": "uint8"}


class OnnxModel:
    """An `.onnx` file as an engine; what it must be is said in `tensors`.

    A size that the file leaves open becomes 512.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        ModelUnavailableError: It cannot be read, or is no such model.
    """

    def __init__(self, path: Path) -> None:
        try:
            import onnxruntime
        except ImportError:
            raise MissingExtraError(
                "An .onnx model needs onnxruntime",
                remedy='Install it: pip install "nemovideo[onnx]".',
            ) from None
        self._name = path.name
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what matters is raised
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime has classes of its own for this, in no one tree
            raise ModelUnavailableError(f"{path.name} cannot be loaded: {error}") from error
        entries = self._session.get_inputs()
        if len(entries) != 1:
            raise unsuitable(path.name, f"it takes {len(entries)} inputs")
        kind = _KINDS.get(entries[0].type, entries[0].type)
        self._input = Input.of(path.name, entries[0].shape, kind)
        self._entry, self._exit = entries[0].name, self._session.get_outputs()[0].name
        try:
            self.mask(np.zeros((1, 1, 3), dtype=np.uint8))  # what is wrong with it shows now
        except ModelUnavailableError:
            raise
        except Exception as error:
            raise unsuitable(path.name, str(error)) from error

    @property
    def side(self) -> int:
        """The side of its pictures, in pixels."""
        return max(self._input.height, self._input.width)

    def mask(self, picture: Picture) -> Mask:
        """Return the person's soft mask, in the model's own size."""
        values = {self._entry: self._input.tensor(picture)}
        return as_mask(self._name, np.asarray(self._session.run([self._exit], values)[0]))
