"""Face detection: MediaPipe's full-range model, run by LiteRT.

The segmentation model finds a "person" even in a picture without one, and may miss people in a wide
shot. A face confirms that there is a person, and where.
"""

from __future__ import annotations

import threading

import numpy as np
import numpy.typing as npt
from PIL import Image

from nemovideo.local.matte.engine import Picture
from nemovideo.local.matte.litert import load_interpreter
from nemovideo.local.matte.tracking import Box, Size, overlap_share
from nemovideo.local.models import model_path

_MODEL = "face_detection_full_range_sparse.tflite"
_MIN_SCORE = 0.6
_MAX_LOGIT = 80
_MAX_FACE_OVERLAP = 0.3


class FaceFinder:
    """Detect faces up to a few meters away. Thread-safe.

    Raises:
        ModelUnavailableError: The model is not cached and cannot be fetched.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._interpreter = load_interpreter(model_path(_MODEL))
        entry = self._interpreter.get_input_details()[0]
        self._input: int = entry["index"]
        self.side: int = int(entry["shape"][1])
        outputs = self._interpreter.get_output_details()
        self._scores: int = next(o["index"] for o in outputs if o["shape"][-1] == 1)
        self._boxes: int = next(o["index"] for o in outputs if o["shape"][-1] != 1)

    def find(self, picture: Picture, size: Size) -> list[Box]:
        """Return the boxes of faces in frame pixels, the most confident first.

        Args:
            picture: The whole frame, squeezed to a square of `side` pixels.
            size: The frame size.
        """
        longest = max(size)
        shown = (round(self.side * size[0] / longest), round(self.side * size[1] / longest))
        left, top = (self.side - shown[0]) // 2, (self.side - shown[1]) // 2
        square = Image.new("RGB", (self.side, self.side))
        square.paste(Image.fromarray(picture).resize(shown, Image.Resampling.BILINEAR), (left, top))
        scores, boxes = self._run(square)
        scale = longest / self.side
        found: list[Box] = []
        for index in np.argsort(-scores):
            if scores[index] < _MIN_SCORE:
                break
            x, y, width, height = boxes[index]
            box = (
                round((x - width / 2 - left) * scale),
                round((y - height / 2 - top) * scale),
                round((x + width / 2 - left) * scale),
                round((y + height / 2 - top) * scale),
            )
            if all(overlap_share(box, other) < _MAX_FACE_OVERLAP for other in found):
                found.append(box)
        return found

    def _run(self, square: Image.Image) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return each anchor's score, and the center and size of its face in the square."""
        values = np.asarray(square, dtype=np.float32)[np.newaxis] / 127.5 - 1
        with self._lock:
            self._interpreter.set_tensor(self._input, values)
            self._interpreter.invoke()
            logits = np.asarray(self._interpreter.get_tensor(self._scores))[0, :, 0].copy()
            boxes = np.asarray(self._interpreter.get_tensor(self._boxes))[0, :, :4].copy()
        cells = round(len(logits) ** 0.5)  # one anchor at the center of each cell
        rows, columns = np.divmod(np.arange(len(logits)), cells)
        boxes[:, 0] += (columns + 0.5) * self.side / cells
        boxes[:, 1] += (rows + 0.5) * self.side / cells
        return 1 / (1 + np.exp(-logits.clip(-_MAX_LOGIT, _MAX_LOGIT))), boxes
