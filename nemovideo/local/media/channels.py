"""Multichannel audio: the speaker of each channel, and the mix to stereo.

PyAV 17.1 to 18.1 copies a channel layout without its channel map, and frees the map with each
copy: a double free that kills the process for layouts that have one (film order, channels without
a speaker). So the layout of every stream is replaced with one without a map before anything is
decoded, and the speaker names are kept separately.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from av.audio.codeccontext import AudioCodecContext
    from av.audio.frame import AudioFrame

Samples: TypeAlias = npt.NDArray[np.float32]
"""Channels × samples, -1..1."""

_STEREO = 2
_SURROUND_COUNTS = (6, 8)
_NAMELESS = ("NONE", "UNSD", "UNK")
_SIDE_LEVEL = _CENTER_LEVEL = 0.5**0.5
_FRONT = ("FL", "FR", "DL", "DR")
_SILENT = ("LFE", "LFE2")


def take_channel_names(context: AudioCodecContext) -> tuple[str, ...]:
    """Return the speaker names of a stream, and replace its layout with one that is safe to copy.

    Call it once, before the stream is decoded and before anything else reads its layout: the
    object read here becomes the only owner of the channel map.
    """
    layout = context.layout
    names = tuple(channel.name for channel in layout.channels)
    if names and (" channels (" in layout.name or layout.name.startswith("ambisonic")):
        context.layout = f"{len(names)}C"  # "6 channels", without a map
    return names


def needs_mixing(frame: AudioFrame) -> bool:
    """Return whether `stereo` must mix the frame: FFmpeg cannot, or would make mono quieter."""
    name = frame.layout.name
    if frame.layout.nb_channels == 1:
        return True
    return name.startswith("ambisonic") or name == f"{frame.layout.nb_channels} channels"


def speakers_of(frame: AudioFrame, names: Sequence[str]) -> tuple[str, ...]:
    """Return the speaker names of a frame, or if it has none, `names`, those of its stream."""
    own = tuple(channel.name for channel in frame.layout.channels)
    if all(_nameless(name) for name in own) and len(names) == len(own):
        return tuple(names)
    return own


def stereo(samples: Samples, speakers: Sequence[str]) -> Samples:
    """Mix any number of channels to stereo, with FFmpeg's levels; mono goes to both at full level.

    Ambisonics is decoded to two virtual microphones, facing left and right. Channels without a
    speaker are assigned to left and right alternately, or dropped if others have a speaker.
    """
    mixed: Samples = _matrix(speakers) @ samples
    return mixed


def floats(frame: AudioFrame) -> Samples:
    """Return a frame's samples, of any format, as channels × samples, -1..1."""
    values = frame.to_ndarray()
    if not frame.format.is_planar:
        values = values.reshape(-1, frame.layout.nb_channels).T
    if values.dtype.kind == "f":
        return values.astype(np.float32)
    bits = 8 * values.dtype.itemsize
    centered = values.astype(np.float32) - (128 if values.dtype.kind == "u" else 0)
    scaled: Samples = centered / np.float32(2 ** (bits - 1))
    return scaled


def _nameless(name: str) -> bool:
    return name.startswith(_NAMELESS) or not name


def _matrix(speakers: Sequence[str]) -> Samples:
    count = len(speakers)
    if count == 1:
        return np.ones((_STEREO, 1), np.float32)
    matrix = np.zeros((_STEREO, count), np.float32)
    ambisonic = {name: channel for channel, name in enumerate(speakers) if name.startswith("AMBI")}
    for channel, name in enumerate(speakers):
        if name not in ambisonic and not _nameless(name):
            matrix[:, channel] = _levels(name)
    if ambisonic:  # in ACN order: 0 is omnidirectional, 1 is left minus right
        for row, sign in enumerate((1, -1)):
            matrix[row, ambisonic.get("AMBI0", 0)] += 0.5
            if "AMBI1" in ambisonic:
                matrix[row, ambisonic["AMBI1"]] += 0.5 * sign
    elif count in _SURROUND_COUNTS and all(_nameless(name) for name in speakers):
        matrix = _matrix(("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR")[:count])
    elif not matrix.any():
        for channel in range(count):
            matrix[channel % _STEREO, channel] = 1 / len(range(channel % _STEREO, count, _STEREO))
    return matrix


def _levels(name: str) -> tuple[float, float]:
    """Return the gain of a speaker in the left and right channels."""
    if name in _SILENT:
        return 0.0, 0.0
    level = 1.0 if name in _FRONT else _SIDE_LEVEL
    side = name.removesuffix("C") if name in ("FLC", "FRC") else name
    match side[-1]:
        case "L":
            return level, 0.0
        case "R":
            return 0.0, level
        case _:
            return _CENTER_LEVEL, _CENTER_LEVEL
