"""What the colors of footage are, and what is written: FFmpeg's numbers, never left open.

Players take footage without tags for BT.709 from 720 lines on, and for BT.601 below,
as Chromium does; so do we, and we say so in what we write.
"""

from __future__ import annotations

from typing import Protocol

from av.video.frame import VideoFrame

from nemovideo.local.media.containers import main_video, open_media
from nemovideo.local.media.pictures import picture_family
from nemovideo.local.media.probe import MediaItem

LIMITED_RANGE = 1
FULL_RANGE = 2
UNSPECIFIED = 2
RGB = 0
BT709 = 1
BT601_PAL = 5
BT601 = 6
BT2020 = 9
_HD_LINES = 720
_KEPT_MATRICES = (BT709, BT601_PAL, BT601)
_HDR_CURVES = {16: "smpte2084", 18: "arib-std-b67"}


class Colors(Protocol):
    """What is asked of a frame's or a stream's colors: FFmpeg's numbers."""

    @property
    def color_primaries(self) -> int:
        """The primaries."""
        ...

    @property
    def color_trc(self) -> int:
        """The transfer curve."""
        ...


def is_wide(colors: Colors) -> bool:
    """Return whether the colors go beyond BT.709: in HDR, or with the primaries of BT.2020."""
    return hdr_curve(colors) is not None or colors.color_primaries == BT2020


def hdr_curve(colors: Colors) -> str | None:
    """Return FFmpeg's name of the curve of HDR colors, PQ or HLG; None for others."""
    return _HDR_CURVES.get(colors.color_trc)


def marked(frame: VideoFrame) -> VideoFrame:
    """Return the same frame, with the matrix that players take where it has no tag."""
    if frame.colorspace == UNSPECIFIED and not frame.format.is_rgb:
        frame.colorspace = matrix_for(frame.height)
    return frame


def matrix_for(lines: int) -> int:
    """Return the matrix of footage without tags, by its height as it is stored."""
    return BT709 if lines >= _HD_LINES else BT601


def colors_of(item: MediaItem) -> tuple[int, int, int]:
    """Return the matrix, primaries and transfer curve in which a video's frames are kept.

    They are its own where it has them, and a canvas can have them; what it does not say is
    what players take.
    """
    if picture_family(item.path) is not None:
        matrix = matrix_for(item.height or 0)
        return matrix, BT709, BT709
    with open_media(item.path) as container:
        stream = main_video(container)
        if stream is None:
            return BT709, BT709, BT709
        codec = stream.codec_context
        if is_wide(codec) or codec.colorspace not in (*_KEPT_MATRICES, UNSPECIFIED, RGB):
            return BT709, BT709, BT709
        # A JPEG is in BT.601, whatever its container says.
        matrix = BT601_PAL if codec.name == "mjpeg" else codec.colorspace
        if matrix not in _KEPT_MATRICES:
            matrix = matrix_for(stream.height)
        primaries, transfer = (
            BT709 if value == UNSPECIFIED else value
            for value in (codec.color_primaries, codec.color_trc)
        )
        return matrix, primaries, transfer
