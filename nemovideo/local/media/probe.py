"""What the local backend knows of a file: its kind, size, length, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import attrs
import av
import av.error
from PIL import Image

from nemovideo._support.disk import sha256_of_file
from nemovideo._support.formats import AUDIO_SUFFIXES, CONTENT_TYPES, IMAGE_SUFFIXES, suffix_of
from nemovideo.errors import UnsupportedFileError
from nemovideo.local.media.containers import main_audio, main_video, open_media, origin_s
from nemovideo.local.media.pictures import looks_like_image, open_image

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_MAX_FPS = 120
_PACKETS_TO_FIRST_FRAME = 500
_SHORTER_S = Fraction(1, 10)


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
    if suffix in IMAGE_SUFFIXES or (not suffix and looks_like_image(path)):
        return _probe_image(item)
    found = _probe_streams(item)
    if suffix in AUDIO_SUFFIXES:
        if not found.has_audio:
            raise UnsupportedFileError(f"{name}: there is no sound in it", code=4001)
        return attrs.evolve(found, kind="audio", width=None, height=None, fps=None)
    return found


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
