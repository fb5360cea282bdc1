"""`Matting`: the frames of a video with their alpha, as arrays."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import av.error
import numpy as np
import numpy.typing as npt
from PIL import Image

from nemovideo._support.disk import replacing
from nemovideo._support.outputs import QUALITIES, check_quality, format_for
from nemovideo.errors import InvalidRequestError, OutputError
from nemovideo.local.arrays import Picture, image_of, mask_of, video_at
from nemovideo.local.matte import AUTO, Engine, LazyMatting
from nemovideo.local.matte.raster import feathered, offset_edges, resized
from nemovideo.local.render.canvas import Canvas
from nemovideo.local.render.colors import matrix_for
from nemovideo.local.render.encoding import open_writer
from nemovideo.local.render.formats import format_named
from nemovideo.local.render.mattes import mattes, picture_matte
from nemovideo.local.render.notices import Notices
from nemovideo.models import Frame as Frame

if TYPE_CHECKING:
    from nemovideo.local.render.encoding import Writer

_MAX_BLUR = 0.02  # of the shorter side
_MAX_GROWTH_PX = 500


class Matting:
    """Finds the people in pictures and videos on this machine: `Matting().frames("talk.mp4")`.

    The model is loaded at the first call, and downloaded if it is not cached.

    Args:
        engine: As for `Client.local(engine=…)`: "fine", "fast", "rembg", a `Model`, or your
            own object.
        softness: Blur of the edges, from 0 (none) to 1 (2% of the shorter side).
        grow_px: Growth of the mask in pixels; negative values shrink it.
        keep: "front" keeps the people in front, as an export does; "all" also keeps those
            behind them.
        device: The device for `.onnx` models: "auto", "cpu", "cuda", ….

    Raises:
        InvalidRequestError: An argument is not valid.
    """

    def __init__(
        self,
        engine: Engine = "fine",
        *,
        softness: float = 0.0,
        grow_px: int = 0,
        keep: Literal["front", "all"] = "front",
        device: str = AUTO,
    ) -> None:
        _check("softness", softness, 0, 1)
        _check("grow_px", grow_px, -_MAX_GROWTH_PX, _MAX_GROWTH_PX, whole=True)
        if keep not in ("front", "all"):
            raise InvalidRequestError(f"keep is {keep!r}", remedy='Use "front" or "all".')
        self._engine = LazyMatting(engine, device=device)
        self._softness = softness
        self._grow_px = grow_px
        self._behind = keep == "all"
        self._notices = Notices()
        self._options = {"engine": engine, "softness": softness, "grow_px": grow_px, "keep": keep}

    def __repr__(self) -> str:
        options = (f"{name}={value!r}" for name, value in self._options.items())
        return f"Matting({', '.join(options)})"

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings about the last picture or video, in whole sentences, such as "No person …".

        For a video, they are complete once all frames have been iterated.
        """
        return self._notices.sentences

    def alpha(self, picture: Picture) -> npt.NDArray[np.float32]:
        """Return the alpha of the people in a picture: height × width, 0..1.

        A picture with transparency keeps its own alpha.

        Args:
            picture: An RGB array, a Pillow image, or the path of a picture.

        Raises:
            InvalidRequestError: The picture is not valid.
            ModelUnavailableError: The engine's model cannot be downloaded.
            UnsupportedFileError: The file does not exist, or is not a picture.
        """
        image = image_of(picture)
        own = np.asarray(image.getchannel("A"))
        self._notices = Notices()
        if own.min() < 255:
            return self._finished(own)
        alpha = picture_matte(
            image.convert("RGB"),
            self._engine.load(),
            behind=self._behind,
            warn=self._notices.add,
        )
        return self._finished(alpha, image.size)

    def frames(
        self,
        source: str | os.PathLike[str],
        *,
        masks: Mapping[float, npt.NDArray[np.generic]] | None = None,
    ) -> Iterator[Frame]:
        """Yield every frame of a video with its alpha, in time order.

        The masks are identical, bit for bit, to those of an export, at the file's frame rate;
        width and height are even. Only a few frames are in memory at a time.

        Args:
            source: The path of a video.
            masks: Your own masks for single frames, by time in seconds: arrays of height × width,
                bool, uint8 or floats in 0..1. Each replaces the engine's mask in its frame, and
                is propagated along the motion to the frames around it until the engine agrees
                or the shot ends; backward for at most a second.

        Raises:
            InvalidRequestError: A mask does not fit a frame of this video.
            ModelUnavailableError: The engine's model cannot be downloaded.
            UnsupportedFileError: The file does not exist, or is not a video.
            RenderFailedError: The video has no readable picture.
        """
        item = video_at(Path(source))
        self._notices = Notices()
        matted = mattes(
            item,
            self._engine.load,
            behind=self._behind,
            warn=self._notices.add,
            masks={time_s: mask_of(time_s, mask) for time_s, mask in (masks or {}).items()},
        )
        return (Frame(float(time_s), rgb, self._finished(alpha)) for time_s, rgb, alpha in matted)

    def write(
        self,
        frames: Iterable[Frame],
        output: str | os.PathLike[str],
        *,
        fps: float = 30,
        quality: str = QUALITIES[0],
    ) -> Path:
        """Write frames to a video file, without sound.

        Args:
            frames: The frames of `frames()`, or your own `Frame(time_s, rgb, alpha)`, all of the
                same size; `time_s` is ignored.
            output: The path; its suffix is the format. In a format without alpha (MP4),
                transparent areas are black.
            fps: Frames per second.
            quality: "high", "medium" or "low".

        Returns:
            The file's path.

        Raises:
            InvalidRequestError: There are no frames, their sizes differ, or an argument is not
                valid.
            OutputError: The file cannot be written.
        """
        path = Path(output)
        kind = format_named(format_for(path, None))
        if kind.still or kind.matte:
            raise InvalidRequestError(
                f"{path.name} is not a format for color video",
                remedy="Use .webm, .mov, .mp4 or .gif.",
            )
        _check("fps", fps, 1, 240)
        check_quality(quality)
        rest = iter(frames)
        first = next(rest, None)
        if first is None:
            raise InvalidRequestError("there are no frames to write", remedy="Give at least one.")
        height, width = first.rgb.shape[:2]
        even = width + width % 2, height + height % 2
        rate = Fraction(fps).limit_denominator(1001)
        canvas = Canvas(*even, rate, matrix=matrix_for(even[1]), alpha=kind.has_alpha)
        size = canvas.width, canvas.height * (2 if kind.stacked else 1)
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            with (
                replacing(path, by=part),
                open_writer(part, kind, canvas, quality=quality, size=size) as writer,
            ):
                for frame in chain([first], rest):
                    _write(writer, canvas, frame, first.rgb.shape)
        except (OSError, av.error.FFmpegError) as error:
            raise OutputError(f"{path} cannot be written: {error}") from error
        return path

    def _finished(
        self, alpha: npt.NDArray[np.uint8], size: tuple[int, int] | None = None
    ) -> npt.NDArray[np.float32]:
        """Return the alpha as floats, resized if given a size, grown and softened."""
        result: npt.NDArray[np.float32] = alpha.astype(np.float32) * np.float32(1 / 255)
        if size is not None:
            result = resized(result, size)
        grown = offset_edges(result, self._grow_px)
        return feathered(grown, self._softness * _MAX_BLUR * min(result.shape))


def _check(name: str, value: object, low: int, high: int, *, whole: bool = False) -> None:
    """Check that a value is a number in a range."""
    kinds = int if whole else (int, float)
    if not isinstance(value, kinds) or isinstance(value, bool) or not low <= value <= high:
        raise InvalidRequestError(
            f"{name} is {value!r}",
            remedy=f"Give {'a whole number' if whole else 'a number'} from {low} to {high}.",
        )


def _write(writer: Writer, canvas: Canvas, frame: Frame, shape: tuple[int, ...]) -> None:
    rgb, alpha = frame.rgb, frame.alpha
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape != shape or shape[2] != 3:
        raise InvalidRequestError(
            f"rgb is {rgb.dtype} of shape {rgb.shape}",
            remedy="Use uint8 arrays of height × width × 3, the same size for every frame.",
        )
    if alpha.shape != shape[:2]:
        raise InvalidRequestError(
            f"alpha has the shape {alpha.shape}", remedy="Use the height × width of rgb."
        )
    opacity = np.asarray(alpha, dtype=np.float32).clip(0, 1)[..., np.newaxis]
    if canvas.alpha:
        channel = (opacity * 255 + np.float32(0.5)).astype(np.uint8)
        image = Image.fromarray(np.concatenate([rgb, channel], axis=2))
    else:
        image = Image.fromarray((rgb * opacity + np.float32(0.5)).astype(np.uint8))
    size = canvas.width, canvas.height
    writer.write_frame(canvas.frame(image if image.size == size else image.resize(size)))
