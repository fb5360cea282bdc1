"""Robust Video Matting as an `.onnx` file: a recurrent network.

Lin et al., "Robust High-Resolution Video Matting with Temporal Guidance", WACV 2022. Its
inputs are a picture, four states and a downsampling ratio: people are found at reduced size
and refined at full size.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

from nemovideo.local.matte.cutter import Cut
from nemovideo.local.matte.engine import Mask, Picture
from nemovideo.local.matte.tensors import as_mask
from nemovideo.local.matte.tracking import Size, Thumbnail, is_scene_change, share, whole
from nemovideo.local.matte.view import View

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_MAX_SIDE_PX = 1280
_SMALL_PX = 512
_STATES = 4
_MIN_SHARE = 0.0005

_View = TypeVar("_View", bound=View)


class RecurrentModel:
    """Robust Video Matting; `RecurrentCutter` runs it on the frames of a clip in order."""

    side = _SMALL_PX

    def __init__(self, name: str, session: InferenceSession) -> None:
        self._name = name
        self._session = session
        kinds = {entry.name: entry.type for entry in session.get_inputs()}
        self._dtype = np.float16 if kinds["src"] == "tensor(float16)" else np.float32
        self._outputs = ["pha", *(f"r{n}o" for n in range(1, _STATES + 1))]
        self._lock = threading.Lock()
        self.mask(np.zeros((self.side, self.side, 3), dtype=np.uint8))

    def mask(self, picture: Picture) -> Mask:
        """Return the alpha of a single picture, at the same size."""
        return RecurrentState(self).mask(picture)

    def run(
        self, picture: Picture, states: list[npt.NDArray[np.generic]]
    ) -> tuple[Mask, list[npt.NDArray[np.generic]]]:
        """Return the alpha of a picture, and the states for the next.

        Args:
            picture: Height × width × 3, RGB.
            states: Those of the previous picture; empty for the first.
        """
        source = picture.transpose(2, 0, 1)[np.newaxis].astype(np.float32) / np.float32(255)
        empty = np.zeros((1, 1, 1, 1), dtype=self._dtype)
        ratio = min(1.0, _SMALL_PX / max(picture.shape[:2]))
        inputs = {
            "src": source.astype(self._dtype),
            "downsample_ratio": np.array([ratio], dtype=np.float32),
            **{f"r{n}i": state for n, state in enumerate(states or [empty] * _STATES, 1)},
        }
        with self._lock:
            alpha, *after = self._session.run(self._outputs, inputs)
        return as_mask(self._name, np.asarray(alpha)), [np.asarray(state) for state in after]


class RecurrentState:
    """The state of the network within one shot."""

    def __init__(self, model: RecurrentModel) -> None:
        self._model = model
        self._states: list[npt.NDArray[np.generic]] = []

    def mask(self, picture: Picture) -> Mask:
        """Return the alpha of the next picture, at the same size."""
        alpha, self._states = self._model.run(picture, self._states)
        return alpha


class RecurrentCutter:
    """Cut out the people in the frames of one clip: the network sees every whole frame."""

    face_seen = True
    finds_small_people = True

    def __init__(self, model: RecurrentModel) -> None:
        self._model = model

    def cut_frames(self, views: Iterable[_View]) -> Iterator[tuple[_View, Cut]]:
        """Yield every view with its cut, in order; the state is reset at a new shot."""
        state = RecurrentState(self._model)
        last: tuple[_View, Cut] | None = None
        thumbnail: Thumbnail | None = None
        for view in views:
            if last is None or view is not last[0]:
                before, thumbnail = thumbnail, view.thumbnail()
                if before is not None and is_scene_change(before, thumbnail):
                    state = RecurrentState(self._model)
                alpha = state.mask(view.picture(whole(view.size), _input_size(view.size)))
                last = view, Cut(whole(view.size), alpha, no_person=share(alpha > 0.5) < _MIN_SHARE)
            yield last


def _input_size(size: Size) -> Size:
    """Return the input size for a frame."""
    scale = min(1.0, _MAX_SIDE_PX / max(size))
    return max(2, round(size[0] * scale)), max(2, round(size[1] * scale))
