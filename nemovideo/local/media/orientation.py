"""How a frame must be turned to stand upright: the eight ways of a display matrix."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from av.sidedata.sidedata import SideDataContainer, Type

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

_UPRIGHT = (1, 0, 0, 1)


def filters_for(frame: VideoFrame) -> tuple[str, ...]:
    """Return the names of FFmpeg's filters that turn the frame upright, in order.

    A display matrix maps (x, y) to (a·x + c·y, b·x + d·y). Angles between the
    right ones are rounded to the nearest, as players do.
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
    """Return whether the frame's width becomes its height."""
    return "transpose" in filters_for(frame)


def _matrix(frame: VideoFrame) -> tuple[int, ...]:
    # Not `frame.side_data`: the frame would hold what holds it, and stay until the next
    # garbage collection, three megabytes each.
    parts = SideDataContainer(frame)  # type: ignore[call-arg] # its stub has no __init__
    data = next((bytes(part) for part in parts if part.type is Type.DISPLAYMATRIX), None)
    if data is None:
        return _UPRIGHT
    values = struct.unpack("=9i", data)
    matrix = values[0], values[1], values[3], values[4]
    return matrix if any(matrix) else _UPRIGHT
