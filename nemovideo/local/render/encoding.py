"""Writers of output files."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import attrs
import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image

from nemovideo._support.outputs import (
    BUNDLE,
    QUALITIES,
)
from nemovideo.errors import RenderFailedError
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.media.tags import Tags
from nemovideo.local.render.canvas import Canvas
from nemovideo.local.render.colors import LIMITED_RANGE
from nemovideo.local.render.copied_sound import CopiedSound, copied_sound
from nemovideo.local.render.effects import Effect, color, mask, stacked, ten_bit
from nemovideo.local.render.formats import ENCODINGS, TEN_BITS, Encoding, Format
from nemovideo.local.render.notices import Warn
from nemovideo.local.render.pictures import AnimationWriter, GifWriter, StillWriter, ZipWriter
from nemovideo.local.render.prefetch import no_tick
from nemovideo.local.render.sound import SAMPLE_RATE, Block, Mixer
from nemovideo.local.timeline import Timeline

if TYPE_CHECKING:
    from av.container import OutputContainer


class Writer(Protocol):
    """A writer of frames in order, with their sound."""

    def write_frame(self, frame: VideoFrame) -> None:
        """Add the next frame."""
        ...

    def finish(self) -> None:
        """Complete the file."""
        ...


class ContainerWriter:
    """Write video and audio; the audio is read along with the frames.

    `effect` is applied to each frame first.
    """

    def __init__(
        self,
        container: OutputContainer,
        kind: Encoding,
        canvas: Canvas,
        *,
        quality: str,
        sound: Mixer | CopiedSound | None,
        tags: Tags,
        effect: Effect | None = None,
    ) -> None:
        self._container = container
        container.metadata.update(tags.values)
        self._canvas = canvas
        self._video = self._video_stream(kind, quality)
        if canvas.alpha and kind.alpha_pixel_format == TEN_BITS:
            effect = ten_bit(canvas)
        self._effect = effect
        self._mixed: _MixedSound | None = None
        self._copied: CopiedSound | None = None
        if isinstance(sound, Mixer):
            self._mixed = _MixedSound(container, kind, sound)
        elif sound is not None:
            self._copied = sound
            sound.begin(container)
        if tags.language is not None:
            for stream in container.streams.audio:
                stream.metadata["language"] = tags.language
        container.set_chapters(
            [
                {
                    "id": number,
                    "start": round(chapter.start_s * 1000),
                    "end": round(chapter.end_s * 1000),
                    "time_base": Fraction(1, 1000),
                    "metadata": {"title": chapter.title},
                }
                for number, chapter in enumerate(tags.chapters)
            ]
        )
        self._frames = 0

    def _video_stream(self, kind: Encoding, quality: str) -> VideoStream:
        canvas = self._canvas
        options = dict(kind.video_options)
        if kind.crf is not None:
            options["crf"] = str(kind.crf[QUALITIES.index(quality)])
        stream = self._container.add_stream(kind.video, rate=canvas.fps, options=options)
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        stream.width, stream.height = canvas.width, canvas.height
        stream.pix_fmt = kind.pixel_format
        if canvas.alpha and kind.alpha_pixel_format is not None:
            stream.pix_fmt = kind.alpha_pixel_format
            if kind.container == "webm":
                stream.metadata["alpha_mode"] = "1"
        stream.time_base = context.time_base = 1 / canvas.fps
        stream.sample_aspect_ratio = canvas.aspect
        context.color_range = LIMITED_RANGE
        context.colorspace = canvas.matrix
        context.color_primaries = canvas.primaries
        context.color_trc = canvas.transfer
        context.thread_type = "AUTO"
        # x264's default of 1.5 threads per core uses more memory, and slows the renderer.
        context.thread_count = os.cpu_count() or 1
        return stream

    def write_frame(self, frame: VideoFrame) -> None:
        """Add the next frame, and the audio up to its end."""
        if self._effect is not None:
            frame = self._effect(frame)
        frame.pts = self._frames
        frame.time_base = 1 / self._canvas.fps
        frame.pict_type = 0  # otherwise, the encoder copies the source's frame types
        self._container.mux(self._video.encode(frame))
        self._frames += 1
        for sound in (self._mixed, self._copied):
            if sound is not None:
                sound.write_until(self._frames / self._canvas.fps)

    def finish(self) -> None:
        """Flush the encoders."""
        self._container.mux(self._video.encode(None))
        if self._mixed is not None:
            self._mixed.finish()


class BundleWriter:
    """Write a zip with two files, color.mp4 and matte.mp4."""

    def __init__(
        self,
        path: Path,
        canvas: Canvas,
        stack: ExitStack,
        *,
        quality: str,
        sound: Mixer | CopiedSound | None,
        tags: Tags | None,
    ) -> None:
        self._path = path
        opaque = attrs.evolve(canvas, alpha=False)
        self._parts: list[tuple[str, Path, OutputContainer, ContainerWriter]] = []
        encoding = ENCODINGS["mp4"]
        for name, effect, audio in (
            ("color.mp4", color(opaque), sound),
            ("matte.mp4", mask(opaque), None),
        ):
            part = path.with_name(f"{path.name}.{name}")
            stack.callback(part.unlink, missing_ok=True)
            container = stack.enter_context(_open(part, encoding))
            writer = ContainerWriter(
                *(container, encoding, opaque),
                quality=quality,
                sound=audio,
                tags=tags or Tags(),
                effect=effect,
            )
            self._parts.append((name, part, container, writer))

    def write_frame(self, frame: VideoFrame) -> None:
        """Add the next frame to both."""
        for *_, writer in self._parts:
            writer.write_frame(frame)

    def finish(self) -> None:
        """Complete both files, and zip them."""
        with zipfile.ZipFile(self._path, "w", zipfile.ZIP_STORED) as bundle:
            for name, part, container, writer in self._parts:
                writer.finish()
                container.close()
                bundle.write(part, name)


class _MixedSound:
    """Encode the mix."""

    def __init__(self, container: OutputContainer, kind: Encoding, mixer: Mixer) -> None:
        stream = container.add_stream(kind.audio, rate=SAMPLE_RATE, layout="stereo")
        assert isinstance(stream, AudioStream)
        if kind.audio_bit_rate is not None:
            stream.bit_rate = kind.audio_bit_rate
        self._container, self._stream, self._mixer = container, stream, mixer
        self._samples = 0

    def write_until(self, end_s: Fraction) -> None:
        """Encode the audio up to a time."""
        due = round(end_s * SAMPLE_RATE)
        block = self._mixer.read(due - self._samples)
        if block.shape[1]:
            self._container.mux(self._stream.encode(self._frame(block)))
        self._samples = due

    def finish(self) -> None:
        """Flush the encoder."""
        self._container.mux(self._stream.encode(None))

    def _frame(self, block: Block) -> AudioFrame:
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(block), "fltp", "stereo")
        frame.sample_rate, frame.pts = SAMPLE_RATE, self._samples
        frame.time_base = Fraction(1, SAMPLE_RATE)
        return frame


def sound_for(
    timeline: Timeline, media: Mapping[str, MediaItem], kind: Format, warn: Warn
) -> Mixer | CopiedSound | None:
    """Return the audio of a file: copied if possible, else mixed; None for silence."""
    if not kind.has_sound:
        return None
    if kind.name == "mp4" and (copied := copied_sound(timeline, media)) is not None:
        return copied
    mixer = Mixer(timeline, media, warn)
    return None if mixer.silent else mixer


@contextmanager
def open_writer(
    path: Path,
    kind: Format,
    canvas: Canvas,
    *,
    quality: str,
    size: tuple[int, int],
    sound: Mixer | CopiedSound | None = None,
    tags: Tags | None = None,
    tick: Callable[[], None] = no_tick,
    photo: Image.Image | None = None,
) -> Iterator[Writer]:
    """Open a file for writing; it is complete when the block exits without an error.

    Args:
        path: The path of the file.
        kind: Its format.
        canvas: The canvas of the frames.
        quality: "high", "medium" or "low"; ignored for GIF and PNG.
        size: The size of a single picture, which can be odd.
        sound: The audio, None for silence.
        tags: Metadata, for formats that support it.
        tick: Called repeatedly while the file is completed; it may raise.
        photo: The original photo, if the draft only removes its background.

    Raises:
        RenderFailedError: The quality is unknown.
    """
    if quality not in QUALITIES:
        known = ", ".join(QUALITIES)
        raise RenderFailedError(f"unknown quality {quality!r}; known qualities: {known}")
    with ExitStack() as stack:
        writer: Writer
        if kind.name == BUNDLE:
            writer = BundleWriter(path, canvas, stack, quality=quality, sound=sound, tags=tags)
        elif (encoding := ENCODINGS.get(kind.name)) is not None:
            if kind.stacked:
                canvas = attrs.evolve(canvas, height=2 * canvas.height, alpha=False)
            writer = ContainerWriter(
                *(stack.enter_context(_open(path, encoding)), encoding, canvas),
                quality=quality,
                sound=sound,
                tags=tags or Tags(),
                effect=stacked(canvas) if kind.stacked else None,
            )
        elif kind.name == "gif":
            writer = GifWriter(path, canvas, tick)
            stack.callback(writer.close)
        elif kind.name == "webp" and not kind.still:
            writer = AnimationWriter(path, canvas, QUALITIES.index(quality))
            stack.callback(writer.close)
        elif kind.name == "zip":
            writer = ZipWriter(path, canvas)
            stack.callback(writer.close)
        else:
            writer = StillWriter(path, kind.name, canvas, QUALITIES.index(quality), size, photo)
        yield writer
        writer.finish()


def _open(path: Path, encoding: Encoding) -> OutputContainer:
    options = dict(encoding.container_options)
    return av.open(str(path), "w", format=encoding.container, options=options)
