"""Models as `.onnx` files; known networks are recognized by their inputs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nemovideo.errors import ModelUnavailableError
from nemovideo.local.matte.engine import Mask, Matte, Picture
from nemovideo.local.matte.recurrent import RecurrentModel
from nemovideo.local.matte.runtime import AUTO, open_session
from nemovideo.local.matte.tensors import Input, Normalization, as_mask, unsuitable

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_KINDS = {"tensor(float)": "float32", "tensor(uint8)": "uint8"}
_MODNET = Normalization((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
_MODNET_INPUT = ("input", ["batch_size", 3, "height", "width"])
_RECURRENT = {"src", "r1i", "r2i", "r3i", "r4i", "downsample_ratio"}


def load_onnx(path: Path, normalization: Normalization | None = None, device: str = AUTO) -> Matte:
    """Load an `.onnx` file as an engine, with the tensors that `tensors` describes.

    Args:
        path: The file.
        normalization: Of the input; by default that of a recognized network, or none.
        device: The device (see `runtime.open_session`).

    Raises:
        MissingExtraError: onnxruntime is not installed.
        ModelUnavailableError: The file cannot be read, or its tensors are not supported.
    """
    session = open_session(path, device)
    try:
        if {entry.name for entry in session.get_inputs()} == _RECURRENT:
            return RecurrentModel(path.name, session)
        return OnnxModel(path.name, session, normalization)
    except ModelUnavailableError:
        raise
    except Exception as error:  # onnxruntime's errors have no common base
        raise unsuitable(path.name, str(error)) from error


class OnnxModel:
    """A network with one input; dynamic sizes become 512."""

    def __init__(
        self, name: str, session: InferenceSession, normalization: Normalization | None = None
    ) -> None:
        self._name = name
        self._session = session
        inputs = session.get_inputs()
        if len(inputs) != 1:
            raise unsuitable(name, f"it takes {len(inputs)} inputs")
        first = inputs[0]
        if normalization is None and (first.name, list(first.shape)) == _MODNET_INPUT:
            normalization = _MODNET
        kind = _KINDS.get(first.type, first.type)
        self._input = Input.of(name, first.shape, kind, normalization)
        self._input_name, self._output_name = first.name, session.get_outputs()[0].name
        self.mask(np.zeros((1, 1, 3), dtype=np.uint8))  # check the output

    @property
    def side(self) -> int:
        """The side of its input, in pixels."""
        return max(self._input.height, self._input.width)

    def mask(self, picture: Picture) -> Mask:
        """Return the soft mask of the person, at the model's output size."""
        values = {self._input_name: self._input.tensor(picture)}
        (output,) = self._session.run([self._output_name], values)
        return as_mask(self._name, np.asarray(output))
