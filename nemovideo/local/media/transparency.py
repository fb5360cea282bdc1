"""Whether a picture is transparent in places: that is then the mask, as its maker meant it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_ALPHA_CHANNEL_INFO = b"\x4e\x01\xa5"  # a prefix SEI, of type 165 (ITU-T H.265, F.14.2.8)
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


def has_unread_alpha(stream: VideoStream) -> bool:
    """Return whether an HEVC stream says that a second layer is its alpha.

    FFmpeg 8.1 can decode that layer, but only for callers that choose the pixel format, which
    PyAV does not let them do.
    """
    context = stream.codec_context
    return context.name == "hevc" and _ALPHA_CHANNEL_INFO in (context.extradata or b"")


def has_clear_parts(image: Image.Image) -> bool:
    """Return whether some of a picture is transparent."""
    if image.mode != "RGBA":
        return False
    lowest, _ = image.getchannel("A").getextrema()
    return not isinstance(lowest, tuple) and lowest < _OPAQUE
