"""Models as `.onnx` files: which network a file holds, by its inputs."""

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
    """Return an `.onnx` file as an engine; what it must be is said in `tensors`.

    Args:
        path: The file. MODNet's and Robust Video Matting's inputs are recognized.
        normalization: What it is fed; if None what is known of the network, or values
            in 0..1.
        device: Where it runs.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        ModelUnavailableError: It cannot be read, or is not such a model.
    """
    session = open_session(path, device)
    try:
        if {entry.name for entry in session.get_inputs()} == _RECURRENT:
            return RecurrentModel(path.name, session)
        return OnnxModel(path.name, session, normalization)
    except ModelUnavailableError:
        raise
    except Exception as error:  # onnxruntime has classes of its own for this, in no one tree
        raise unsuitable(path.name, str(error)) from error


class OnnxModel:
    """A network with one input; a size that its file leaves open becomes 512."""

    def __init__(
        self, name: str, session: InferenceSession, normalization: Normalization | None = None
    ) -> None:
        self._name = name
        self._session = session
        entries = session.get_inputs()
        if len(entries) != 1:
            raise unsuitable(name, f"it takes {len(entries)} inputs")
        entry = entries[0]
        if normalization is None and (entry.name, list(entry.shape)) == _MODNET_INPUT:
            normalization = _MODNET
        kind = _KINDS.get(entry.type, entry.type)
        self._input = Input.of(name, entry.shape, kind, normalization)
        self._entry, self._exit = entry.name, session.get_outputs()[0].name
        self.mask(np.zeros((1, 1, 3), dtype=np.uint8))  # what is wrong with it shows now

    @property
    def side(self) -> int:
        """The side of its pictures, in pixels."""
        return max(self._input.height, self._input.width)

    def mask(self, picture: Picture) -> Mask:
        """Return the person's soft mask, in the model's own size."""
        values = {self._entry: self._input.tensor(picture)}
        return as_mask(self._name, np.asarray(self._session.run([self._exit], values)[0]))
