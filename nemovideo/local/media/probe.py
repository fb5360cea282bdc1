"""What the local backend knows of a file, and the only place that opens one.

A file is opened by its content, never by its name alone: the demuxers are a
fixed list, so that a playlist or a list of file names, called .mp4, cannot make
FFmpeg open other files or addresses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, TypeVar

import attrs
import av
import av.error
from PIL import Image, ImageOps, UnidentifiedImageError

from nemovideo._support.disk import sha256_of_file
from nemovideo._support.formats import AUDIO_SUFFIXES, CONTENT_TYPES, IMAGE_SUFFIXES, suffix_of
from nemovideo._uploads.inspect.with_av import any_text
from nemovideo.errors import UnsupportedFileError

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.stream import Stream
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_IMAGE_FORMATS = ("JPEG", "PNG", "GIF", "WEBP")
_DEMUXERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mp3,wav,aac"
_MAX_FPS = 120
_PACKETS_TO_FIRST_FRAME = 500
_LEAD_S = Fraction(1, 10)
_SHORTER_S = Fraction(1, 10)
_SQUARE = Fraction(1, 100)
_MAX_ASPECT = 8

_Stream = TypeVar("_Stream", bound="Stream")


def _sentences(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(values)  # from JSON they come as a list


class _Length(TypedDict):
    duration_ms: int
    warnings: tuple[str, ...]


@attrs.frozen
class MediaItem:
    """A file that was uploaded to a session.

    `id` names it in drafts ("m1", "m2", … in the order of upload). `kind` is
    "video", "image" or "audio". Times are in milliseconds, sizes in pixels as
    shown (after rotation). `sha256` is the content's hash. `warnings`
    say what is wrong with a file that can be used all the same.
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
    warnings: tuple[str, ...] = attrs.field(default=(), converter=_sentences)


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
    suffix = suffix_of(name)
    if suffix and suffix not in CONTENT_TYPES:
        raise UnsupportedFileError(f"{name}: files of type .{suffix} are not supported", code=4001)
    size_bytes = path.stat().st_size
    if size_bytes == 0:
        raise UnsupportedFileError(f"{name}: the file is empty", code=4001)
    item = MediaItem(
        id=id, name=name, path=path, kind="", size_bytes=size_bytes, sha256=sha256_of_file(path)
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
    with av.open(str(path), options=options, **any_text()) as container:
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
    streams = [s for s in container.streams.video if not s.disposition & attached]
    return _default_of([s for s in streams if _has_decoder(s)])


def main_audio(container: InputContainer) -> AudioStream | None:
    """Return the stream with the sound that players play: the default one, else the first.

    Streams that nothing here can decode are passed over, as phones add them.
    """
    return _default_of([s for s in container.streams.audio if _has_decoder(s)])


def origin_s(container: InputContainer) -> Fraction:
    """Return the moment, on the file's own clock, that counts as its beginning.

    That is where the picture begins. Where the sound begins well before it, it
    is where the sound begins; an encoder's run-up of some milliseconds is not
    worth a doubled first frame.
    """
    video = main_video(container)
    starts = [
        stream.start_time * stream.time_base
        for stream in (video, main_audio(container))
        if stream is not None and stream.start_time is not None and stream.time_base
    ]
    earliest = min(starts, default=Fraction(container.start_time or 0, av.time_base))
    if video is not None and video.start_time is not None and video.time_base:
        begin = video.start_time * video.time_base
        return begin if begin - earliest <= _LEAD_S else earliest
    return earliest


def pixel_aspect(stream: VideoStream) -> Fraction:
    """Return how much wider than high the stream's pixels are, as they are stored."""
    aspect = stream.sample_aspect_ratio or Fraction(1)
    if abs(aspect - 1) < _SQUARE or not 1 <= max(aspect, 1 / aspect) <= _MAX_ASPECT:
        return Fraction(1)
    return aspect


def upright_size(frame: VideoFrame) -> tuple[int, int]:
    """Return the frame's width and height once it is turned as its rotation says."""
    turned = frame.rotation % 180 != 0
    return (frame.height, frame.width) if turned else (frame.width, frame.height)


def _has_decoder(stream: Stream) -> bool:
    # PyAV types it as always there, and gives None for a codec that it does not know.
    return getattr(stream, "codec_context", None) is not None


def _default_of(streams: Sequence[_Stream]) -> _Stream | None:
    default = av.stream.Disposition.default
    return next((s for s in streams if s.disposition & default), next(iter(streams), None))


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
            has_audio = main_audio(container) is not None
            if stream is None:
                if not has_audio:
                    raise UnsupportedFileError(
                        f"{item.name}: there is neither picture nor sound in it", code=4001
                    )
                length = _length(container, item)
                return attrs.evolve(item, kind="audio", has_audio=True, **length)
            width, height = upright_size(_first_frame(container, stream))
            return attrs.evolve(
                item,
                kind="video",
                has_audio=has_audio,
                width=width,
                height=height,
                fps=float(_frame_rate(stream)),
                **_length(container, item),
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


def _length(container: InputContainer, item: MediaItem) -> _Length:
    """Return how long the picture lasts, or else the sound, and whether some of it is missing.

    A header may promise more than the file holds, where that was cut off, or say
    nothing, as in what browsers record; so the packets are looked through.
    """
    stream = main_video(container) or main_audio(container)
    assert stream is not None
    assert stream.time_base is not None
    origin = origin_s(container)
    shown_s, held_s = (end - origin for end in _ends(item.path))
    promised_s = Fraction(0)
    if stream.duration:
        promised_s = ((stream.start_time or 0) + stream.duration) * stream.time_base - origin
        held_s = shown_s
    elif container.duration:  # of picture and sound, whichever is longer
        promised_s = Fraction(container.duration, av.time_base)
    if shown_s <= 0:
        shown_s = held_s = promised_s
    length_s = min(shown_s, promised_s) if promised_s else shown_s
    warnings: tuple[str, ...] = ()
    if promised_s - held_s > max(_SHORTER_S, 2 * _usual_s(stream)):
        promised, held = (f"{float(value):.1f} s" for value in (promised_s, held_s))
        warnings = (f"{item.name} is cut off: of its {promised} it has {held}.",)
    return {"duration_ms": max(1, round(length_s * 1000)), "warnings": warnings}


def _ends(path: Path) -> tuple[Fraction, Fraction]:
    """Return when the last picture ends, or else the last sound, and when the later of both."""
    with open_media(path) as container:
        streams = [s for s in (main_video(container), main_audio(container)) if s is not None]
        bases = {s.index: s.time_base or Fraction(0) for s in streams}
        usual = {s.index: _usual_s(s) / (s.time_base or 1) for s in streams}
        ends: dict[int, Fraction | int] = dict.fromkeys(bases, 0)
        with suppress(av.error.FFmpegError):  # cut off: what came before counts
            for packet in container.demux(streams):
                time = packet.pts if packet.pts is not None else packet.dts
                if time is None or packet.is_discard or packet.size == 0:
                    continue
                at = packet.stream_index
                ends[at] = max(ends[at], time + (packet.duration or usual[at]))
    ends_s = [ends[index] * base for index, base in bases.items()]
    return ends_s[0], max(ends_s)


def _usual_s(stream: Stream) -> Fraction:
    rate = getattr(stream, "average_rate", None)
    return 1 / rate if rate else Fraction(0)


def _unreadable(item: MediaItem, kind: str, error: Exception) -> UnsupportedFileError:
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return UnsupportedFileError(f"{item.name}: it cannot be read as {kind} ({reason})", code=4001)
