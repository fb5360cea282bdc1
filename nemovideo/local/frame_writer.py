"""Write a user's own frames to a video file."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import chain, islice, pairwise, repeat
from pathlib import Path
from secrets import token_hex
from typing import TypeAlias

import attrs
import av.error
import numpy as np
import numpy.typing as npt
from PIL import Image

from nemovideo._downloads.output_paths import check_output, output_path
from nemovideo._support.disk import replacing
from nemovideo._support.outputs import (
    BUNDLE,
    check_quality,
    is_still,
    known_format,
    lost_transparency,
    result_suffix,
)
from nemovideo.errors import InvalidRequestError, NemoError, OutputError
from nemovideo.local.arrays import check_number, opacity_of, sound_at
from nemovideo.local.matte.raster import dilated
from nemovideo.local.media.limits import MAX_HOURS
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.render.canvas import Canvas
from nemovideo.local.render.colors import matrix_for
from nemovideo.local.render.copied_sound import CopiedSound
from nemovideo.local.render.encoding import open_writer, sound_for
from nemovideo.local.render.formats import Format, animated, format_named
from nemovideo.local.render.notices import Warn
from nemovideo.local.render.sound import Mixer
from nemovideo.local.timeline import Clip, Timeline
from nemovideo.models import Frame

_DEFAULT_FPS = 30
_MIN_FPS, _MAX_FPS = 1, 240
_LONGEST_MS = MAX_HOURS * 3_600_000
_SUFFIXES = (
    "Use .mp4, .webm, .mov, .gif, .webp (animated), .zip (a PNG per frame), .stacked.mp4 (the "
    "color above the alpha), .bundle.zip (both as files), or .matte.mp4 (the alpha alone; also "
    ".matte.webm, .mov, .gif, .webp and .zip)."
)

_PART_CHARS = 40
_TIMED_FRAMES = 5  # buffered to determine their rate
_SAME_TIME_S = 1e-6
_MAX_STEP_S = 1e9
_COMMON_FPS = (10, 12, 15, 20, 24, 25, 30, 48, 50, 60, 90, 100, 120, 240)
_ROUNDING = 0.03  # the error of times in whole milliseconds, or in hundredths in a GIF

_OPAQUE = 254.5 / 255  # rounds to an opaque byte

_H264 = ("mp4", BUNDLE)

_NEAR_SHARE = 1 / 150  # of the shorter side
_MIN_NEAR_PX = 3

_Rgb: TypeAlias = npt.NDArray[np.uint8]
_Alpha: TypeAlias = npt.NDArray[np.float32]


def write_frames(
    frames: Iterable[Frame],
    output: str | os.PathLike[str],
    *,
    fps: float | None,
    quality: str,
    sound: str | os.PathLike[str] | None,
    overwrite: bool,
    warn: Warn,
) -> Path:
    """Write frames to a video file; see `Matting.write`."""
    path = output_path(output)
    name = _format_name(path)
    kind = format_named(name)
    kind = animated(kind) if kind.still else kind
    lost = lost_transparency(name, "write composites without alpha, as Frame(time_s, rgb)")
    if fps is not None:
        check_number("fps", fps, _MIN_FPS, _MAX_FPS)
    check_quality(quality)
    target = check_output(path, overwrite=overwrite)
    sound_file = None if sound is None else _sound_file(sound, name, kind)
    rest = _checked(frames)
    first = list(islice(rest, _TIMED_FRAMES))
    if not first:
        raise InvalidRequestError("there are no frames to write", remedy="Pass at least one.")
    own = _rate([frame.time_s for frame in first])
    exact = _checked_rate(own or Fraction(_DEFAULT_FPS)) if fps is None else _exact(fps)
    shown = _at_rate(chain(first, rest), 1 if fps is None or own is None else own / exact)
    canvas = _canvas(first[0], kind, exact)
    size = canvas.width, canvas.height * (2 if kind.stacked else 1)
    draw = _drawing(kind)
    audio = None
    if sound_file is not None:
        audio = _audio(sound_file, kind, _start_ms(first, own), warn)
    # A short name: writers append suffixes to it.
    part = target.with_name(f".{target.name[:_PART_CHARS]}.{token_hex(4)}.part")
    try:
        with (
            replacing(target, temp=part),
            open_writer(part, kind, canvas, quality=quality, size=size, sound=audio) as writer,
        ):
            for frame in shown:
                if lost is not None and not _is_opaque(frame.alpha):
                    warn(lost)
                    lost = None
                image = draw(frame.rgb, frame.alpha)
                if image.size != (canvas.width, canvas.height):  # an odd size
                    image = image.resize((canvas.width, canvas.height))
                writer.write_frame(canvas.frame(image))
    except NemoError:
        raise
    except (OSError, av.error.FFmpegError) as error:
        raise OutputError(f"{path} cannot be written: {error}") from error
    return target


def _format_name(path: Path) -> str:
    """Return the name of the format of an output's suffix."""
    suffix = result_suffix(path)
    if not suffix:
        raise InvalidRequestError(f"{path.name} has no suffix", remedy=_SUFFIXES)
    name = known_format(suffix)
    if name is None or is_still(name):
        raise InvalidRequestError(
            f"{suffix!r} is not a supported output format for frames", remedy=_SUFFIXES
        )
    return name


def _sound_file(sound: str | os.PathLike[str], name: str, kind: Format) -> MediaItem:
    """Return the file whose sound is used."""
    if not kind.has_sound:
        raise InvalidRequestError(
            f".{name} files have no sound", remedy="Leave out sound=, or use .mp4, .webm or .mov."
        )
    return sound_at(sound)


def _start_ms(first: Sequence[Frame], fps: Fraction | None) -> int:
    """Return where the sound begins: at the time of the first frame, if the times increase."""
    if fps is None or first[1].time_s < first[0].time_s or first[0].time_s * fps < 1:
        return 0  # a start within the first frame is a rounding error, as in a WebM file
    return round(first[0].time_s * 1000)


def _audio(item: MediaItem, kind: Format, start_ms: int, warn: Warn) -> Mixer | CopiedSound | None:
    """Return the sound of a file from a time, as that of a draft with one clip."""
    for sentence in item.warnings:
        warn(sentence)
    clip = Clip("video", _LONGEST_MS, item.name, media=item.id, source_start_ms=start_ms)
    return sound_for(Timeline(clips=(clip,)), {item.id: item}, kind, warn)


def _checked(frames: Iterable[Frame]) -> Iterator[Frame]:
    """Yield the frames with their alpha as floats; all have the shape of the first."""
    shape: tuple[int, ...] | None = None
    for frame in frames:
        if not isinstance(frame, Frame):
            raise InvalidRequestError(
                f"{type(frame).__name__} is not a frame", remedy="Pass Frame(time_s, rgb, alpha)."
            )
        rgb = frame.rgb
        if not _is_rgb(rgb) or rgb.shape != (shape or rgb.shape):
            raise InvalidRequestError(
                "rgb must be uint8 of shape (height, width, 3), the same for all frames; "
                f"got {_described(rgb)}",
                remedy="Convert the picture, or resize it to the first frame's size.",
            )
        shape = rgb.shape
        alpha = opacity_of(frame.alpha)
        if alpha is None or alpha.shape != shape[:2]:
            raise InvalidRequestError(
                f"alpha must be bool, uint8, or floats in 0..1, of shape {shape[:2]}; "
                f"got {_described(frame.alpha)}",
                remedy="Convert it, and clip floats to 0..1; leave it out for opaque frames.",
            )
        yield attrs.evolve(frame, alpha=alpha)


def _is_rgb(rgb: object) -> bool:
    return (
        isinstance(rgb, np.ndarray)
        and rgb.dtype == np.uint8
        and rgb.ndim == 3
        and rgb.shape[2] == 3
        and rgb.size > 0
    )


def _described(array: object) -> str:
    """Return the type and shape of an array, with the range of floats."""
    if not isinstance(array, np.ndarray):
        return type(array).__name__
    text = f"{array.dtype} {array.shape}"
    if array.ndim != 2 or not array.size or not np.issubdtype(array.dtype, np.floating):
        return text
    return f"{text} with values from {array.min():.3g} to {array.max():.3g}"


def _rate(times_s: Sequence[float]) -> Fraction | None:
    """Return the rate of frames at these times, or None if they all have the same time.

    Rounded times, as in a WebM file, give the nearest common rate.
    """
    steps = [abs(after - before) for before, after in pairwise(times_s)]
    if not steps or not all(_SAME_TIME_S < step < _MAX_STEP_S for step in steps):
        return None
    fps = len(steps) / sum(steps)
    if max(steps) - min(steps) > _SAME_TIME_S:
        common = min(_COMMON_FPS, key=lambda rate: abs(rate - fps))
        if abs(common - fps) < _ROUNDING * common:
            fps = common
    return _exact(fps)


def _exact(fps: float) -> Fraction:
    """Return a rate such as 30000/1001 without the rounding of floats."""
    return Fraction(fps).limit_denominator(1001) or Fraction(fps)


def _checked_rate(fps: Fraction) -> Fraction:
    """Return the rate of the frames if a file can have it.

    Raises:
        InvalidRequestError: The frames are too far apart, or too close.
    """
    if not _MIN_FPS <= round(fps, 3) <= _MAX_FPS:
        raise InvalidRequestError(
            f"the frames are {float(1 / fps):.3g} s apart, {float(fps):.3g} per second",
            remedy=f"Check that time_s is in seconds. Pass fps=, from {_MIN_FPS} to {_MAX_FPS}, "
            "to repeat or drop frames.",
        )
    return fps


def _at_rate(frames: Iterable[Frame], step: Fraction | int) -> Iterator[Frame]:
    """Yield the frames at a different rate, repeated or dropped to keep the duration.

    `step` is the frames' own rate divided by the new one.
    """
    yielded = 0
    for number, frame in enumerate(frames):
        # Each frame is shown until halfway to the next one.
        until = math.floor((number + Fraction(1, 2)) / step) + 1
        yield from repeat(frame, until - yielded)
        yielded = until
    yield from repeat(frame, round((number + 1) / step) - yielded)


def _canvas(frame: Frame, kind: Format, fps: Fraction) -> Canvas:
    """Return a canvas of the frame's size; for H.264, which has no odd sizes, the next even one."""
    height, width = frame.alpha.shape
    if kind.name in _H264:
        height, width = height + height % 2, width + width % 2
    return Canvas(width, height, fps, matrix=matrix_for(height), alpha=kind.has_alpha)


def _drawing(kind: Format) -> Callable[[_Rgb, _Alpha], Image.Image]:
    """Return the function that combines color and alpha into a format's picture."""
    if kind.matte:
        return lambda _rgb, alpha: Image.fromarray(_bytes(alpha))
    return transparent_picture if kind.has_alpha else _over_black


def transparent_picture(rgb: _Rgb, alpha: _Alpha) -> Image.Image:
    """Return color and alpha as RGBA, black in transparent areas.

    This keeps the removed background out of the file. The color extends a few pixels beyond the
    edge, so that the codec does not bleed black into the person.
    """
    channel = _bytes(alpha)
    by_px = max(_MIN_NEAR_PX, round(min(channel.shape) * _NEAR_SHARE))
    near = dilated(channel > 0, by_px)[..., np.newaxis]
    return Image.fromarray(np.concatenate([rgb * near, channel[..., np.newaxis]], axis=2))


def _over_black(rgb: _Rgb, alpha: _Alpha) -> Image.Image:
    if _is_opaque(alpha):
        return Image.fromarray(rgb)
    shown = rgb * alpha[..., np.newaxis] + np.float32(0.5)
    return Image.fromarray(shown.astype(np.uint8))


def _is_opaque(alpha: _Alpha) -> bool:
    return float(alpha.min()) > _OPAQUE


def _bytes(alpha: _Alpha) -> _Rgb:
    channel: _Rgb = (alpha * 255 + np.float32(0.5)).astype(np.uint8)
    return channel
