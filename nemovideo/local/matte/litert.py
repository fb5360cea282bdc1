"""Models as `.tflite` files, run by LiteRT."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from nemovideo.errors import ModelUnavailableError
from nemovideo.local.matte.engine import Mask, Picture
from nemovideo.local.matte.tensors import Input, Normalization, as_mask, unsuitable

_STDERR = 2
_stderr_lock = threading.Lock()


class LiteRTModel:
    """A `.tflite` file as an engine, with the tensors that `tensors` describes. Thread-safe.

    Raises:
        ModelUnavailableError: The file cannot be read, or its tensors are not supported.
    """

    def __init__(self, path: Path, normalization: Normalization | None = None) -> None:
        self._name = path.name
        self._lock = threading.Lock()
        self._interpreter = load_interpreter(path)
        inputs = self._interpreter.get_input_details()
        if len(inputs) != 1:
            raise unsuitable(path.name, f"it takes {len(inputs)} inputs")
        shape = [int(size) for size in inputs[0].get("shape_signature", inputs[0]["shape"])]
        kind = np.dtype(inputs[0]["dtype"]).name
        self._input = Input.of(path.name, shape, kind, normalization)
        self._input_index: int = inputs[0]["index"]
        if min(shape) < 0:
            wanted = self._input.tensor(np.zeros((1, 1, 3), dtype=np.uint8)).shape
            self._interpreter.resize_tensor_input(self._input_index, wanted)
            self._interpreter.allocate_tensors()
        self._output_index: int = self._interpreter.get_output_details()[0]["index"]
        self.mask(np.zeros((1, 1, 3), dtype=np.uint8))  # check the output

    @property
    def side(self) -> int:
        """The side of its input, in pixels."""
        return max(self._input.height, self._input.width)

    def mask(self, picture: Picture) -> Mask:
        """Return the soft mask of the person, at the model's output size."""
        values = self._input.tensor(picture)
        with self._lock:
            self._interpreter.set_tensor(self._input_index, values)
            self._interpreter.invoke()
            output = np.asarray(self._interpreter.get_tensor(self._output_index))
        return as_mask(self._name, output)


def load_interpreter(path: Path) -> Interpreter:
    """Load a model; it runs on one thread, since the encoder needs the others.

    Raises:
        ModelUnavailableError: The file cannot be read as a model.
    """
    try:
        with _native_stderr_discarded():
            interpreter = Interpreter(model_path=str(path), num_threads=1)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError, OSError) as error:
        raise ModelUnavailableError(
            f"{path.name} cannot be loaded: {error}",
            remedy="Check that the file is complete, and that the installed LiteRT supports it.",
        ) from error
    return interpreter


@contextmanager
def _native_stderr_discarded() -> Iterator[None]:
    """Discard the line that LiteRT writes to stderr on load; it has no option for that.

    Output of other threads to stderr in these milliseconds is lost too.
    """
    with _stderr_lock:
        with suppress(OSError, ValueError, AttributeError):
            sys.stderr.flush()
        try:
            saved = os.dup(_STDERR)
        except OSError:  # no stderr, as under pythonw
            yield
            return
        try:
            with Path(os.devnull).open("wb") as null:
                os.dup2(null.fileno(), _STDERR)
            yield
        finally:
            os.dup2(saved, _STDERR)
            os.close(saved)
