"""Probe uploaded files: kind, size, duration, and warnings about damage."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import av
import av.error

from nemovideo._support.pixels import decoder_of
from nemovideo._values.formats import AUDIO_SUFFIXES, CONTENT_TYPES, IMAGE_SUFFIXES, suffix_of
from nemovideo.errors import UnsupportedFileError
from nemovideo.local.media.animation import describe, is_animated, size_and_count
from nemovideo.local.media.containers import (
    main_audio,
    main_video,
    open_media,
    origin_s,
    pixel_aspect,
)
from nemovideo.local.media.cropping import margins_of
from nemovideo.local.media.limits import (
    MAX_ANIMATION_FRAMES,
    MAX_ANIMATION_PIXELS,
    MAX_HOURS,
    MAX_PHOTO_PIXELS,
    MAX_PIXELS,
    MAX_SIDE_PX,
    MAX_ZIP_FRAMES,
)
from nemovideo.local.media.orientation import is_turned
from nemovideo.local.media.pictures import (
    UNREADABLE,
    PictureTooLargeError,
    open_image,
    picture_family,
)
from nemovideo.local.media.samples import check_samples, may_be_mp4
from nemovideo.local.media.survey import Survey, frame_duration_s, survey
from nemovideo.local.media.transparency import (
    frame_has_transparency,
    has_unread_alpha,
    image_has_transparency,
)

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_MAX_FPS = 120
_PACKETS_TO_FIRST_FRAME = 500
_TRUNCATED_S = Fraction(1, 10)


@attrs.frozen
class MediaItem:
    """A file that was uploaded to a session.

    Attributes:
        id: Its id in drafts: "m1", "m2", … in the order of upload.
        kind: "video", "image" or "audio".
        sha256: The hash of its content, computed by the server during the upload, if any.
        width: In pixels as displayed, after cropping and rotation; `height` likewise.
        aspect: The pixel aspect ratio, width / height, as displayed.
        has_alpha: Whether parts of the picture are transparent; the alpha is then the mask.
        broken_clock: Whether the timestamps jump, restart or stall.
        warnings: Sentences about damage that does not prevent the file's use.
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
    aspect: float = 1.0
    has_alpha: bool = False
    broken_clock: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def noun(self) -> str:
        """What it is, for messages: "an image"."""
        return {"video": "a video", "image": "an image"}.get(self.kind, "an audio file")


def probe(path: Path, name: str, *, id: str) -> MediaItem:  # noqa: A002 - the contract's name
    """Probe a file by its content.

    All packets are scanned and one frame is decoded, because headers can be wrong. `name` is the
    user's file name, and `id` identifies the file in drafts.

    Raises:
        UnsupportedFileError: The file is empty or unreadable, its format is not supported
            (docs/protocol.md §4), or does not match its suffix.
    """
    suffix = suffix_of(name)
    if suffix and suffix not in CONTENT_TYPES:
        raise _unsupported(f"{name}: files of type .{suffix} are not supported")
    size_bytes = path.stat().st_size
    if size_bytes == 0:
        raise _unsupported(f"{name}: the file is empty")
    item = MediaItem(id=id, name=name, path=path, kind="", size_bytes=size_bytes)
    if suffix in (*IMAGE_SUFFIXES, "zip") or (not suffix and picture_family(path) is not None):
        return _probe_image(item)
    found = _probe_streams(item)
    if suffix in AUDIO_SUFFIXES:
        if not found.has_audio:
            raise _unsupported(f"{name}: the file has no sound")
        return attrs.evolve(found, kind="audio", width=None, height=None, fps=None)
    return found


def _probe_image(item: MediaItem) -> MediaItem:
    """Return the item as a picture, or as a video if it is animated."""
    try:
        if is_animated(item.path):
            _check_animation(item)
            animation = describe(item.path)
            _check_size(item, animation.width, animation.height)  # the largest frame of a zip
            return attrs.evolve(item, kind="video", **attrs.asdict(animation))
        image = open_image(item.path)
    except PictureTooLargeError as error:
        remedy = _scaled_down(error.size, MAX_PHOTO_PIXELS)
        raise _unsupported(f"{item.name}: {error}", remedy) from error
    except UNREADABLE as error:
        raise _unreadable(item, "picture", error) from error
    width, height = image.size
    return attrs.evolve(
        item, kind="image", width=width, height=height, has_alpha=image_has_transparency(image)
    )


def _probe_streams(item: MediaItem) -> MediaItem:
    """Return the item with the properties of its video and audio streams."""
    try:
        if may_be_mp4(item.path):
            check_samples(item.path)
        with open_media(item.path) as container:
            stream = main_video(container)
            item = attrs.evolve(item, has_audio=main_audio(container) is not None)
            if stream is None and not item.has_audio:
                raise _unsupported(f"{item.name}: the file has no video or audio stream")
            if stream is not None:
                _check_size(item, stream.width, stream.height)
            scan = survey(item.path)
            if stream is None:
                return _with_scanned_duration(attrs.evolve(item, kind="audio"), container, scan)
            item = _with_shape(item, stream, _first_frame(container, stream), scan)
            return _with_scanned_duration(item, container, scan)
    except (av.error.FFmpegError, ValueError) as error:
        raise _unreadable(item, "video or audio", error) from error


def _with_shape(item: MediaItem, stream: VideoStream, frame: VideoFrame, scan: Survey) -> MediaItem:
    """Return the item with its displayed size, the largest if it changes within the file."""
    margins = margins_of(item.path, stream)
    width, height = max(((frame.width, frame.height), *scan.sizes), key=math.prod)
    _check_size(item, width, height)
    if (frame.width, frame.height) == (width, height):
        width -= margins.left + margins.right
        height -= margins.top + margins.bottom
    aspect = pixel_aspect(stream)
    if is_turned(frame):
        width, height, aspect = height, width, 1 / aspect
    if has_unread_alpha(stream):
        item = _warned(
            item, f"{item.name} is HEVC with alpha, which cannot be decoded: it is shown opaque."
        )
    rate = _frame_rate(stream)
    if scan.broken and scan.frames and scan.end_s:
        rate = min(Fraction(scan.frames) / scan.end_s, Fraction(_MAX_FPS))
    if scan.stalled:
        shown = f"they are shown at {float(rate):.4g} frames per second."
        item = _warned(item, f"The frames of {item.name} share their timestamps: {shown}")
    return attrs.evolve(
        item,
        kind="video",
        width=width,
        height=height,
        aspect=float(aspect),
        has_alpha=frame_has_transparency(frame),
        broken_clock=scan.broken,
        fps=float(rate),
    )


def _first_frame(container: InputContainer, stream: VideoStream) -> VideoFrame:
    decoder = decoder_of(stream)
    for number, packet in enumerate(container.demux(stream)):
        try:
            frames = decoder.decode(packet)
        except av.error.InvalidDataError:
            frames = []
        except av.error.ArgumentError as error:  # FFmpeg clears a size above its limit
            raise ValueError("its picture is too large, or has no size") from error
        for frame in frames:
            return frame
        if number > _PACKETS_TO_FIRST_FRAME:
            break
    raise ValueError("no frame can be decoded")


def _frame_rate(stream: VideoStream) -> Fraction:
    """Return the constant frame rate for a stream.

    It is the average rate, or for variable frame rates (screen recordings, phones in the dark)
    the base rate, which has a slot for every frame.
    """
    average = stream.average_rate or stream.guessed_rate or Fraction(30)
    base = stream.base_rate or average
    uneven = average * Fraction(101, 100) < base <= 60
    rate = base if uneven else average
    return rate if 0 < rate <= _MAX_FPS else Fraction(30)


def _with_scanned_duration(item: MediaItem, container: InputContainer, scan: Survey) -> MediaItem:
    """Return the item with the duration of its video, or else its audio.

    It comes from the packets: the header of a truncated file is wrong, and browsers record files
    without a duration. A truncated file gets a warning.
    """
    if scan.broken:
        return _with_duration(item, scan.end_s)
    stream = main_video(container) or main_audio(container)
    assert stream is not None
    assert stream.time_base is not None
    origin = origin_s(container)
    end_s, last_end_s = scan.end_s - origin, scan.last_end_s - origin
    header_s = Fraction(0)
    if stream.duration:
        header_s = ((stream.start_time or 0) + stream.duration) * stream.time_base - origin
        last_end_s = end_s
        if container.format.name == "avi":  # FFmpeg estimates the duration of a truncated AVI
            header_s = max(header_s, stream.frames * frame_duration_s(stream))
    elif container.duration:  # of the longer stream
        header_s = Fraction(container.duration, av.time_base)
        if header_s > origin:  # Matroska counts from zero, not from the first frame
            header_s -= origin
    if end_s <= 0:
        end_s = last_end_s = header_s
    if header_s - last_end_s > max(_TRUNCATED_S, 2 * frame_duration_s(stream)):
        header, actual = seconds_text(header_s), seconds_text(last_end_s)
        item = _warned(item, f"{item.name} is cut off after {actual} of {header}.")
    return _with_duration(item, min(end_s, header_s) if header_s else end_s)


def _warned(item: MediaItem, warning: str) -> MediaItem:
    return attrs.evolve(item, warnings=(*item.warnings, warning))


def _with_duration(item: MediaItem, duration_s: Fraction) -> MediaItem:
    if duration_s > MAX_HOURS * 3600:
        raise _unsupported(
            f"{item.name} lasts {float(duration_s) / 3600:.1f} hours: the local backend accepts "
            f"files of up to {MAX_HOURS} hours",
            "Split the file, and upload the parts.",
        )
    return attrs.evolve(item, duration_ms=max(1, round(duration_s * 1000)))


def _check_size(item: MediaItem, width: int, height: int) -> None:
    """Reject a picture that exceeds the limits of the encoder."""
    if max(width, height) > MAX_SIDE_PX or width * height > MAX_PIXELS:
        raise _unsupported(
            f"{item.name} has {width}×{height} pixels: the local backend accepts up to "
            f"{MAX_PIXELS / 1e6:.0f} million, and up to {MAX_SIDE_PX} on a side",
            _scaled_down((width, height), MAX_PIXELS),
        )


def _check_animation(item: MediaItem) -> None:
    """Reject an animation that would take minutes to decode; its file can be tiny."""
    (width, height), count = size_and_count(item.path)
    _check_size(item, width, height)
    is_zip = picture_family(item.path) == "zip"
    if count > (limit := MAX_ZIP_FRAMES if is_zip else MAX_ANIMATION_FRAMES):
        raise _unsupported(
            f"{item.name} has more than {limit:,} frames", "Split it, or convert it to MP4 or WebM."
        )
    if not is_zip and width * height * count > MAX_ANIMATION_PIXELS:
        raise _unsupported(
            f"{item.name} has {count} frames of {width}×{height} pixels: the local backend accepts "
            f"animations of up to {MAX_ANIMATION_PIXELS / 1e9:.0f} billion pixels in total",
            "Make it smaller or shorter, or convert it to MP4 or WebM.",
        )


def _scaled_down(size: tuple[int, int], max_pixels: int) -> str:
    """Return the remedy for a picture that is too large, with the largest accepted size."""
    scale = min(MAX_SIDE_PX / max(size), math.sqrt(max_pixels / math.prod(size)))
    width, height = (max(1, int(side * scale)) for side in size)
    return f"Scale it down to {width}×{height} pixels or less, and upload it again."


def seconds_text(duration_s: Fraction) -> str:
    """Format a duration in seconds, or in milliseconds if that would round to 0.0."""
    if duration_s >= Fraction(1, 20):
        return f"{float(duration_s):.1f} s"
    return f"{float(duration_s) * 1000:.0f} ms"


def _unreadable(item: MediaItem, kind: str, error: Exception) -> UnsupportedFileError:
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return _unsupported(
        f"{item.name}: the file cannot be read as {kind} ({reason})",
        "Save or convert the file again: it may be damaged.",
    )


def _unsupported(message: str, remedy: str | None = None) -> UnsupportedFileError:
    return UnsupportedFileError(message, code=4001, remedy=remedy)
