"""Whether a picture is transparent in places: that is then the mask, as its maker meant it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

_OPAQUE = 250  # less than this, somebody meant


def keeps_alpha(frame: VideoFrame) -> bool:
    """Return whether the frame's format has room for transparency."""
    return frame.format.name == "pal8" or any(c.is_alpha for c in frame.format.components)


def has_transparent_parts(frame: VideoFrame) -> bool:
    """Return whether some of the frame is transparent."""
    if not keeps_alpha(frame):
        return False
    alpha = frame.reformat(format="rgba").to_ndarray()[..., 3]
    return bool(alpha.min() < _OPAQUE)


def has_clear_parts(image: Image.Image) -> bool:
    """Return whether some of a picture is transparent."""
    if image.mode != "RGBA":
        return False
    lowest, _ = image.getchannel("A").getextrema()
    return not isinstance(lowest, tuple) and lowest < _OPAQUE
