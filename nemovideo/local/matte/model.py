"""A user's model file, and the normalization of its input."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from nemovideo._support.user_folders import absolute_path
from nemovideo.errors import LocalBackendError, ModelUnavailableError
from nemovideo.local.matte.engine import Matte
from nemovideo.local.matte.model_check import check
from nemovideo.local.matte.runtime import AUTO
from nemovideo.local.matte.tensors import Normalization


class Model:
    """Your own network as an engine: `Client.local(engine=Model("x.onnx"))`.

    MODNet and Robust Video Matting are recognized by their inputs. Any other model takes one
    RGB picture and returns a mask of one channel (person) or two (background and person).

    Args:
        path: A `.tflite` or `.onnx` file.
        mean: Subtracted from the values in 0..1: one number, or three for red, green and
            blue. Default 0.
        std: The divisor of the result: one number, or three. Default 1.

    Raises:
        LocalBackendError: `mean` or `std` is not one or three numbers, or `std` has a zero.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        mean: float | Sequence[float] | None = None,
        std: float | Sequence[float] | None = None,
    ) -> None:
        self.path: Path = absolute_path(path)
        self.normalization: Normalization | None = None
        if mean is not None or std is not None:
            self.normalization = Normalization(
                _three_numbers("mean", 0.0 if mean is None else mean),
                _three_numbers("std", 1.0 if std is None else std),
            )
        if self.normalization is not None and 0 in self.normalization.std:
            raise LocalBackendError(
                "std has a zero", remedy="Pass the std that the network was trained with."
            )

    def __repr__(self) -> str:
        """Show the path."""
        return f"Model({str(self.path)!r})"

    def load(self, device: str = AUTO) -> Matte:
        """Load the network and check that it finds people.

        Args:
            device: The device for an `.onnx` file (see `runtime.open_session`).

        Raises:
            MissingExtraError: onnxruntime is not installed.
            ModelUnavailableError: The file cannot be loaded, or the network does not find the
                person in a test picture.
        """
        if not self.path.is_file():
            raise ModelUnavailableError(
                f"there is no model at {self.path}", remedy="Check the path."
            )
        engine = self._open(device)
        check(self.path.name, engine)
        return engine

    def _open(self, device: str) -> Matte:
        match self.path.suffix.lower():
            case ".tflite":
                from nemovideo.local.matte.litert import LiteRTModel

                return LiteRTModel(self.path, self.normalization)
            case ".onnx":
                from nemovideo.local.matte.onnx import load_onnx

                return load_onnx(self.path, self.normalization, device)
            case suffix:
                raise ModelUnavailableError(
                    f"{self.path.name} is not a supported model format: {suffix or 'no suffix'}",
                    remedy="Use a .tflite or .onnx file.",
                )


def _three_numbers(name: str, values: float | Sequence[float]) -> tuple[float, float, float]:
    numbers = [values] * 3 if isinstance(values, int | float) else list(values)
    if len(numbers) != 3 or not all(isinstance(number, int | float) for number in numbers):
        raise LocalBackendError(
            f"{name} is {values!r}", remedy=f"Pass {name} as one number or as three, in 0..1."
        )
    red, green, blue = numbers
    return float(red), float(green), float(blue)
