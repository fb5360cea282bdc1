"""Decode result files into frames as numpy arrays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import av
import av.error
import numpy as np
import numpy.typing as npt
from av.codec.codec import UnknownCodecError
from av.codec.context import CodecContext
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image, ImageSequence

from nemovideo._support import sequences
from nemovideo._support.pyav import lenient_text
from nemovideo._support.sequences import SequenceError
from nemovideo.errors import UnsupportedFileError

Pixels: TypeAlias = tuple[float, npt.NDArray[np.uint8], npt.NDArray[np.float32]]
"""A time in seconds, height × width × 3 RGB, and height × width alpha in 0..1."""

_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
_DEMUXERS = "mov,mp4,matroska,webm,avi"  # not playlists, which open other files
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
_IMAGES = {".png", ".jpg", ".jpeg", ".webp", ".gif"}
_UNREADABLE = (av.error.FFmpegError, OSError, ValueError, IndexError, SequenceError)


def decoder_of(stream: VideoStream) -> VideoCodecContext:
    """Return a stream's decoder; for VP8 and VP9 with alpha, it is libvpx's.

    FFmpeg's own decoders of both ignore the alpha in a WebM file.
    """
    own = stream.codec_context
    with_alpha = _ALPHA_DECODERS.get(own.name)
    metadata = {name.lower(): value for name, value in stream.metadata.items()}
    if with_alpha is None or metadata.get("alpha_mode") != "1":
        return own
    try:
        decoder = CodecContext.create(with_alpha, "r")
    except UnknownCodecError:
        return own
    assert isinstance(decoder, VideoCodecContext)
    decoder.extradata = own.extradata
    decoder.width, decoder.height = own.width, own.height
    decoder.options = dict(own.options)
    return decoder


def frames_of(path: Path) -> Iterator[Pixels]:
    """Yield the frames of a result file; without transparency, alpha is 1.

    Raises:
        UnsupportedFileError: The file does not exist, or cannot be read.
    """
    try:
        if path.suffix.lower() == ".zip":
            yield from _decode_zip(path)
        elif path.suffix.lower() in _IMAGES:
            yield from _decode_image(path)
        else:
            yield from _decode_video(path)
    except _UNREADABLE as error:
        raise UnsupportedFileError(f"{path.name} cannot be read: {error}", code=4001) from error


def _decode_video(path: Path) -> Iterator[Pixels]:
    options = {"format_whitelist": _DEMUXERS, "protocol_whitelist": "file"}
    with av.open(str(path), options=options, **lenient_text()) as container:
        stream = container.streams.video[0]
        decoder = decoder_of(stream)
        for packet in container.demux(stream):
            for frame in decoder.decode(packet if packet.size else None):
                if isinstance(frame, VideoFrame):
                    # A frame's own time base is missing once the decoder is flushed.
                    time_s = float((frame.pts or 0) * (stream.time_base or 0))
                    yield time_s, *_split(_rgba(frame))


def _rgba(frame: VideoFrame) -> npt.NDArray[np.uint8]:
    rgba = frame.reformat(format="rgba", src_colorspace=frame.colorspace)
    return rgba.to_ndarray().astype(np.uint8, copy=False)


def _decode_image(path: Path) -> Iterator[Pixels]:
    with Image.open(path, formats=_FORMATS) as image:
        time_s = 0.0
        for picture in ImageSequence.Iterator(image):
            yield time_s, *_split(np.asarray(picture.convert("RGBA")))
            time_s += float(picture.info.get("duration", 0)) / 1000


def _decode_zip(path: Path) -> Iterator[Pixels]:
    with sequences.open_sequence(path) as archive:
        fps = sequences.rate_of(archive)
        for number, entry in enumerate(sequences.frames_of(archive)):
            with archive.open(entry) as file, Image.open(file, formats=_FORMATS) as image:
                yield float(number / fps), *_split(np.asarray(image.convert("RGBA")))


def _split(
    rgba: npt.NDArray[np.uint8],
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    alpha = rgba[..., 3].astype(np.float32) * np.float32(1 / 255)
    return np.ascontiguousarray(rgba[..., :3]), alpha
