"""MediaPipe's selfie segmentation: 256 × 256 RGB in, soft mask of people out."""

from __future__ import annotations

from pathlib import Path

from nemovideo.local.matte.litert import LiteRTModel
from nemovideo.local.models import model_path


class SelfieSegmentation(LiteRTModel):
    """The default engine: people near the camera, some milliseconds a picture.

    It sees people only, and cannot say that there is none.

    Args:
        model: A `.tflite` file trained for the same, instead of MediaPipe's,
            which is fetched on first use.

    Raises:
        ModelUnavailableError: The model is not here and cannot be fetched, or
            the file given cannot be read as one.
    """

    def __init__(self, model: Path | None = None) -> None:
        super().__init__(model or model_path())
