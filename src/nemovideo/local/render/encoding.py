"""The output file: container, codecs and qualities, and frames and sound going in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from nemovideo.errors import RenderFailedError
from nemovideo.local.render.canvas import LIMITED_RANGE, Canvas
from nemovideo.local.render.sound import SAMPLE_RATE, Block

if TYPE_CHECKING:
    from av.container import OutputContainer

_QUALITIES = ("high", "medium", "low")


@attrs.frozen
class Format:
    """How a file of one format is written; `crf` is by quality, high, medium, low."""

    container: str
    video: str
    audio: str
    pixel_format: str
    alpha_pixel_format: str | None
    audio_bit_rate: int | None
    crf: tuple[int, int, int] | None = None
    video_options: Mapping[str, str] = attrs.field(factory=dict)
    container_options: Mapping[str, str] = attrs.field(factory=dict)


FORMATS: Mapping[str, Format] = {
    "mp4": Format(
        container="mp4",
        video="libx264",
        audio="aac",
        pixel_format="yuv420p",
        alpha_pixel_format=None,
        audio_bit_rate=192_000,
        crf=(19, 24, 29),
        video_options={"preset": "veryfast"},
        container_options={"movflags": "+faststart"},
    ),
    "webm": Format(
        container="webm",
        video="libvpx-vp9",
        audio="libopus",
        pixel_format="yuv420p",
        alpha_pixel_format="yuva420p",
        audio_bit_rate=128_000,
        crf=(24, 31, 38),
        video_options={
            "b": "0",
            "deadline": "realtime",
            "cpu-used": "6",
            "row-mt": "1",
            "auto-alt-ref": "0",  # VP9 with alpha does not allow it
        },
    ),
    "mov": Format(
        container="mov",
        video="prores",  # not prores_ks, whose alpha some players do not read
        audio="pcm_s16le",
        pixel_format="yuv422p10le",
        alpha_pixel_format="yuva444p10le",
        audio_bit_rate=None,
    ),
}


def format_named(name: str) -> Format:
    """Return the format of that name.

    Raises:
        RenderFailedError: There is none; the message lists those there are.
    """
    try:
        return FORMATS[name.lower().lstrip(".")]
    except KeyError:
        known = ", ".join(FORMATS)
        raise RenderFailedError(f"there is no format {name!r}; there are: {known}") from None


class Writer:
    """A file being written: frames in order, and sound in blocks."""

    def __init__(
        self,
        container: OutputContainer,
        kind: Format,
        canvas: Canvas,
        *,
        quality: str,
        with_sound: bool,
    ) -> None:
        self._container = container
        self._canvas = canvas
        self._video = self._video_stream(kind, quality)
        self._audio = self._audio_stream(kind) if with_sound else None
        self._frames = 0
        self._samples = 0

    def _video_stream(self, kind: Format, quality: str) -> VideoStream:
        canvas = self._canvas
        options = dict(kind.video_options)
        if kind.crf is not None:
            options["crf"] = str(kind.crf[_QUALITIES.index(quality)])
        stream = self._container.add_stream(kind.video, rate=canvas.fps, options=options)
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        stream.width, stream.height = canvas.width, canvas.height
        with_alpha = canvas.alpha and kind.alpha_pixel_format is not None
        stream.pix_fmt = kind.alpha_pixel_format if with_alpha else kind.pixel_format
        stream.time_base = context.time_base = 1 / canvas.fps
        stream.sample_aspect_ratio = canvas.aspect
        context.color_range = LIMITED_RANGE
        context.colorspace = canvas.matrix
        context.color_primaries = canvas.primaries
        context.color_trc = canvas.transfer
        context.thread_type = "AUTO"
        if with_alpha and kind.container == "webm":
            stream.metadata["alpha_mode"] = "1"
        return stream

    def _audio_stream(self, kind: Format) -> AudioStream:
        stream = self._container.add_stream(kind.audio, rate=SAMPLE_RATE, layout="stereo")
        assert isinstance(stream, AudioStream)
        if kind.audio_bit_rate is not None:
            stream.bit_rate = kind.audio_bit_rate
        return stream

    def write_frame(self, frame: VideoFrame) -> None:
        """Add the next frame."""
        frame.pts = self._frames
        frame.time_base = 1 / self._canvas.fps
        frame.pict_type = 0  # else the encoder repeats the source's key frames
        self._container.mux(self._video.encode(frame))
        self._frames += 1

    def write_sound(self, block: Block) -> None:
        """Add the next samples."""
        if self._audio is None or block.shape[1] == 0:
            return
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(block), "fltp", "stereo")
        frame.sample_rate, frame.pts = SAMPLE_RATE, self._samples
        frame.time_base = Fraction(1, SAMPLE_RATE)
        self._container.mux(self._audio.encode(frame))
        self._samples += block.shape[1]

    def finish(self) -> None:
        """Write what the encoders still hold."""
        self._container.mux(self._video.encode(None))
        if self._audio is not None:
            self._container.mux(self._audio.encode(None))


@contextmanager
def open_writer(
    path: Path, kind: Format, canvas: Canvas, *, quality: str, with_sound: bool
) -> Iterator[Writer]:
    """Open a file for writing; it is complete when the block is left without an error.

    Raises:
        RenderFailedError: There is no such quality.
    """
    if quality not in _QUALITIES:
        known = ", ".join(_QUALITIES)
        raise RenderFailedError(f"there is no quality {quality!r}; there are: {known}")
    options = dict(kind.container_options)
    with av.open(str(path), "w", format=kind.container, options=options) as container:
        writer = Writer(container, kind, canvas, quality=quality, with_sound=with_sound)
        yield writer
        writer.finish()
