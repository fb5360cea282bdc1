"""Sound with more than two channels: which speaker each is for, and two channels made of them.

PyAV 17.1 to 18.1 copies a channel layout without its table of channels and frees
that table with each copy. Where FFmpeg needs a table (channels in film order,
channels without a speaker), the second free ends the process. So the layout of
every stream is replaced by one without a table, before anything is decoded, and
the speakers' names are kept beside it.
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
_USUAL_COUNTS = (1, 2, 6, 8)
_NAMELESS = ("NONE", "UNSD", "UNK")
_SIDE_LEVEL = _CENTER_LEVEL = 0.5**0.5
_FRONT = ("FL", "FR", "DL", "DR")
_SILENT = ("LFE", "LFE2")


def take_over(context: AudioCodecContext) -> tuple[str, ...]:
    """Return the speakers' names of a stream, and leave it a layout that is safe to copy.

    It must be called once, before the stream is decoded and before anything else
    looks at its layout: the object that is read here becomes the table's only owner.
    """
    layout = context.layout
    names = tuple(channel.name for channel in layout.channels)
    if names and _has_table(layout.name):
        context.layout = f"{len(names)}C"  # "6 channels", in no order
    return names


def needs_mixing(frame: AudioFrame) -> bool:
    """Return whether FFmpeg itself cannot bring the frame's channels down to two."""
    layout = frame.layout
    if layout.name.startswith("ambisonic"):
        return True
    return layout.name == f"{layout.nb_channels} channels"


def speakers_of(frame: AudioFrame, names: Sequence[str]) -> tuple[str, ...]:
    """Return the names for a frame's channels: those of the stream where it has none itself."""
    own = tuple(channel.name for channel in frame.layout.channels)
    told = tuple(names) if len(names) == len(own) else own
    return told if all(_nameless(name) for name in own) else own


def stereo(samples: Samples, speakers: Sequence[str]) -> Samples:
    """Return two channels made of any number, as FFmpeg mixes those in its own order.

    Ambisonic sound is heard by two microphones that look left and right. Channels
    for no speaker at all go to the left and to the right by turns; where others
    have one, they are left out.
    """
    mixed: Samples = _matrix(speakers) @ samples
    return mixed


def floats(frame: AudioFrame) -> Samples:
    """Return a frame's samples, of any format, as channels × samples."""
    values = frame.to_ndarray()
    if not frame.format.is_planar:
        values = values.reshape(-1, frame.layout.nb_channels).T
    if values.dtype.kind == "f":
        return values.astype(np.float32)
    bits = 8 * values.dtype.itemsize
    centered = values.astype(np.float32) - (128 if values.dtype.kind == "u" else 0)
    scaled: Samples = centered / np.float32(2 ** (bits - 1))
    return scaled


def _has_table(name: str) -> bool:
    """Return whether a layout of that name may hold a table: it is no usual one of FFmpeg's."""
    return " channels (" in name or name.startswith("ambisonic")


def _nameless(name: str) -> bool:
    return name.startswith(_NAMELESS) or not name


def _matrix(speakers: Sequence[str]) -> Samples:
    count = len(speakers)
    matrix = np.zeros((_STEREO, count), np.float32)
    ambisonic = {name: place for place, name in enumerate(speakers) if name.startswith("AMBI")}
    for place, name in enumerate(speakers):
        if name not in ambisonic and not _nameless(name):
            matrix[:, place] = _levels(name)
    if ambisonic:  # in the order of ACN: 0 hears all around, 1 what is left against right
        for row, sign in enumerate((1, -1)):
            matrix[row, ambisonic.get("AMBI0", 0)] += 0.5
            if "AMBI1" in ambisonic:
                matrix[row, ambisonic["AMBI1"]] += 0.5 * sign
    elif count in _USUAL_COUNTS[2:] and all(_nameless(name) for name in speakers):
        usual = ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR")[:count]
        matrix = _matrix(usual)
    elif not matrix.any():
        for place in range(count):
            matrix[place % _STEREO, place] = 1 / len(range(place % _STEREO, count, _STEREO))
        if count == 1:
            matrix[:] = _CENTER_LEVEL  # as FFmpeg hears one channel that has a name
    return matrix


def _levels(name: str) -> tuple[float, float]:
    """Return how loud a speaker is heard on the left and on the right."""
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
