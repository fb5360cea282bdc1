"""The interface of a frame for matting."""

from __future__ import annotations

from typing import Protocol

from nemovideo.local.matte.engine import Mask, Picture
from nemovideo.local.matte.tracking import Box, Size, Thumbnail


class View(Protocol):
    """A frame that can be read in parts, at reduced size."""

    @property
    def size(self) -> Size:
        """The width and height of the frame."""
        ...

    def thumbnail(self) -> Thumbnail:
        """Return the brightness of the whole frame, a few dozen pixels wide."""
        ...

    def picture(self, box: Box, size: Size) -> Picture:
        """Return a part of the frame, resized, in RGB."""
        ...

    def brightness(self, box: Box, size: Size) -> Mask:
        """Return the luma of a part of the frame, resized, 0..1."""
        ...
