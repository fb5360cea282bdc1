"""What our own look leaves open, asked of PyAV where it is installed (extra `[local]`).

FFmpeg is never asked about MP4: damaged tables can keep it busy for minutes, and our own look
knows enough.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import attrs

from nemovideo._uploads.inspect.reader import DamagedError, EnoughError, Reader
from nemovideo.models import MediaInfo

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.stream import VideoStream

_DEMUXERS = {
    **dict.fromkeys(("webm", "mkv"), "matroska,webm"),
    **{name: name for name in ("avi", "wav", "mp3", "aac")},
}
_MOST_FPS = 240
_OPTIONS = {"probesize": "262144", "analyzeduration": "1000000"}


def fill(info: MediaInfo, reader: Reader) -> MediaInfo:
    """Return the info with its gaps filled as far as PyAV can.

    Raises:
        DamagedError: It is MPEG audio, of which we know no more, and PyAV finds none.
    """
    if info.format not in _DEMUXERS:
        return info
    try:
        import av
        import av.error
    except ImportError:
        return info
    view = _View(reader)
    whitelist = {"format_whitelist": _DEMUXERS[info.format], "protocol_whitelist": ""}
    try:
        with av.open(view, options={**_OPTIONS, **whitelist}, **any_text()) as found:
            return _filled(info, found)
    except av.error.InvalidDataError:
        if info.format in ("mp3", "aac") and not view.spent:
            raise DamagedError("has no sound in it that could be read") from None
        return info
    except Exception:  # noqa: BLE001 - whatever PyAV stumbles over, the service may read
        return info


def any_text() -> dict[str, Any]:
    """Return the arguments with which `av.open` takes titles that are no UTF-8.

    PyAV 19 takes them as they are, and has no such argument any more.
    """
    import av

    older = int(av.__version__.split(".")[0]) < 19
    return {"metadata_errors": "replace"} if older else {}


def _filled(info: MediaInfo, found: InputContainer) -> MediaInfo:
    video = _main(found.streams.video) if info.kind == "video" else None
    audio = next(iter(found.streams.audio), None)
    duration_ms = round(found.duration / 1000) if found.duration and found.duration > 0 else None
    info = attrs.evolve(
        info,
        duration_ms=info.duration_ms or duration_ms,
        audio_codec=info.audio_codec if audio is None else _codec_of(audio),
    )
    if video is None:
        return info if audio is None else attrs.evolve(info, kind="audio")
    # The average is taken of the few frames that were read, and lies where they are uneven.
    rate = video.guessed_rate
    return attrs.evolve(
        info,
        width=video.width or None,
        height=video.height or None,
        rotation_deg=0,
        fps=round(float(rate), 3) if rate and rate <= _MOST_FPS else None,
        video_codec=_codec_of(video),
    )


def _codec_of(stream: VideoStream | AudioStream) -> str | None:
    # PyAV types it as always there, and gives None for a codec that it does not know.
    context = getattr(stream, "codec_context", None)
    return None if context is None else str(context.codec.canonical_name)


def _main(streams: Sequence[VideoStream]) -> VideoStream | None:
    """Return the first stream that is not a cover picture."""
    from av.stream import Disposition

    shown = [stream for stream in streams if not stream.disposition & Disposition.attached_pic]
    return next(iter(shown), None)


class _View:
    """The file as PyAV reads it; it ends early where the budget does."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._place = 0
        self.spent = False

    def read(self, size: int) -> bytes:
        """Return the next bytes."""
        try:
            data = self._reader.read(self._place, size)
        except EnoughError:
            self.spent = True
            return b""
        self._place += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place in the file."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._reader.size}[whence]
        self._place = max(0, base + offset)
        return self._place

    def tell(self) -> int:
        """Return the place in the file."""
        return self._place
