"""Parsers of media headers: type, size, duration, and whether the file is complete.

Each parser reads a few KiB, seeks past the payload, and raises `DamagedError` for a file that is
damaged or truncated. There is one module for each family of formats; `with_av` fills the gaps with
PyAV if that is installed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from nemovideo._uploads.inspect import matroska, mp4, mpeg_audio, pictures, riff, with_av
from nemovideo._uploads.inspect.reader import BudgetError, DamagedError, Reader
from nemovideo._values.formats import CONTENT_TYPES
from nemovideo.models import MediaInfo

__all__ = ["DamagedError", "info_from_suffix", "inspect"]

_PARSERS: dict[str, Callable[[Reader], MediaInfo]] = {
    "mp4": mp4.parse,
    "matroska": matroska.parse,
    "avi": riff.parse_avi,
    "wav": riff.parse_wav,
    "webp": riff.parse_webp,
    "png": pictures.parse_png,
    "jpeg": pictures.parse_jpeg,
    "gif": pictures.parse_gif,
    "mp3": mpeg_audio.parse,
    "aac": mpeg_audio.parse,
}


def inspect(file: BinaryIO, size_bytes: int, family: str, suffix: str) -> MediaInfo:
    """Parse the header of a file, which is positioned at its first byte.

    `family` is from `sniff`; `suffix` is reported if the header exceeds the read budget.

    Raises:
        DamagedError: The file is damaged or truncated.
    """
    if family == "zip":
        from nemovideo._uploads.inspect import sequence  # imports zipfile

        return sequence.parse(file, size_bytes)
    start = file.tell()
    try:
        info = _PARSERS[family](Reader(file, start, size_bytes))
    except BudgetError:
        info = info_from_suffix(suffix, size_bytes)
    return with_av.fill(info, Reader(file, start, size_bytes))


def info_from_suffix(suffix: str, size_bytes: int) -> MediaInfo:
    """Return the format and kind that a suffix implies."""
    kind = "video" if suffix == "zip" else CONTENT_TYPES[suffix].partition("/")[0]
    return MediaInfo("jpg" if suffix == "jpeg" else suffix, kind, size_bytes)
