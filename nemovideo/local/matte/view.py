"""What the matting needs of a frame."""

from __future__ import annotations

from typing import Protocol

from nemovideo.local.matte.engine import Mask, Picture
from nemovideo.local.matte.tracking import Box, Size, Thumbnail


class View(Protocol):
    """A frame as the matting asks for it: parts of it, small."""

    @property
    def size(self) -> Size:
        """The frame's width and height."""
        ...

    def thumbnail(self) -> Thumbnail:
        """Return the brightness of the whole frame, some dozen pixels wide."""
        ...

    def picture(self, box: Box, size: Size) -> Picture:
        """Return a part of the frame in a size of its own, RGB."""
        ...

    def brightness(self, box: Box, size: Size) -> Mask:
        """Return the luma of a part of the frame in a size of its own, 0..1."""
        ...
