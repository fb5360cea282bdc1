"""Containers of picture and sound, and the streams in them that count.

A file is opened by its content, never by its name alone: the demuxers are a
fixed list, so that a playlist or a list of file names, called .mp4, cannot make
FFmpeg open other files or addresses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import av

from nemovideo._uploads.inspect.with_av import lenient_text
from nemovideo.local.media.channels import take_over

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.stream import Stream
    from av.video.stream import VideoStream

_DEMUXERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mp3,wav,aac"
_LEAD_S = Fraction(1, 10)
_UNRELATED_S = 600
_SQUARE = Fraction(1, 100)
_MAX_ASPECT = 8


_Stream = TypeVar("_Stream", bound="Stream")


@contextmanager
def open_media(path: Path) -> Iterator[InputContainer]:
    """Open a video or audio file for reading, by its content.

    Raises:
        av.error.FFmpegError: It is not a file of the supported formats.
    """
    with open_with_speakers(path) as (container, _):
        yield container


@contextmanager
def open_with_speakers(
    path: Path,
) -> Iterator[tuple[InputContainer, dict[int, tuple[str, ...]]]]:
    """Open a file, and return with it the names of each sound stream's speakers, by its index.

    Raises:
        av.error.FFmpegError: It is not a file of the supported formats.
    """
    options = {"format_whitelist": _DEMUXERS, "protocol_whitelist": "file"}
    with av.open(str(path), options=options, **lenient_text()) as container:
        sounds = [stream for stream in container.streams.audio if _has_decoder(stream)]
        yield container, {stream.index: take_over(stream.codec_context) for stream in sounds}


def main_video(container: InputContainer) -> VideoStream | None:
    """Return the stream with the moving picture; a cover picture of an audio file is none."""
    attached = av.stream.Disposition.attached_pic
    streams = [s for s in container.streams.video if not s.disposition & attached]
    return _default_of([s for s in streams if _has_decoder(s)])


def main_audio(container: InputContainer) -> AudioStream | None:
    """Return the stream with the sound that players play: the default one, else the first.

    Streams that nothing here can decode are passed over, as phones add them.
    """
    return _default_of([s for s in container.streams.audio if _has_decoder(s)])


def origin_s(container: InputContainer, stream: Stream | None = None) -> Fraction:
    """Return the moment, on the file's own clock, that counts as its beginning.

    That is where the picture begins. Where the sound begins well before it, it
    is where the sound begins; an encoder's run-up of some milliseconds is not
    worth a doubled first frame. Where the two have nothing to do with each other,
    as after a counter that ran over, it is where `stream` itself begins (the
    picture, if it is None).
    """
    video, audio = main_video(container), main_audio(container)
    picture_s, sound_s = _start_s(video), _start_s(audio)
    if picture_s is None or sound_s is None:
        found = sound_s if picture_s is None else picture_s
        return Fraction(container.start_time or 0, av.time_base) if found is None else found
    if abs(picture_s - sound_s) > _UNRELATED_S:
        return sound_s if stream is not None and stream is audio else picture_s
    return sound_s if picture_s - sound_s > _LEAD_S else picture_s


def _start_s(stream: Stream | None) -> Fraction | None:
    if stream is None or stream.start_time is None or not stream.time_base:
        return None
    return stream.start_time * stream.time_base


def pixel_aspect(stream: VideoStream) -> Fraction:
    """Return how much wider than high the stream's pixels are, as they are stored."""
    aspect = stream.sample_aspect_ratio or Fraction(1)
    if abs(aspect - 1) < _SQUARE or not 1 <= max(aspect, 1 / aspect) <= _MAX_ASPECT:
        return Fraction(1)
    return aspect


def _has_decoder(stream: Stream) -> bool:
    # PyAV types it as always there, and gives None for a codec that it does not know.
    return getattr(stream, "codec_context", None) is not None


def _default_of(streams: Sequence[_Stream]) -> _Stream | None:
    default = av.stream.Disposition.default
    return next((s for s in streams if s.disposition & default), next(iter(streams), None))
