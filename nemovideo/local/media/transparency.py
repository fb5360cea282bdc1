"""Detection of transparency, which serves as the mask of a clip."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_ALPHA_CHANNEL_INFO = b"\x4e\x01\xa5"  # a prefix SEI of type 165 (ITU-T H.265, F.14.2.8)
_OPAQUE = 250  # tolerates compression errors


def has_alpha_channel(frame: VideoFrame) -> bool:
    """Return whether the frame's pixel format has alpha."""
    return frame.format.name == "pal8" or any(c.is_alpha for c in frame.format.components)


def frame_has_transparency(frame: VideoFrame) -> bool:
    """Return whether any pixel of the frame is transparent."""
    if not has_alpha_channel(frame):
        return False
    alpha = frame.reformat(format="rgba").to_ndarray()[..., 3]
    return bool(alpha.min() < _OPAQUE)


def has_unread_alpha(stream: VideoStream) -> bool:
    """Return whether an HEVC stream has its alpha in a second layer.

    FFmpeg 8.1 decodes that layer only if the caller chooses the pixel format, which PyAV does
    not support.
    """
    context = stream.codec_context
    return context.name == "hevc" and _ALPHA_CHANNEL_INFO in (context.extradata or b"")


def image_has_transparency(image: Image.Image) -> bool:
    """Return whether any pixel of a picture is transparent."""
    if image.mode != "RGBA":
        return False
    lowest, _ = image.getchannel("A").getextrema()
    return not isinstance(lowest, tuple) and lowest < _OPAQUE
