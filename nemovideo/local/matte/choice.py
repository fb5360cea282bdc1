"""Which engine does the work: by its name, a model's file, or an object of the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import attrs

from nemovideo.errors import LocalBackendError, ModelUnavailableError
from nemovideo.local.matte.engine import Matte
from nemovideo.local.matte.faces import FaceFinder
from nemovideo.local.matte.litert import LiteRTModel
from nemovideo.local.matte.onnx import OnnxModel
from nemovideo.local.matte.rembg import DEFAULT_SESSION, RembgEngine
from nemovideo.local.matte.selfie import SelfieSegmentation

Engine: TypeAlias = Matte | str
"""An engine, or the name of one: "selfie", "rembg", or "rembg:" and a session of rembg."""

_SELFIE = "selfie"
_REMBG = "rembg"


@attrs.frozen
class Matting:
    """An engine, and the face finder that belongs to one that sees people only."""

    engine: Matte
    faces: FaceFinder | None = None


def load_matting(engine: Engine | None = None, model: Path | None = None) -> Matting:
    """Return an engine that is ready to work.

    Args:
        engine: An engine, or the name of one; "selfie" by default.
        model: A `.tflite` or `.onnx` file to take instead (see `tensors`).

    Raises:
        LocalBackendError: There is no engine of that name, or both are given.
        MissingExtraError: The engine needs an extra that is not installed.
        ModelUnavailableError: The model cannot be fetched, or the file cannot be used.
    """
    if model is not None:
        if engine is not None:
            raise LocalBackendError(
                "engine= and model= were both given", remedy="Give one of the two."
            )
        return Matting(_from_file(model))
    if engine is None or engine == _SELFIE:
        return Matting(SelfieSegmentation(), FaceFinder())
    if isinstance(engine, str):
        kind, _, session = engine.partition(":")
        if kind != _REMBG:
            raise LocalBackendError(
                f"there is no engine {engine!r}",
                remedy=f"There are {_SELFIE!r}, {_REMBG!r} and such as '{_REMBG}:u2netp'.",
            )
        return Matting(RembgEngine(session or DEFAULT_SESSION))
    if isinstance(engine, SelfieSegmentation):
        return Matting(engine, FaceFinder())
    return Matting(engine)


def _from_file(path: Path) -> Matte:
    if not path.is_file():
        raise ModelUnavailableError(f"there is no model at {path}")
    match path.suffix.lower():
        case ".tflite":
            return LiteRTModel(path)
        case ".onnx":
            return OnnxModel(path)
        case suffix:
            raise ModelUnavailableError(
                f"{path.name} cannot be used: {suffix or 'no suffix'} is no format of models here",
                remedy="Give a .tflite or an .onnx file.",
            )
