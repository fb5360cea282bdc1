"""Details that our parsers do not read, from PyAV if it is installed (extra `[local]`).

MP4 is left out: damaged tables can keep FFmpeg busy for minutes, and our parser reads them all.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs

from nemovideo._support.pyav import lenient_text
from nemovideo._uploads.inspect.reader import BudgetError, DamagedError, Reader
from nemovideo.models import MediaInfo

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.stream import VideoStream

_DEMUXERS = {
    **dict.fromkeys(("webm", "mkv"), "matroska,webm"),
    **{name: name for name in ("avi", "wav", "mp3", "aac")},
}
_MAX_FPS = 240
_OPTIONS = {"probesize": "262144", "analyzeduration": "1000000"}


def fill(info: MediaInfo, reader: Reader) -> MediaInfo:
    """Return the info with its gaps filled by PyAV.

    Raises:
        DamagedError: PyAV finds no MPEG audio in an MP3 or AAC file.
    """
    if info.format not in _DEMUXERS:
        return info
    try:
        import av
        import av.error
    except ImportError:
        return info
    view = _ReaderFile(reader)
    whitelist = {"format_whitelist": _DEMUXERS[info.format], "protocol_whitelist": ""}
    try:
        with av.open(view, options={**_OPTIONS, **whitelist}, **lenient_text()) as container:
            return _filled(info, container)
    except av.error.InvalidDataError:
        if info.format in ("mp3", "aac") and not view.exhausted:
            raise DamagedError("has no readable sound") from None
        return info
    except Exception:  # noqa: BLE001 - the service may read what PyAV cannot
        return info


def _filled(info: MediaInfo, container: InputContainer) -> MediaInfo:
    video = _main(container.streams.video) if info.kind == "video" else None
    audio = next(iter(container.streams.audio), None)
    duration_us = container.duration or 0
    duration_ms = round(duration_us / 1000) if duration_us > 0 else None
    info = attrs.evolve(
        info,
        duration_ms=info.duration_ms or duration_ms,
        audio_codec=info.audio_codec if audio is None else _codec_of(audio),
    )
    if video is None:
        return info if audio is None else attrs.evolve(info, kind="audio")
    # The average rate covers only the frames read so far: wrong if they are uneven.
    rate = video.guessed_rate
    return attrs.evolve(
        info,
        width=video.width or None,
        height=video.height or None,
        rotation_deg=0,
        fps=round(float(rate), 3) if rate and rate <= _MAX_FPS else None,
        video_codec=_codec_of(video),
    )


def _codec_of(stream: VideoStream | AudioStream) -> str | None:
    # None for an unknown codec, although PyAV's types say otherwise.
    context = getattr(stream, "codec_context", None)
    return None if context is None else str(context.codec.canonical_name)


def _main(streams: Sequence[VideoStream]) -> VideoStream | None:
    """Return the first stream that is not a cover picture."""
    from av.stream import Disposition

    shown = [stream for stream in streams if not stream.disposition & Disposition.attached_pic]
    return next(iter(shown), None)


class _ReaderFile:
    """A file object for PyAV; it ends where the read budget does."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._position = 0
        self.exhausted = False

    def read(self, size: int) -> bytes:
        """Return the next bytes."""
        try:
            data = self._reader.read(self._position, size)
        except BudgetError:
            self.exhausted = True
            return b""
        self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the position."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._reader.size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position
