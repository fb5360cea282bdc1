"""The picture that is being made: its size, rate and colours, and how pictures get onto it.

Everything on the canvas is 8-bit 4:2:0 in limited range, in the colour matrix
of the draft's first video, so that its pixels pass through unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import attrs
import numpy as np
from av.video.frame import VideoFrame
from PIL import Image

from nemovideo.local.media import MediaItem, main_video, open_media
from nemovideo.local.timeline import Timeline

LIMITED_RANGE = 1
FULL_RANGE = 2
_UNSPECIFIED = 2
_BT709 = 1
_BT601 = 6
_BT2020 = 9
_SWS_MATRIX = {_BT709: 1, _BT2020: 9}
_SWS_DEFAULT = 5


@attrs.frozen
class Canvas:
    """What every frame of the output has in common.

    `width` and `height` are even, `fps` is exact. `aspect` is the pixel's own
    aspect ratio. `matrix`, `primaries` and `transfer` are FFmpeg's numbers for
    the colours. `alpha` says whether frames have an alpha plane.
    """

    width: int
    height: int
    fps: Fraction
    aspect: Fraction = Fraction(1)
    matrix: int = _BT601
    primaries: int = _UNSPECIFIED
    transfer: int = _UNSPECIFIED
    alpha: bool = False

    @classmethod
    def of(cls, timeline: Timeline, media: Mapping[str, MediaItem], *, alpha: bool) -> Canvas:
        """Return the canvas for a draft: the colours are those of its first video.

        A video without colour tags keeps having none: players then show it as
        they show the original. A draft without video is tagged BT.601, which is
        also what players take where they pass over the tags.
        """
        plain = cls(
            width=timeline.width + timeline.width % 2,
            height=timeline.height + timeline.height % 2,
            # The draft holds a float; 1001 brings 30000/1001 and its like back exactly.
            fps=Fraction(timeline.fps).limit_denominator(1001),
            alpha=alpha,
        )
        first = next((clip.media for clip in timeline.clips if clip.kind == "video"), None)
        if first is None or first not in media or media[first].kind != "video":
            return plain
        with open_media(media[first].path) as container:
            stream = main_video(container)
            if stream is None:
                return plain
            codec = stream.codec_context
            frame_aspect = stream.sample_aspect_ratio or Fraction(1)
            turned = stream.width != media[first].width and stream.width == media[first].height
            return attrs.evolve(
                plain,
                aspect=1 / frame_aspect if turned else frame_aspect,
                matrix=codec.colorspace if codec.colorspace != 0 else _BT601,
                primaries=codec.color_primaries,
                transfer=codec.color_trc,
            )

    @property
    def pixel_format(self) -> str:
        """The name of the frames' format."""
        return "yuva420p" if self.alpha else "yuv420p"

    @property
    def matrix_name(self) -> str:
        """The colour matrix as the scale filter calls it."""
        return {_BT709: "bt709", _BT2020: "bt2020"}.get(self.matrix, "bt601")

    def frame(self, image: Image.Image) -> VideoFrame:
        """Return a picture as a frame in the canvas's colours; RGBA keeps its alpha."""
        rgba = image.mode == "RGBA"
        pixels = np.asarray(image if rgba else image.convert("RGB"))
        frame = VideoFrame.from_ndarray(pixels, format="rgba" if rgba else "rgb24").reformat(
            format="yuva420p" if rgba else "yuv420p",
            dst_colorspace=_SWS_MATRIX.get(self.matrix, _SWS_DEFAULT),
            dst_color_range=LIMITED_RANGE,
        )
        return self.tagged(frame)

    def tagged(self, frame: VideoFrame) -> VideoFrame:
        """Return the same frame, marked with the canvas's colours."""
        frame.colorspace = self.matrix
        frame.color_range = LIMITED_RANGE
        frame.color_primaries = self.primaries
        frame.color_trc = self.transfer
        return frame


def fit_size(width: Fraction, height: int, canvas: Canvas, *, cover: bool) -> tuple[int, int]:
    """Return the size at which a picture fits into the canvas, or covers it.

    A difference of a pixel or two (an odd size made even) is stretched away.
    """
    ratios = (canvas.width / width, Fraction(canvas.height, height))
    scale = max(ratios) if cover else min(ratios)
    wide, high = round(width * scale / 2) * 2, round(height * scale / 2) * 2
    if abs(wide - canvas.width) <= 2:
        wide = canvas.width
    if abs(high - canvas.height) <= 2:
        high = canvas.height
    return max(2, wide), max(2, high)
