"""Color spaces of footage and output, in FFmpeg's numbers.

Footage without tags is BT.709 from 720 lines, and BT.601 below, as in Chromium. The output is
always tagged.
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
    """The color properties of a frame or stream."""

    @property
    def color_primaries(self) -> int:
        """The primaries."""
        ...

    @property
    def color_trc(self) -> int:
        """The transfer curve."""
        ...


def is_wide_gamut(colors: Colors) -> bool:
    """Return whether the colors exceed BT.709: HDR, or BT.2020 primaries."""
    return hdr_curve(colors) is not None or colors.color_primaries == BT2020


def hdr_curve(colors: Colors) -> str | None:
    """Return FFmpeg's name of the HDR transfer curve, PQ or HLG; None for SDR."""
    return _HDR_CURVES.get(colors.color_trc)


def with_default_matrix(frame: VideoFrame) -> VideoFrame:
    """Tag a frame without a color matrix with the default, and return it."""
    if frame.colorspace == UNSPECIFIED and not frame.format.is_rgb:
        frame.colorspace = matrix_for(frame.height)
    return frame


def matrix_for(lines: int) -> int:
    """Return the default matrix of footage, by its stored height."""
    return BT709 if lines >= _HD_LINES else BT601


def colors_of(item: MediaItem) -> tuple[int, int, int]:
    """Return the matrix, primaries and transfer curve of a canvas for a video.

    They are the video's own, if a canvas supports them, with defaults for missing tags.
    """
    if picture_family(item.path) is not None:
        matrix = matrix_for(item.height or 0)
        return matrix, BT709, BT709
    with open_media(item.path) as container:
        stream = main_video(container)
        if stream is None:
            return BT709, BT709, BT709
        codec = stream.codec_context
        if is_wide_gamut(codec) or codec.colorspace not in (*_KEPT_MATRICES, UNSPECIFIED, RGB):
            return BT709, BT709, BT709
        # JPEG is always BT.601, even if its container says otherwise.
        matrix = BT601_PAL if codec.name == "mjpeg" else codec.colorspace
        if matrix not in _KEPT_MATRICES:
            matrix = matrix_for(stream.height)
        primaries, transfer = (
            BT709 if value == UNSPECIFIED else value
            for value in (codec.color_primaries, codec.color_trc)
        )
        return matrix, primaries, transfer
