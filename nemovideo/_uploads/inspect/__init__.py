"""Looks at a media file's header: what it is, and whether it can be all of what it begins as.

`inspect` reads a few KiB here and there, never the whole file: boxes and chunks
that hold pictures and sound are passed over. One module a family of formats;
`with_av` fills gaps with PyAV where that is installed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from nemovideo._uploads.inspect import matroska, mp4, mpeg_audio, pictures, riff, with_av
from nemovideo._uploads.inspect.reader import DamagedError, EnoughError, Reader
from nemovideo._values.formats import CONTENT_TYPES
from nemovideo.models import MediaInfo

__all__ = ["DamagedError", "inspect", "known_only_by"]

_LOOKS: dict[str, Callable[[Reader], MediaInfo]] = {
    "mp4": mp4.look,
    "matroska": matroska.look,
    "avi": riff.look_at_avi,
    "wav": riff.look_at_wav,
    "webp": riff.look_at_webp,
    "png": pictures.look_at_png,
    "jpeg": pictures.look_at_jpeg,
    "gif": pictures.look_at_gif,
    "mp3": mpeg_audio.look,
    "aac": mpeg_audio.look,
}


def inspect(file: BinaryIO, size_bytes: int, family: str, suffix: str) -> MediaInfo:
    """Return what a file's header says, and what PyAV adds to it.

    Args:
        file: The file, standing where its first byte is.
        size_bytes: How many bytes of it there are from there.
        family: What it begins as, as `sniff` tells.
        suffix: Its format, if the header is too large to be looked at.

    Raises:
        DamagedError: It is not all of what it begins as.
    """
    if family == "zip":
        from nemovideo._uploads.inspect import sequence  # it loads zipfile

        return sequence.look(file, size_bytes)
    start = file.tell()
    try:
        info = _LOOKS[family](Reader(file, start, size_bytes))
    except EnoughError:
        info = known_only_by(suffix, size_bytes)
    return with_av.fill(info, Reader(file, start, size_bytes))


def known_only_by(suffix: str, size_bytes: int) -> MediaInfo:
    """Return the little that a suffix says."""
    kind = "video" if suffix == "zip" else CONTENT_TYPES[suffix].partition("/")[0]
    return MediaInfo("jpg" if suffix == "jpeg" else suffix, kind, size_bytes)
