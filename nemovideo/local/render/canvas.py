"""The output canvas: size, frame rate and colors, and conversion of pictures to it.

It is 8-bit 4:2:0 in limited range, in the color matrix of the draft's first video, so that the
pixels of that video are not converted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction

import attrs
import numpy as np
from av.video.frame import VideoFrame
from PIL import Image

from nemovideo.local.media.probe import MediaItem
from nemovideo.local.render.colors import (
    BT709,
    FULL_RANGE,
    LIMITED_RANGE,
    UNSPECIFIED,
    colors_of,
    matrix_for,
)
from nemovideo.local.timeline import Timeline

_SWS_BT709 = 1
_SWS_DEFAULT = 5


@attrs.frozen
class Canvas:
    """The common properties of all output frames.

    `width` and `height` are even, except for frames that a user writes. `fps` is exact, `aspect` is
    the pixel aspect ratio. `matrix`, `primaries` and `transfer` are FFmpeg's numbers. `alpha` is
    whether frames have an alpha plane.
    """

    width: int
    height: int
    fps: Fraction
    aspect: Fraction = Fraction(1)
    matrix: int = BT709
    primaries: int = BT709
    transfer: int = BT709
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
        """Return the canvas for a draft, with the colors of its first video.

        HDR, wide gamuts and rare matrices become BT.709. Without tags, or without a video, the
        default for the size is used.

        Args:
            timeline: The draft.
            media: The uploaded files.
            alpha: Whether frames have an alpha plane.
            square_pixels: Whether to resample to a pixel aspect ratio of 1.
            max_side: The maximum width and height.
            max_fps: The maximum rate; a higher one is divided by an integer.
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
            # The draft holds a float; this restores 30000/1001 exactly.
            fps=Fraction(timeline.fps).limit_denominator(1001),
            alpha=alpha,
        )
        first = next((clip.media for clip in timeline.clips if clip.kind == "video"), None)
        item = None if first is None else media.get(first)
        if item is None or item.kind != "video":
            return attrs.evolve(plain, matrix=matrix_for(plain.height))
        if not timeline.has_custom_size:
            plain = attrs.evolve(plain, aspect=Fraction(item.aspect).limit_denominator(1000))
        matrix, primaries, transfer = colors_of(item)
        return attrs.evolve(plain, matrix=matrix, primaries=primaries, transfer=transfer)

    @property
    def pixel_format(self) -> str:
        """The pixel format of the frames."""
        return "yuva420p" if self.alpha else "yuv420p"

    @property
    def matrix_name(self) -> str:
        """The color matrix's name in the scale filter."""
        return "bt709" if self.matrix == BT709 else "bt601"

    @property
    def shown_size(self) -> tuple[int, int]:
        """The size in square pixels: pictures are drawn at this size, and then `squeezed`."""
        return max(2, round(self.width * self.aspect)), self.height

    def squeezed(self, image: Image.Image) -> Image.Image:
        """Resample a picture from square pixels to those of the canvas."""
        if self.aspect == 1:
            return image
        whole = image.size == self.shown_size
        width = self.width if whole else max(1, round(image.width / self.aspect))
        return image.resize((width, image.height), Image.Resampling.LANCZOS)

    def frame(self, image: Image.Image) -> VideoFrame:
        """Convert a picture to a frame in the canvas's colors; RGBA keeps its alpha."""
        rgba = image.mode == "RGBA"
        pixels = np.asarray(image if rgba else image.convert("RGB"))
        frame = VideoFrame.from_ndarray(pixels, format="rgba" if rgba else "rgb24").reformat(
            format="yuva420p" if rgba else "yuv420p",
            dst_colorspace=_SWS_BT709 if self.matrix == BT709 else _SWS_DEFAULT,
            dst_color_range=LIMITED_RANGE,
        )
        return self.tagged(frame)

    def as_rgb(self, frame: VideoFrame, pixels: str) -> VideoFrame:
        """Convert a frame of the canvas to "rgb24", "rgba" or "bgra"."""
        converted = frame.reformat(
            format=pixels,
            src_colorspace=_SWS_BT709 if self.matrix == BT709 else _SWS_DEFAULT,
            src_color_range=LIMITED_RANGE,
            dst_color_range=FULL_RANGE,
        )
        converted.color_primaries = converted.color_trc = UNSPECIFIED
        return converted

    def image(self, frame: VideoFrame) -> Image.Image:
        """Convert a frame of the canvas to a picture: RGB, or RGBA if the canvas has alpha."""
        pixels = "rgba" if self.alpha else "rgb24"
        return Image.fromarray(self.as_rgb(frame, pixels).to_ndarray().astype(np.uint8, copy=False))

    def tagged(self, frame: VideoFrame) -> VideoFrame:
        """Tag a frame with the canvas's colors, and return it."""
        frame.colorspace = self.matrix
        frame.color_range = LIMITED_RANGE
        frame.color_primaries = self.primaries
        frame.color_trc = self.transfer
        return frame


def _even(size: Fraction) -> int:
    return max(2, round(size / 2) * 2)


def fit_size(width: Fraction, height: int, canvas: Canvas, *, cover: bool) -> tuple[int, int]:
    """Return the size at which a picture fits into the canvas, or covers it.

    Differences of up to two pixels, from rounding odd sizes, are removed by stretching.
    """
    ratios = (canvas.width / width, Fraction(canvas.height, height))
    scale = max(ratios) if cover else min(ratios)
    scaled_width, scaled_height = round(width * scale / 2) * 2, round(height * scale / 2) * 2
    if abs(scaled_width - canvas.width) <= 2:
        scaled_width = canvas.width
    if abs(scaled_height - canvas.height) <= 2:
        scaled_height = canvas.height
    return max(2, scaled_width), max(2, scaled_height)
