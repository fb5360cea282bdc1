"""What the local backend knows of a file, and the only place that opens one.

A file is opened by its content, never by its name alone: the demuxers are a
fixed list, so that a playlist or a list of file names, called .mp4, cannot make
FFmpeg open other files or addresses.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import av
import av.error
from PIL import Image, ImageOps, UnidentifiedImageError

from nemovideo.errors import SUPPORTED_SUFFIXES, UnsupportedFileError

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

IMAGE_SUFFIXES = frozenset({"jpg", "jpeg", "png", "gif", "webp"})
AUDIO_SUFFIXES = frozenset({"mp3", "wav", "m4a", "aac"})

_IMAGE_FORMATS = ("JPEG", "PNG", "GIF", "WEBP")
_DEMUXERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mp3,wav,aac"
_MAX_FPS = 120
_PACKETS_TO_FIRST_FRAME = 500
_HASH_BLOCK_BYTES = 1 << 20


@attrs.frozen
class MediaItem:
    """A file that was uploaded to a session.

    `id` names it in drafts ("m1", "m2", … in the order of upload). `kind` is
    "video", "image" or "audio". Times are in milliseconds, sizes in pixels as
    shown (after rotation). `sha256` is the content's hash.
    """

    id: str
    name: str
    path: Path
    kind: str
    size_bytes: int
    sha256: str = ""
    duration_ms: int | None = None
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    has_audio: bool = False


def probe(path: Path, name: str, *, id: str) -> MediaItem:  # noqa: A002 - the contract's name
    """Return what a file is, by its content.

    The header is read, and one frame is decoded, because a header alone can
    promise a picture that is not there.

    Args:
        path: Where the file lies.
        name: What the user called it; its suffix must be of a supported format.
        id: The id that drafts will use for it.

    Raises:
        UnsupportedFileError: The file is of another format than its suffix or
            than protocol.md §4 allows, is empty, or cannot be read.
    """
    suffix = Path(name).suffix.lower().lstrip(".")
    if suffix and suffix not in {*SUPPORTED_SUFFIXES, *IMAGE_SUFFIXES}:
        raise UnsupportedFileError(f"{name}: files of type .{suffix} are not supported", code=4001)
    size_bytes = path.stat().st_size
    if size_bytes == 0:
        raise UnsupportedFileError(f"{name}: the file is empty", code=4001)
    item = MediaItem(
        id=id, name=name, path=path, kind="", size_bytes=size_bytes, sha256=_sha256(path)
    )
    if suffix in IMAGE_SUFFIXES or (not suffix and _looks_like_image(path)):
        return _probe_image(item)
    found = _probe_streams(item)
    if suffix in AUDIO_SUFFIXES:
        if not found.has_audio:
            raise UnsupportedFileError(f"{name}: there is no sound in it", code=4001)
        return attrs.evolve(found, kind="audio", width=None, height=None, fps=None)
    return found


@contextmanager
def open_media(path: Path) -> Iterator[InputContainer]:
    """Open a video or audio file for reading, by its content.

    Raises:
        av.error.FFmpegError: It is no file of the supported formats.
    """
    options = {"format_whitelist": _DEMUXERS, "protocol_whitelist": "file"}
    with av.open(str(path), options=options, metadata_errors="replace") as container:
        yield container


def open_image(path: Path) -> Image.Image:
    """Return a picture upright and decoded, as RGB, or RGBA where it has transparent parts.

    Raises:
        OSError, ValueError, Image.DecompressionBombError: It is no picture of
            the supported formats, or it is damaged or too large.
    """
    with Image.open(path, formats=_IMAGE_FORMATS) as image:
        upright = ImageOps.exif_transpose(image)
        return upright.convert("RGBA" if upright.has_transparency_data else "RGB")


def main_video(container: InputContainer) -> VideoStream | None:
    """Return the stream with the moving picture; a cover picture of an audio file is none."""
    attached = av.stream.Disposition.attached_pic
    return next((s for s in container.streams.video if not s.disposition & attached), None)


def upright_size(frame: VideoFrame) -> tuple[int, int]:
    """Return the frame's width and height once it is turned as its rotation says."""
    turned = frame.rotation % 180 != 0
    return (frame.height, frame.width) if turned else (frame.width, frame.height)


def _probe_image(item: MediaItem) -> MediaItem:
    try:
        width, height = open_image(item.path).size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise _unreadable(item, "picture", error) from error
    return attrs.evolve(item, kind="image", width=width, height=height)


def _looks_like_image(path: Path) -> bool:
    try:
        with Image.open(path, formats=_IMAGE_FORMATS):
            return True
    except (UnidentifiedImageError, OSError, ValueError):
        return False


def _probe_streams(item: MediaItem) -> MediaItem:
    """Return the item with what the container says of its picture and sound."""
    try:
        with open_media(item.path) as container:
            stream = main_video(container)
            has_audio = bool(container.streams.audio)
            if stream is None:
                if not has_audio:
                    raise UnsupportedFileError(
                        f"{item.name}: there is neither picture nor sound in it", code=4001
                    )
                duration_ms = _duration_ms(container, None, item.path)
                return attrs.evolve(item, kind="audio", has_audio=True, duration_ms=duration_ms)
            width, height = upright_size(_first_frame(container, stream))
            return attrs.evolve(
                item,
                kind="video",
                has_audio=has_audio,
                duration_ms=_duration_ms(container, stream, item.path),
                width=width,
                height=height,
                fps=float(_frame_rate(stream)),
            )
    except (av.error.FFmpegError, ValueError) as error:
        raise _unreadable(item, "video or audio", error) from error


def _first_frame(container: InputContainer, stream: VideoStream) -> VideoFrame:
    for number, packet in enumerate(container.demux(stream)):
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            frames = []
        for frame in frames:
            return frame
        if number > _PACKETS_TO_FIRST_FRAME:
            break
    raise ValueError("no frame of it can be decoded")


def _frame_rate(stream: VideoStream) -> Fraction:
    """Return the constant rate that shows this stream's frames best.

    That is the average rate. Where frames come unevenly (a screen recording, a
    phone in the dark), it is the rate that has a place for every frame.
    """
    average = stream.average_rate or stream.guessed_rate or Fraction(30)
    base = stream.base_rate or average
    uneven = average * Fraction(101, 100) < base <= 60
    rate = base if uneven else average
    return rate if 0 < rate <= _MAX_FPS else Fraction(30)


def _duration_ms(container: InputContainer, stream: VideoStream | None, path: Path) -> int:
    """Return how long the picture lasts, or the sound where there is no picture."""
    if stream is not None and stream.duration and stream.time_base:
        return max(1, round(stream.duration * stream.time_base * 1000))
    if container.duration:
        return max(1, round(container.duration * 1000 / av.time_base))
    return _counted_duration_ms(path)


def _counted_duration_ms(path: Path) -> int:
    """Return the length of a file whose header has none, as browsers record them."""
    end = Fraction(0)
    with open_media(path) as container:
        wanted = main_video(container) or container.streams.audio[0]
        for packet in container.demux(wanted):
            if packet.pts is not None and packet.time_base:
                end = max(end, (packet.pts + (packet.duration or 0)) * packet.time_base)
    return max(1, round(end * 1000))


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_HASH_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _unreadable(item: MediaItem, kind: str, error: Exception) -> UnsupportedFileError:
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return UnsupportedFileError(f"{item.name}: it cannot be read as {kind} ({reason})", code=4001)
