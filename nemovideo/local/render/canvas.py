"""The picture that is being made: its size, rate and colours, and how pictures get onto it.

Everything on the canvas is 8-bit 4:2:0 in limited range, in the colour matrix
of the draft's first video, so that its pixels pass through unchanged.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Protocol

import attrs
import numpy as np
from av.video.frame import VideoFrame
from PIL import Image

from nemovideo.local.media.containers import main_video, open_media, pixel_aspect
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.timeline import Timeline

LIMITED_RANGE = 1
FULL_RANGE = 2
_UNSPECIFIED = 2
_RGB = 0
_BT709 = 1
_BT601 = 6
_BT2020 = 9
_KEPT_MATRICES = (_RGB, _BT709, _UNSPECIFIED, 5, _BT601)
_SWS_BT709 = 1
_SWS_DEFAULT = 5
_HDR_CURVES = {16: "smpte2084", 18: "arib-std-b67"}


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
    def of(
        cls,
        timeline: Timeline,
        media: Mapping[str, MediaItem],
        *,
        alpha: bool,
        square_pixels: bool = False,
        max_side: int | None = None,
        max_fps: int | None = None,
    ) -> Canvas:
        """Return the canvas for a draft: the colours are those of its first video.

        A video without colour tags keeps having none: players then show it as
        they show the original. HDR, wide colours and rare matrices become BT.709.
        A draft without video is tagged BT.601, which is also what players take
        where they pass over the tags.

        With `square_pixels` the picture is as wide as it is shown, with `max_side`
        no larger, and with `max_fps` every second, third, … frame is left.
        """
        canvas = cls._plain(timeline, media, alpha=alpha)
        width, height, fps = Fraction(canvas.width), Fraction(canvas.height), canvas.fps
        if square_pixels:
            width *= canvas.aspect
            canvas = attrs.evolve(canvas, aspect=Fraction(1))
        if max_side is not None and max(width, height) > max_side:
            scale = max_side / max(width, height)
            width, height = width * scale, height * scale
        if max_fps is not None and fps > max_fps:
            fps /= math.ceil(fps / max_fps)
        return attrs.evolve(canvas, width=_even(width), height=_even(height), fps=fps)

    @classmethod
    def _plain(cls, timeline: Timeline, media: Mapping[str, MediaItem], *, alpha: bool) -> Canvas:
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
            turned = stream.width != media[first].width and stream.width == media[first].height
            aspect = pixel_aspect(stream)
            if not timeline.shaped:
                plain = attrs.evolve(plain, aspect=1 / aspect if turned else aspect)
            if is_wide(codec) or codec.colorspace not in _KEPT_MATRICES:
                return attrs.evolve(plain, matrix=_BT709, primaries=_BT709, transfer=_BT709)
            return attrs.evolve(
                plain,
                matrix=codec.colorspace if codec.colorspace != _RGB else _BT601,
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
        return "bt709" if self.matrix == _BT709 else "bt601"

    @property
    def shown_size(self) -> tuple[int, int]:
        """The size in square pixels: what is drawn is drawn in it, then `squeezed`."""
        return max(2, round(self.width * self.aspect)), self.height

    def squeezed(self, image: Image.Image) -> Image.Image:
        """Return a picture in square pixels as the canvas's own pixels show it."""
        if self.aspect == 1:
            return image
        whole = image.size == self.shown_size
        width = self.width if whole else max(1, round(image.width / self.aspect))
        return image.resize((width, image.height), Image.Resampling.LANCZOS)

    def frame(self, image: Image.Image) -> VideoFrame:
        """Return a picture as a frame in the canvas's colours; RGBA keeps its alpha."""
        rgba = image.mode == "RGBA"
        pixels = np.asarray(image if rgba else image.convert("RGB"))
        frame = VideoFrame.from_ndarray(pixels, format="rgba" if rgba else "rgb24").reformat(
            format="yuva420p" if rgba else "yuv420p",
            dst_colorspace=_SWS_BT709 if self.matrix == _BT709 else _SWS_DEFAULT,
            dst_color_range=LIMITED_RANGE,
        )
        return self.tagged(frame)

    def as_rgb(self, frame: VideoFrame, pixels: str) -> VideoFrame:
        """Return a frame of the canvas in the colours of screens: "rgb24", "rgba" or "bgra"."""
        made = frame.reformat(
            format=pixels,
            src_colorspace=_SWS_BT709 if self.matrix == _BT709 else _SWS_DEFAULT,
            src_color_range=LIMITED_RANGE,
            dst_color_range=FULL_RANGE,
        )
        made.color_primaries = made.color_trc = _UNSPECIFIED
        return made

    def image(self, frame: VideoFrame) -> Image.Image:
        """Return a frame of the canvas as a picture, RGBA where the canvas has alpha."""
        pixels = "rgba" if self.alpha else "rgb24"
        return Image.fromarray(self.as_rgb(frame, pixels).to_ndarray().astype(np.uint8, copy=False))

    def tagged(self, frame: VideoFrame) -> VideoFrame:
        """Return the same frame, marked with the canvas's colours."""
        frame.colorspace = self.matrix
        frame.color_range = LIMITED_RANGE
        frame.color_primaries = self.primaries
        frame.color_trc = self.transfer
        return frame


def _even(size: Fraction) -> int:
    return max(2, round(size / 2) * 2)


class Colors(Protocol):
    """What is asked of a frame's or a stream's colours: FFmpeg's numbers."""

    @property
    def color_primaries(self) -> int:
        """The primaries."""
        ...

    @property
    def color_trc(self) -> int:
        """The transfer curve."""
        ...


def is_wide(colors: Colors) -> bool:
    """Say whether the colours go beyond BT.709: in HDR, or with the primaries of BT.2020."""
    return hdr_curve(colors) is not None or colors.color_primaries == _BT2020


def hdr_curve(colors: Colors) -> str | None:
    """Return FFmpeg's name of the curve of HDR colours, PQ or HLG; None for others."""
    return _HDR_CURVES.get(colors.color_trc)


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
