"""Load an engine by name, from a model file, or as an object."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol, TypeAlias, TypeVar

import attrs

from nemovideo.errors import LocalBackendError
from nemovideo.local.matte.cutter import Cut, Cutter
from nemovideo.local.matte.engine import Matte
from nemovideo.local.matte.faces import FaceFinder
from nemovideo.local.matte.model import Model
from nemovideo.local.matte.rembg import DEFAULT_SESSION, RembgEngine
from nemovideo.local.matte.runtime import AUTO
from nemovideo.local.matte.selfie import SelfieSegmentation
from nemovideo.local.matte.view import View

Engine: TypeAlias = Matte | Model | str
"""An engine, a model file, or a name: "fine", "fast", "rembg" or "rembg:SESSION"."""

_FINE = "fine"
_FAST = "fast"
_REMBG = "rembg"

_log = logging.getLogger("nemovideo.local")

_View = TypeVar("_View", bound=View)


class FrameCutter(Protocol):
    """Cuts out the people in the frames of one clip."""

    @property
    def face_seen(self) -> bool:
        """Whether any face was found; always true without a face detector."""
        ...

    @property
    def finds_small_people(self) -> bool:
        """Whether it finds people as small as any built-in engine can."""
        ...

    def cut_frames(self, views: Iterable[_View]) -> Iterator[tuple[_View, Cut]]:
        """Yield every frame with its mask, in order, a few frames behind the input."""
        ...


@attrs.frozen
class LoadedEngine:
    """A loaded engine.

    Attributes:
        engine: The network; in "fine", the small one.
        faces: The face detector, for a network that segments only people.
        large: The matting network of "fine".
        sharp_side: `large` sees at most `sharp_side`² pixels; None for its default.
    """

    engine: Matte
    faces: FaceFinder | None = None
    large: Matte | None = None
    sharp_side: int | None = None

    def cutter(self, *, keep_people_behind: bool = False, fps: float = 30) -> FrameCutter:
        """Return a cutter for one clip.

        Args:
            keep_people_behind: Whether to keep people behind those in front.
            fps: Frames per second of the clip.
        """
        from nemovideo.local.matte.fine import FineCutter
        from nemovideo.local.matte.key_frames import SHARP_SIDE
        from nemovideo.local.matte.recurrent import RecurrentCutter, RecurrentModel

        if isinstance(self.engine, RecurrentModel):
            return RecurrentCutter(self.engine)
        if self.large is None:
            return Cutter(self.engine, self.faces, keep_people_behind=keep_people_behind)
        return FineCutter(
            self.engine,
            self.faces,
            self.large,
            keep_people_behind=keep_people_behind,
            fps=fps,
            sharp_side=self.sharp_side or SHARP_SIDE,
        )


class LazyMatting:
    """An engine that is loaded on first use, once for all threads."""

    def __init__(
        self, engine: Engine | None = None, model: Path | None = None, device: str = AUTO
    ) -> None:
        self._arguments = engine, model, device
        self._lock = threading.Lock()
        self._loaded: LoadedEngine | None = None

    def load(self) -> LoadedEngine:
        """Return the engine; raises the errors of `load_matting`."""
        with self._lock:
            if self._loaded is None:
                began_s = time.perf_counter()
                self._loaded = load_matting(*self._arguments)
                seconds = time.perf_counter() - began_s
                _log.info("engine %s loaded in %.1f s", engine_name(*self._arguments), seconds)
            return self._loaded


def engine_name(engine: Engine | None, model: Path | None, device: str) -> str:
    """Return the name of the engine, or of its class; with the device if one is set."""
    chosen = model.name if model is not None else engine or _FINE
    name = chosen if isinstance(chosen, str) else type(chosen).__name__
    return name if device == AUTO else f"{name} on {device}"


def load_matting(
    engine: Engine | None = None, model: Path | None = None, device: str = AUTO
) -> LoadedEngine:
    """Load an engine.

    Args:
        engine: An engine or its name; "fine" by default.
        model: A `.tflite` or `.onnx` file to use instead: shorthand for `Model(path)`.
        device: The device for `.onnx` models (see `runtime.open_session`).

    Raises:
        LocalBackendError: The engine or device is unknown, or both engine and model are given.
        MissingExtraError: The engine needs an extra that is not installed.
        ModelUnavailableError: The model cannot be fetched, or the file cannot be used.
    """
    if model is not None:
        if engine is not None:
            raise LocalBackendError(
                "engine= and model= were both given", remedy="Pass only one of them."
            )
        engine = Model(model)
    if engine is None:
        engine = _FINE
    if isinstance(engine, Model):
        return LoadedEngine(engine.load(device))
    if isinstance(engine, str):
        return _named(engine, device)
    if isinstance(engine, SelfieSegmentation):
        return LoadedEngine(engine, FaceFinder())
    return LoadedEngine(engine)


def check_engine_name(name: str) -> None:
    """Check that there is an engine of that name, without loading it.

    Raises:
        LocalBackendError: There is none.
    """
    if name not in (_FINE, _FAST) and name.partition(":")[0] != _REMBG:
        raise LocalBackendError(
            f"there is no engine {name!r}",
            remedy=f"Use {_FINE!r}, {_FAST!r}, {_REMBG!r} or a session, such as '{_REMBG}:u2netp'.",
        )


def _named(name: str, device: str) -> LoadedEngine:
    check_engine_name(name)
    if name == _FAST:
        return LoadedEngine(SelfieSegmentation(), FaceFinder())
    if name == _FINE:
        from nemovideo.local.matte.modnet import ModNet

        return LoadedEngine(SelfieSegmentation(), FaceFinder(), ModNet(device=device))
    return LoadedEngine(RembgEngine(name.partition(":")[2] or DEFAULT_SESSION))
