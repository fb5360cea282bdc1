"""Where faces are: MediaPipe's full-range face detector, run by LiteRT.

The segmentation model cannot say "nobody", and in a wide shot it may overlook
a person. A face tells both that somebody is there, and where to look.
"""

from __future__ import annotations

import threading

import numpy as np
import numpy.typing as npt
from PIL import Image

from nemovideo.local.matte.engine import Picture
from nemovideo.local.matte.interpreter import load_interpreter
from nemovideo.local.matte.tracking import Box, Size, shared
from nemovideo.local.models import model_path

_MODEL = "face_detection_full_range_sparse.tflite"
_LIKELY = 0.6
_MAX_LOGIT = 80
_SAME_FACE = 0.3


class FaceFinder:
    """Finds faces up to some meters away.

    Several threads may ask it; they are answered one after the other.

    Raises:
        ModelUnavailableError: The model is not here and cannot be fetched.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._interpreter = load_interpreter(model_path(_MODEL))
        entry = self._interpreter.get_input_details()[0]
        self._input: int = entry["index"]
        self.side: int = int(entry["shape"][1])
        outputs = self._interpreter.get_output_details()
        self._scores: int = next(o["index"] for o in outputs if o["shape"][-1] == 1)
        self._places: int = next(o["index"] for o in outputs if o["shape"][-1] != 1)

    def find(self, picture: Picture, size: Size) -> list[Box]:
        """Return the faces in a frame, the surest first.

        Args:
            picture: All of the frame, squeezed to a square of `side` pixels.
            size: The frame's own size, in whose pixels the boxes are.
        """
        longest = max(size)
        shown = (round(self.side * size[0] / longest), round(self.side * size[1] / longest))
        left, top = (self.side - shown[0]) // 2, (self.side - shown[1]) // 2
        square = Image.new("RGB", (self.side, self.side))
        square.paste(Image.fromarray(picture).resize(shown, Image.Resampling.BILINEAR), (left, top))
        scores, places = self._run(square)
        scale = longest / self.side
        found: list[Box] = []
        for index in np.argsort(-scores):
            if scores[index] < _LIKELY:
                break
            x, y, wide, high = places[index]
            box = (
                round((x - wide / 2 - left) * scale),
                round((y - high / 2 - top) * scale),
                round((x + wide / 2 - left) * scale),
                round((y + high / 2 - top) * scale),
            )
            if all(shared(box, other) < _SAME_FACE for other in found):
                found.append(box)
        return found

    def _run(self, square: Image.Image) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return each anchor's probability, and its face's center and size in the square."""
        values = np.asarray(square, dtype=np.float32)[np.newaxis] / 127.5 - 1
        with self._lock:
            self._interpreter.set_tensor(self._input, values)
            self._interpreter.invoke()
            logits = np.asarray(self._interpreter.get_tensor(self._scores))[0, :, 0].copy()
            places = np.asarray(self._interpreter.get_tensor(self._places))[0, :, :4].copy()
        cells = round(len(logits) ** 0.5)  # one anchor in the middle of each cell of a grid
        rows, columns = np.divmod(np.arange(len(logits)), cells)
        places[:, 0] += (columns + 0.5) * self.side / cells
        places[:, 1] += (rows + 0.5) * self.side / cells
        return 1 / (1 + np.exp(-logits.clip(-_MAX_LOGIT, _MAX_LOGIT))), places
