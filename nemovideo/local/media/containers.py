"""Containers, and their main video and audio streams.

Files are opened by content, with a fixed list of demuxers: a playlist named .mp4 must not make
FFmpeg open other files or URLs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import av

from nemovideo._support.pyav import lenient_text
from nemovideo.local.media.channels import take_channel_names
from nemovideo.local.media.limits import MAX_SIDE_PX
from nemovideo.local.media.samples import may_be_mp4

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.stream import Stream
    from av.video.stream import VideoStream

_DEMUXERS = "matroska,webm,avi,mp3,wav,aac"
_MP4 = ",mov,mp4,m4a,3gp,3g2,mj2"
DECODER_OPTIONS = {"max_pixels": str(MAX_SIDE_PX**2)}
"""The options of all decoders, including those with which FFmpeg probes a file as it is opened."""

_ENCODER_DELAY_S = Fraction(1, 10)
_UNRELATED_S = 600
_ASPECT_TOLERANCE = Fraction(1, 100)
_MAX_ASPECT = 8

_Stream = TypeVar("_Stream", bound="Stream")


@contextmanager
def open_media(path: Path) -> Iterator[InputContainer]:
    """Open a video or audio file by content.

    Raises:
        av.error.FFmpegError: The format is not supported.
    """
    with open_with_speakers(path) as (container, _):
        yield container


@contextmanager
def open_with_speakers(
    path: Path,
) -> Iterator[tuple[InputContainer, dict[int, tuple[str, ...]]]]:
    """Open a file, and return the speaker names of each audio stream, by stream index.

    Raises:
        av.error.FFmpegError: The format is not supported.
    """
    # An MP4 in disguise has not been checked by `check_samples`.
    formats = _DEMUXERS + _MP4 * may_be_mp4(path)
    options = {"format_whitelist": formats, "protocol_whitelist": "file", **DECODER_OPTIONS}
    with av.open(str(path), options=options, **lenient_text()) as container:
        streams = [stream for stream in container.streams.audio if _has_decoder(stream)]
        for video in container.streams.video:
            if _has_decoder(video):
                video.codec_context.options = dict(DECODER_OPTIONS)
        yield container, {s.index: take_channel_names(s.codec_context) for s in streams}


def main_video(container: InputContainer) -> VideoStream | None:
    """Return the default video stream, else the first; cover pictures are ignored."""
    attached = av.stream.Disposition.attached_pic
    streams = [s for s in container.streams.video if not s.disposition & attached]
    return _default_of([s for s in streams if _has_decoder(s)])


def main_audio(container: InputContainer) -> AudioStream | None:
    """Return the default audio stream, else the first.

    Streams without a decoder, as in recordings of phones, are ignored.
    """
    return _default_of([s for s in container.streams.audio if _has_decoder(s)])


def origin_s(container: InputContainer, stream: Stream | None = None) -> Fraction:
    """Return the time in the file that counts as its start, in seconds.

    It is the start of the picture, or of the sound if that is more than an encoder delay
    earlier. If the two are unrelated, as after a counter overflow, it is the start of `stream`
    (default: the picture).
    """
    video, audio = main_video(container), main_audio(container)
    picture_s, sound_s = _start_s(video), _start_s(audio)
    if picture_s is None or sound_s is None:
        found = sound_s if picture_s is None else picture_s
        return Fraction(container.start_time or 0, av.time_base) if found is None else found
    if abs(picture_s - sound_s) > _UNRELATED_S:
        return sound_s if stream is not None and stream is audio else picture_s
    return sound_s if picture_s - sound_s > _ENCODER_DELAY_S else picture_s


def _start_s(stream: Stream | None) -> Fraction | None:
    if stream is None or stream.start_time is None or not stream.time_base:
        return None
    return stream.start_time * stream.time_base


def pixel_aspect(stream: VideoStream) -> Fraction:
    """Return the stream's pixel aspect ratio, width / height, as stored."""
    aspect = stream.sample_aspect_ratio or Fraction(1)
    if abs(aspect - 1) < _ASPECT_TOLERANCE or not 1 <= max(aspect, 1 / aspect) <= _MAX_ASPECT:
        return Fraction(1)
    return aspect


def _has_decoder(stream: Stream) -> bool:
    # None for an unknown codec, although PyAV's types say otherwise.
    return getattr(stream, "codec_context", None) is not None


def _default_of(streams: Sequence[_Stream]) -> _Stream | None:
    default = av.stream.Disposition.default
    return next((s for s in streams if s.disposition & default), next(iter(streams), None))
