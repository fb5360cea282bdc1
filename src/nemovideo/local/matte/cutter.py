"""The masks of one clip: crop, engine, levels and smoothing, frame after frame."""

from __future__ import annotations

import numpy as np
from PIL import Image

from nemovideo.local.matte.engine import Mask, Matte, Picture
from nemovideo.local.matte.smoothing import levels, steadied
from nemovideo.local.matte.tracking import Box, is_cut, person_box


class Cutter:
    """Follow the person through the frames of a clip.

    Make one for each clip and call `mask` with its frames in order: it
    remembers where the person was.
    """

    def __init__(self, engine: Matte) -> None:
        self._engine = engine
        self._picture: Picture | None = None
        self._mask: Mask | None = None
        self._box: Box = (0, 0, 0, 0)

    def mask(self, picture: Picture) -> Mask:
        """Return the person's mask, in the picture's size.

        Args:
            picture: Height × width × 3, uint8, RGB; some hundred pixels suffice.
        """
        height, width = picture.shape[:2]
        before = self._mask
        if before is None or self._picture is None or is_cut(self._picture, picture):
            before = None
            self._box = person_box(self._look(picture, (0, 0, width, height)))
        raw = self._look(picture, self._box)
        self._box = person_box(raw)
        mask = levels(raw)
        if before is not None:
            mask = steadied(mask, before)
        self._picture, self._mask = picture, mask
        return mask

    def _look(self, picture: Picture, box: Box) -> Mask:
        """Return the engine's mask of a crop, in its place in an otherwise empty mask."""
        left, top, right, bottom = box
        seen = self._engine.mask(np.ascontiguousarray(picture[top:bottom, left:right]))
        if seen.shape != (bottom - top, right - left):
            resized = Image.fromarray(seen).resize(
                (right - left, bottom - top), Image.Resampling.BILINEAR
            )
            seen = np.asarray(resized, dtype=np.float32)
        whole = np.zeros(picture.shape[:2], dtype=np.float32)
        whole[top:bottom, left:right] = seen
        return whole
