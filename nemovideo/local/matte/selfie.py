"""MediaPipe's selfie segmentation: 256 × 256 RGB in, soft mask of people out."""

from __future__ import annotations

from pathlib import Path

from nemovideo.local.matte.litert import LiteRTModel
from nemovideo.local.models import model_path


class SelfieSegmentation(LiteRTModel):
    """The engine "fast", and the small network of "fine": a few milliseconds per picture.

    It is made for people near the camera, and finds a "person" even in a picture without one.

    Args:
        model: A `.tflite` file for the same task; by default MediaPipe's, fetched on first use.

    Raises:
        ModelUnavailableError: The model is not cached and cannot be fetched, or cannot be read.
    """

    def __init__(self, model: Path | None = None) -> None:
        super().__init__(model or model_path())
