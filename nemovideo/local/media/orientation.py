"""Orientation of frames: the eight rotations and flips of a display matrix."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from av.sidedata.sidedata import SideDataContainer, Type

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

_IDENTITY = (1, 0, 0, 1)


def filters_for(frame: VideoFrame) -> tuple[str, ...]:
    """Return the FFmpeg filters that turn the frame upright, in order.

    A display matrix maps (x, y) to (a·x + c·y, b·x + d·y). Angles are rounded to multiples of
    90 degrees, as players do.
    """
    a, b, c, d = _matrix(frame)
    if abs(b) > abs(a):
        flips = (c < 0, b < 0)
        turned: tuple[str, ...] = ("transpose",)  # along the main diagonal
    else:
        flips = (a < 0, d < 0)
        turned = ()
    return turned + tuple(name for name, on in zip(("hflip", "vflip"), flips, strict=True) if on)


def is_turned(frame: VideoFrame) -> bool:
    """Return whether the frame's width and height are swapped."""
    return "transpose" in filters_for(frame)


def _matrix(frame: VideoFrame) -> tuple[int, ...]:
    # Not `frame.side_data`: its reference cycle keeps each frame, of some MB, until the next
    # garbage collection.
    parts = SideDataContainer(frame)  # type: ignore[call-arg] # its stub has no __init__
    part = parts.get(Type.DISPLAYMATRIX)  # iterating yields types since PyAV 19, parts before
    if part is None:
        return _IDENTITY
    values = struct.unpack("=9i", bytes(part))
    matrix = values[0], values[1], values[3], values[4]
    return matrix if any(matrix) else _IDENTITY
