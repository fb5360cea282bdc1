"""How fast this machine renders and how large files get, measured by its own renders.

The figures are kept in the user's cache folder, for each engine, format and quality; each new
render counts as much as all before it.
"""

from __future__ import annotations

import json
import math
import os
import threading
from contextlib import suppress
from pathlib import Path

import attrs

from nemovideo._support.disk import replace_text
from nemovideo._support.json_text import read_json
from nemovideo.local.models import cache_dir

_FILE = "rates.json"
_LEAST_PIXELS = 10_000_000
_MAX_BYTES = 100_000
_TYPICAL_BITS = {
    ("mp4", "high"): 0.045, ("mp4", "medium"): 0.019, ("mp4", "low"): 0.0075,
    ("webm", "high"): 0.095, ("webm", "medium"): 0.059, ("webm", "low"): 0.036,
    ("mov", "high"): 3.9, ("zip", "high"): 4.8, ("gif", "high"): 0.14, ("webp", "high"): 0.25,
    ("stacked.mp4", "high"): 0.05, ("matte.mp4", "high"): 0.009,
    ("png", "high"): 2.3, ("jpg", "high"): 1.0,
}  # fmt: skip
"""Means of two 720p clips of people, and of one picture; others may be twice as large, or half."""

_OTHER_BITS = 0.1


@attrs.frozen
class Size:
    """Bits that a pixel of a frame takes; `measured` on this machine, or typical ones."""

    bits: float
    measured: bool


def record(
    engine: str, format_: str, quality: str, *, pixels: int, seconds: float, size_bytes: int
) -> None:
    """Keep what a render took; a small one says too little, and is left out."""
    if pixels < _LEAST_PIXELS or seconds <= 0:
        return
    record_speed(engine, format_, pixels / seconds)
    _blend(_size_key(format_, quality), size_bytes * 8 / pixels)


def record_speed(engine: str, format_: str, pixels_per_s: float) -> None:
    """Keep how fast an engine's renders to a format are."""
    _blend(_speed_key(engine, format_), pixels_per_s)


def speed(engine: str, format_: str) -> float | None:
    """Return how many pixels a second are rendered, or None where that was not measured."""
    return _read().get(_speed_key(engine, format_))


def size(format_: str, quality: str) -> Size:
    """Return how many bits a pixel takes in a file."""
    found = _read().get(_size_key(format_, quality))
    if found is not None:
        return Size(found, measured=True)
    best = _TYPICAL_BITS.get((format_, "high"), _OTHER_BITS)
    return Size(_TYPICAL_BITS.get((format_, quality), best), measured=False)


def _speed_key(engine: str, format_: str) -> str:
    return f"{engine} {format_} pixels/s"


def _size_key(format_: str, quality: str) -> str:
    return f"{format_} {quality} bits/pixel"


def _blend(key: str, value: float) -> None:
    known = _read()
    known[key] = (known[key] + value) / 2 if key in known else value
    path = _path()
    part = path.with_name(f".{_FILE}.{os.getpid()}.{threading.get_ident()}.part")
    with suppress(OSError):  # a cache that cannot be written to is no harm
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, json.dumps(known, indent=1), by=part)


def _read() -> dict[str, float]:
    """Return the figures; a damaged file has none."""
    try:
        with _path().open(encoding="utf-8") as file:
            value = read_json(file.read(_MAX_BYTES))
    except (OSError, ValueError):
        return {}
    if not isinstance(value, dict):
        return {}
    return {
        key: float(number)
        for key, number in value.items()
        if isinstance(number, (int, float)) and math.isfinite(number) and number > 0
    }


def _path() -> Path:
    return cache_dir() / _FILE
