"""Render speed and file sizes on this machine, measured by its own renders.

The figures are in the user's cache folder, by engine, format and quality. Each is a moving
average in which a new render has a weight of one half.
"""

from __future__ import annotations

import json
import math
import os
import threading
import time
from contextlib import suppress
from pathlib import Path

import attrs

from nemovideo._support.disk import open_regular, replace_text
from nemovideo._support.json_text import read_json
from nemovideo.local.models import cache_dir

_FILE = "rates.json"
_MIN_PIXELS = 10_000_000
_MAX_BYTES = 100_000
_TYPICAL_BITS = {
    ("mp4", "high"): 0.045, ("mp4", "medium"): 0.019, ("mp4", "low"): 0.0075,
    ("webm", "high"): 0.095, ("webm", "medium"): 0.059, ("webm", "low"): 0.036,
    ("mov", "high"): 3.9, ("zip", "high"): 4.8, ("gif", "high"): 0.14, ("webp", "high"): 0.25,
    ("stacked.mp4", "high"): 0.05, ("matte.mp4", "high"): 0.009,
    ("png", "high"): 2.3, ("jpg", "high"): 1.0,
}  # fmt: skip
"""Averages of two 720p clips of people, and of one picture; accurate to within a factor of two."""

_OTHER_BITS = 0.1


@attrs.frozen
class Size:
    """Bits per pixel of a frame; `measured` on this machine, or typical."""

    bits: float
    measured: bool


class Stopwatch:
    """Times a render, starting with its first frame: a new process takes a long time to start."""

    def __init__(self) -> None:
        self._began_s = time.perf_counter()
        self._first_s: float | None = None
        self._first = self._done = 0.0

    def frame_done(self, fraction: float) -> None:
        """Note the fraction of frames done, 0..1, after each frame."""
        self._done = fraction
        if self._first_s is None:
            self._first_s, self._first = time.perf_counter(), fraction

    @property
    def measured_s(self) -> float:
        """Seconds since the first frame; 0 until the second one is done."""
        if self._first_s is None or self._done <= self._first:
            return 0.0
        return time.perf_counter() - self._first_s

    @property
    def total_s(self) -> float:
        """Seconds for all frames at the rate of those after the first; for one frame, its own."""
        measured_s = self.measured_s
        if not measured_s:
            return time.perf_counter() - self._began_s
        return measured_s / (self._done - self._first)


def record(
    engine: str, format_: str, quality: str, *, pixels: int, seconds: float, size_bytes: int
) -> None:
    """Record the speed and size of a render; ignore short ones, which are not representative."""
    if pixels < _MIN_PIXELS or seconds <= 0:
        return
    record_speed(engine, format_, pixels / seconds)
    _blend(_size_key(format_, quality), size_bytes * 8 / pixels)


def record_speed(engine: str, format_: str, pixels_per_s: float) -> None:
    """Record the render speed of an engine and a format."""
    _blend(_speed_key(engine, format_), pixels_per_s)


def speed(engine: str, format_: str) -> float | None:
    """Return the pixels rendered per second, or None if not measured."""
    return _read().get(_speed_key(engine, format_))


def size(format_: str, quality: str) -> Size:
    """Return the bits per pixel of a format and quality."""
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
    with suppress(OSError):  # it is only a cache
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, json.dumps(known, indent=1), temp=part)


def _read() -> dict[str, float]:
    """Return the figures; none if the file is missing or damaged."""
    try:
        with open(_path(), encoding="utf-8", opener=open_regular) as file:
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
