"""Tone mapping of HDR, and gamut mapping of BT.2020 to BT.709, as a lookup table.

The curve is the EETF of Report ITU-R BT.2390, from a peak of 1000 cd/m², at which nearly all HDR is
mastered, to 203 cd/m², the reference white of BT.2408. Luminance below about 90 cd/m², such as
faces, is unchanged; highlights are rolled off. The curve is applied to the largest channel, to
preserve hue. Colors outside BT.709 are desaturated just enough.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame

Values = npt.NDArray[np.float64]
"""Any shape; a last axis of three is RGB."""

TABLE_FORMAT = "rgb48le"
"""The format of table and frames: `haldclut` swaps the channels of planar tables."""

_LEVEL = 6
_SIDE = _LEVEL**2
_PEAK_NITS = 1000.0
_WHITE_NITS = 203.0
_SCREEN_GAMMA = 2.4
_LUMA_2020 = np.array([0.2627, 0.6780, 0.0593])
_LUMA_709 = np.array([0.2126, 0.7152, 0.0722])
_2020_TO_709 = np.array(
    [
        [1.660491, -0.587641, -0.072850],
        [-0.124550, 1.132900, -0.008349],
        [-0.018151, -0.100579, 1.118730],
    ]
)
_PQ_M1, _PQ_M2 = 2610 / 16384, 2523 / 32
_PQ_C1, _PQ_C2, _PQ_C3 = 3424 / 4096, 2413 / 128, 2392 / 128
_HLG_A, _HLG_B, _HLG_C = 0.17883277, 0.28466892, 0.55991073


@cache
def color_table(curve: str | None) -> VideoFrame:
    """Return the table as a frame for FFmpeg's `haldclut`, in `TABLE_FORMAT`.

    Args:
        curve: "smpte2084" (PQ), "arib-std-b67" (HLG), or None for SDR in BT.2020.
    """
    steps = np.linspace(0, 1, _SIDE)
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")
    table = _standard(np.stack([red, green, blue], axis=-1), curve)
    side = _LEVEL**3
    pixels = (table.reshape(side, side, 3) * 65535).round().astype(np.uint16)
    return VideoFrame.from_ndarray(pixels, TABLE_FORMAT)


def _standard(code: Values, curve: str | None) -> Values:
    """Convert BT.2020 code values to BT.709, both 0..1."""
    if curve is None:
        light = code**_SCREEN_GAMMA
    else:
        light = _rolled_off(_pq_light(code) if curve == "smpte2084" else _hlg_light(code))
    return _in_gamut(light @ _2020_TO_709.T) ** (1 / _SCREEN_GAMMA)


def _rolled_off(nits: Values) -> Values:
    """Return linear light with its peak mapped to 1, by the largest channel."""
    largest = nits.max(axis=-1, keepdims=True)
    peak = _pq_code(np.array(_PEAK_NITS))
    top = float(_pq_code(np.array(_WHITE_NITS)) / peak)
    knee = 1.5 * top - 0.5
    code = (_pq_code(largest) / peak).clip(0, 1)
    t = (code - knee) / (1 - knee)
    spline = (
        (2 * t**3 - 3 * t**2 + 1) * knee
        + (t**3 - 2 * t**2 + t) * (1 - knee)
        + (3 * t**2 - 2 * t**3) * top
    )
    target = _pq_light(np.where(code < knee, code, spline) * peak) / _WHITE_NITS
    rolled: Values = nits * target / np.maximum(largest, 1e-6)
    return rolled


def _in_gamut(light: Values) -> Values:
    """Return the colors, desaturated where a channel is outside 0..1."""
    gray = (light @ _LUMA_709)[..., np.newaxis].clip(0, 1)
    away = light - gray
    lowest, highest = away.min(axis=-1, keepdims=True), away.max(axis=-1, keepdims=True)
    room_below = gray / np.maximum(-lowest, 1e-9)
    room_above = (1 - gray) / np.maximum(highest, 1e-9)
    inside: Values = gray + away * np.minimum(1, np.minimum(room_below, room_above))
    return inside.clip(0, 1)


def _pq_light(code: Values) -> Values:
    powered = code ** (1 / _PQ_M2)
    light: Values = (np.maximum(powered - _PQ_C1, 0) / (_PQ_C2 - _PQ_C3 * powered)) ** (1 / _PQ_M1)
    return 10_000 * light


def _pq_code(nits: Values) -> Values:
    powered = (nits / 10_000) ** _PQ_M1
    code: Values = ((_PQ_C1 + _PQ_C2 * powered) / (1 + _PQ_C3 * powered)) ** _PQ_M2
    return code


def _hlg_light(code: Values) -> Values:
    scene = np.where(code <= 0.5, code**2 / 3, (np.exp((code - _HLG_C) / _HLG_A) + _HLG_B) / 12)
    luma = np.maximum(scene @ _LUMA_2020, 1e-9)[..., np.newaxis]
    light: Values = _PEAK_NITS * scene * luma**0.2  # the system gamma of a 1000 cd/m² display
    return light
