"""One render from beginning to end: plan, frames, sound, file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import attrs
import av.error
from av.video.frame import VideoFrame

from nemovideo._support.outputs import BUNDLE
from nemovideo.errors import NemoError, RenderCancelledError, RenderFailedError
from nemovideo.local.matte import Engine, LazyMatting
from nemovideo.local.media.limits import (
    MAX_CHARACTERS,
    MAX_HOURS,
    MAX_PARTS,
    MAX_PHOTO_PIXELS,
    MAX_PIXELS,
    MAX_SIDE_PX,
)
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.media.tags import Tags
from nemovideo.local.render.ahead import ahead
from nemovideo.local.render.canvas import Canvas
from nemovideo.local.render.clips import MattingSource, clip_frames
from nemovideo.local.render.drafts import for_format, plain_photo, settled
from nemovideo.local.render.encoding import Format, format_named, open_writer, sound_for
from nemovideo.local.render.filters import Fresh
from nemovideo.local.render.finishing import Finish, frame_at
from nemovideo.local.render.kept_tags import tags_for
from nemovideo.local.render.notices import Notices, Warn
from nemovideo.local.timeline import Clip, Crop, Place, Timeline

_HEAVY = {"webm": 2}
"""How many times as much memory the encoder of a format takes for frames with alpha."""
_BYTES_PER_PIXEL = {"zip": 0.02, "gif": 0.02, "mov": 0.02}
"""What a frame takes on the disk at the very least, of formats that take much."""
_LEAST_RATE = 0.001
_LEAST_SCALE, _MOST_SCALE = 0.02, 4.0


@attrs.frozen
class RenderResult:
    """The finished file.

    `warnings` are whole sentences for the user about what the file lacks, such
    as damaged frames of a source, or stretches where no person was found.
    """

    path: Path
    duration_ms: int
    size_bytes: int
    width: int
    height: int
    warnings: tuple[str, ...] = ()


def render(
    timeline: Timeline,
    media: Mapping[str, MediaItem],
    output: Path,
    *,
    format: str = "mp4",  # noqa: A002 - the protocol's name
    quality: str = "high",
    engine: Engine | None = None,
    matting: MattingSource | None = None,
    on_progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> RenderResult:
    """Make the file of a draft.

    It is written beside `output` and put there when it is complete.

    Args:
        timeline: The draft; its size, rate and duration are the file's, with
            odd sizes made even.
        media: The uploaded files, by the ids that the draft uses.
        output: Where the file goes; one that is there is replaced.
        format: "mp4" (H.264, AAC), "webm" (VP9, Opus), "mov" (ProRes, PCM),
            "gif", "zip" (a PNG for each frame), or for a single picture "png",
            "jpg" or "webp". A transparent background is kept where the format
            can (not in MP4 and JPEG: there it is black). With "matte." before
            it, as in "matte.mp4", the mask alone: white where the person is.
            "stacked.mp4" has the color above and the mask below; "bundle.zip"
            holds both as MP4 files. A "webp" of a video is animated.
        quality: "high", "medium" or "low".
        engine: What tells the person from the background: an object that does
            (`matte.Matte`), "fine" (the default) or "fast", whose networks are fetched
            on first use, or "rembg" or "rembg:u2netp".
        matting: Gives the loaded engine instead, when it is needed.
        on_progress: Gets the share of frames done, 0..1, in the calling thread.
        cancelled: Asked before every frame; True stops the render.

    Raises:
        RenderFailedError: The draft is wrong, a file is missing or unreadable,
            or there is no such format or quality.
        RenderCancelledError: `cancelled` said so.
        ModelUnavailableError: The engine's model or a font cannot be fetched.
    """
    kind = settled(timeline, format_named(format))
    check_draft(timeline, media)
    report = on_progress or _ignore
    notices = Notices()
    for media_id in _used(timeline):
        for sentence in media[media_id].warnings:
            notices.add(sentence)
    part = output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        timeline = for_format(timeline, media, kind)
        canvas = Canvas.of(
            timeline,
            media,
            alpha=kind.has_alpha and has_alpha(timeline),
            square_pixels=kind.square_pixels,
            max_side=None if timeline.shaped else kind.max_side,
            max_fps=kind.max_fps,
        )
        if (kind.stacked or kind.name == BUNDLE) and not canvas.alpha:
            raise RenderFailedError(
                "nothing in the draft is transparent: there is no mask to put beside the color"
            )
        total = frame_at(timeline.duration_ms, canvas)
        _check_cost(kind, canvas, total, output.parent)

        def tick() -> None:
            if cancelled is not None and cancelled():
                raise RenderCancelledError("the render was cancelled")

        loaded = matting or LazyMatting(engine).load
        frames = _frames(timeline, canvas, media, loaded, notices.add, tick)
        sound = sound_for(timeline, media, kind, notices.add)
        size = canvas.width, canvas.height * (2 if kind.stacked else 1)
        if kind.still and abs(size[0] - timeline.width) + abs(size[1] - timeline.height) <= 2:
            size = timeline.width, timeline.height  # what is odd was made even for the canvas
        tagged = (kind.name in ("mp4", "mov") and not kind.matte) or not timeline.keep_metadata
        tags = tags_for(timeline, media, notices.add) if tagged else Tags()
        photo = plain_photo(timeline, media) if kind.still and canvas.alpha else None
        with (
            open_writer(
                part,
                kind,
                canvas,
                quality=quality,
                sound=sound,
                tags=tags,
                tick=tick,
                size=size,
                photo=photo,
            ) as writer,
            ahead(frames, tick=tick) as made,
        ):
            for number, frame in enumerate(made):
                tick()
                writer.write_frame(frame)
                report((number + 1) / total)
        part.replace(output)
    except NemoError:
        raise
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise RenderFailedError(f"the file cannot be made: {error}") from error
    finally:
        part.unlink(missing_ok=True)
    return RenderResult(
        path=output,
        duration_ms=timeline.duration_ms,
        size_bytes=output.stat().st_size,
        width=size[0],
        height=size[1],
        warnings=notices.sentences,
    )


def _ignore(_fraction: float) -> None:
    pass


def check_draft(timeline: Timeline, media: Mapping[str, MediaItem]) -> None:
    """Refuse a draft that cannot be rendered before any work is done.

    Raises:
        RenderFailedError: A file is missing, or a number is out of bounds.
    """
    parts = timeline.clips, timeline.titles, timeline.sounds, timeline.overlays
    if (count := sum(map(len, parts))) > MAX_PARTS:
        raise RenderFailedError(
            f"the draft has {count} parts: the local backend takes up to {MAX_PARTS}"
        )
    texts = [title.text for title in timeline.titles] + [clip.text or "" for clip in timeline.clips]
    if (longest := max(map(len, texts), default=0)) > MAX_CHARACTERS:
        raise RenderFailedError(
            f"a text of the draft has {longest} characters: the local backend draws up to "
            f"{MAX_CHARACTERS}"
        )
    if timeline.duration_ms <= 0:
        raise RenderFailedError("the draft has no picture: there is nothing to render")
    if not (0 < timeline.width <= MAX_SIDE_PX and 0 < timeline.height <= MAX_SIDE_PX):
        raise RenderFailedError(
            f"a picture of {timeline.width}×{timeline.height} cannot be made: the local backend "
            f"makes up to {MAX_SIDE_PX} pixels on a side"
        )
    if timeline.duration_ms > MAX_HOURS * 3_600_000:
        raise RenderFailedError(
            f"the draft lasts {timeline.duration_ms / 3_600_000:.1f} hours: the local backend "
            f"makes files of up to {MAX_HOURS} hours"
        )
    if not _LEAST_RATE <= timeline.fps <= 240:
        raise RenderFailedError(f"{timeline.fps:g} frames a second cannot be made")
    if any(clip.duration_ms < 0 or clip.speed < _LEAST_RATE for clip in timeline.clips):
        raise RenderFailedError(
            f"a clip of the draft has a negative duration, or a speed below {_LEAST_RATE}"
        )
    for clip in timeline.clips:
        if not _is_framed(clip):
            raise RenderFailedError(f"the frame of {clip.name} in the draft is wrong")
    for media_id in _used(timeline):
        item = media.get(media_id)
        if item is None:
            raise RenderFailedError(f"the draft names media {media_id!r}, which is not uploaded")
        if not item.path.is_file():
            raise RenderFailedError(f"the file of {item.name} is gone")


def _check_cost(kind: Format, canvas: Canvas, frames: int, folder: Path) -> None:
    """Refuse what would take more memory, or more of the disk, than there should be."""
    pixels = canvas.width * canvas.height
    most = MAX_PHOTO_PIXELS if kind.still else MAX_PIXELS
    if canvas.alpha:
        most //= _HEAVY.get(kind.name, 1)
    if pixels > most:
        raise RenderFailedError(
            f"a picture of {canvas.width}×{canvas.height} cannot be made: as {kind.name} the local "
            f"backend makes up to {most / 1e6:.0f} million pixels"
        )
    needed = _BYTES_PER_PIXEL.get(kind.name, 0) * pixels * frames
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise RenderFailedError(
            f"there is no room for the file: as {kind.name} it takes {needed / 1e9:.1f} GB or "
            f"more, and {free / 1e9:.1f} GB are free"
        )


def _is_framed(clip: Clip) -> bool:
    """Return whether the clip's turn, flip, crop and place can be carried out."""
    crop, place = clip.crop or Crop(), clip.place or Place()
    return (
        clip.turn in (0, 90, 180, 270)
        and clip.flip in ("", "x", "y", "xy")
        and clip.fit in ("contain", "blur", "cover")
        and 0 <= crop.left < crop.right <= 1
        and 0 <= crop.top < crop.bottom <= 1
        and _LEAST_SCALE <= place.scale <= _MOST_SCALE
        and all(share is None or 0 <= share <= 1 for share in (place.x, place.y))
    )


def _used(timeline: Timeline) -> list[str]:
    """Return the ids of the files that the draft needs; "" where it names none."""
    backgrounds = [clip.background for clip in timeline.clips if clip.background]
    used = [clip.media for clip in timeline.clips if clip.kind != "card"]
    used += [sound.media for sound in timeline.sounds]
    used += [overlay.media for overlay in timeline.overlays]
    used += [b.media for b in backgrounds if b.kind in ("image", "video")]
    return [media_id or "" for media_id in used]


def has_alpha(timeline: Timeline) -> bool:
    """Return whether some clip is to be transparent."""
    backgrounds = (clip.background for clip in timeline.clips if clip.kind != "card")
    return any(b is not None and b.kind == "transparent" for b in backgrounds)


def _frames(
    timeline: Timeline,
    canvas: Canvas,
    media: Mapping[str, MediaItem],
    matting: MattingSource,
    warn: Warn,
    tick: Callable[[], None],
) -> Iterator[VideoFrame]:
    """Yield every frame of the output, each a frame of its own: the encoder numbers them."""
    fresh = Fresh(canvas)
    finish = Finish(timeline, canvas, media, warn)
    number = 0
    end_ms = 0
    for clip in timeline.clips:
        tick()
        end_ms += clip.duration_ms
        count = max(0, frame_at(end_ms, canvas) - number)
        for frame in clip_frames(clip, canvas, media, matting, warn, count=count):
            yield finish.faded(fresh(finish.titled(frame, number)), number)
            number += 1
