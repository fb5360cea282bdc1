"""Render a draft to a file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import attrs
import av.error
from av.video.frame import VideoFrame

from nemovideo._support.disk import replacing
from nemovideo._support.outputs import BUNDLE
from nemovideo.errors import NemoError, RenderCancelledError, RenderFailedError
from nemovideo.local.matte import Engine, LazyMatting
from nemovideo.local.media.limits import (
    MAX_HOURS,
    MAX_PARTS,
    MAX_PHOTO_PIXELS,
    MAX_PIXELS,
    MAX_SIDE_PX,
    MAX_TITLE_CHARS,
)
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.media.tags import Tags
from nemovideo.local.render.backgrounds import media_item
from nemovideo.local.render.canvas import Canvas
from nemovideo.local.render.clips import MattingSource, clip_frames
from nemovideo.local.render.drafts import for_format, plain_photo, resolved_format
from nemovideo.local.render.effects import shallow_copy
from nemovideo.local.render.encoding import open_writer, sound_for
from nemovideo.local.render.finishing import Finish, frame_count
from nemovideo.local.render.formats import Format, format_named
from nemovideo.local.render.kept_tags import tags_for
from nemovideo.local.render.notices import Notices, Warn
from nemovideo.local.render.prefetch import prefetch
from nemovideo.local.timeline import Clip, Crop, Place, Timeline

_ALPHA_MEMORY = {"webm": 2}
"""How many times as much memory the encoder of a format needs with alpha."""
_BYTES_PER_PIXEL = {"zip": 0.02, "gif": 0.02, "mov": 0.02}
"""The minimum size on disk, in bytes per pixel, of formats with large files."""
_MIN_RATE = 0.001
_MIN_SCALE, _MAX_SCALE = 0.02, 4.0


@attrs.frozen
class RenderResult:
    """The finished file.

    `warnings` are sentences for the user, such as those about damaged sources, or about frames in
    which no person was found.
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
    """Render a draft to a file, which appears at `output` when it is complete.

    Args:
        timeline: The draft; odd sizes are rounded up.
        media: The uploaded files, by their ids in the draft.
        output: The path of the file; an existing file is replaced.
        format: "mp4" (H.264, AAC), "webm" (VP9, Opus), "mov" (ProRes, PCM), "gif", "zip" (a PNG
            for each frame), or for a single picture "png", "jpg" or "webp". Transparency is black
            in formats without alpha (MP4, JPEG). With the prefix "matte.", as in "matte.mp4", the
            mask only, white where the person is. "stacked.mp4" has the color above the mask;
            "bundle.zip" has both as MP4 files. A "webp" of a video is animated.
        quality: "high", "medium" or "low".
        engine: The matting engine: an object (`matte.Matte`), "fine" (the default) or "fast",
            whose networks are downloaded on first use, or "rembg" or "rembg:u2netp".
        matting: Loads the engine when it is needed, in place of `engine`.
        on_progress: Called with the fraction of frames done, 0..1, in the calling thread.
        cancelled: Called before every frame; True cancels the render.

    Raises:
        RenderFailedError: The draft is invalid, a file is missing or unreadable, or the format or
            quality is unknown.
        RenderCancelledError: The render was canceled.
        ModelUnavailableError: The engine's model or a font cannot be downloaded.
    """
    kind = resolved_format(timeline, format_named(format))
    check_draft(timeline, media)
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
            max_side=None if timeline.has_custom_size else kind.max_side,
            max_fps=None if timeline.has_custom_fps else kind.max_fps,
        )
        if (kind.stacked or kind.name == BUNDLE) and not canvas.alpha:
            raise RenderFailedError("nothing in the draft is transparent: there is no mask")
        total = frame_count(timeline.duration_ms, canvas)
        _check_cost(kind, canvas, total, output.parent)

        def tick() -> None:
            if cancelled is not None and cancelled():
                raise RenderCancelledError("the render was canceled")

        loaded = matting or LazyMatting(engine).load
        frames = _frames(timeline, canvas, media, loaded, notices.add, tick)
        sound = sound_for(timeline, media, kind, notices.add)
        size = canvas.width, canvas.height * (2 if kind.stacked else 1)
        if kind.still and abs(size[0] - timeline.width) + abs(size[1] - timeline.height) <= 2:
            size = timeline.width, timeline.height  # odd sizes were rounded up for the canvas
        tagged = (kind.name in ("mp4", "mov") and not kind.matte) or not timeline.keep_metadata
        tags = tags_for(timeline, media, notices.add) if tagged else Tags()
        photo = plain_photo(timeline, media) if kind.still and canvas.alpha else None
        with (
            replacing(output, temp=part),
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
            prefetch(frames, tick=tick) as prefetched,
        ):
            for number, frame in enumerate(prefetched):
                tick()
                writer.write_frame(frame)
                if on_progress is not None:
                    on_progress((number + 1) / total)
    except NemoError:
        raise
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise RenderFailedError(f"the file cannot be rendered: {error}") from error
    return RenderResult(
        path=output,
        duration_ms=timeline.duration_ms,
        size_bytes=output.stat().st_size,
        width=size[0],
        height=size[1],
        warnings=notices.sentences,
    )


def check_draft(timeline: Timeline, media: Mapping[str, MediaItem]) -> None:
    """Validate a draft before rendering.

    Raises:
        RenderFailedError: A file is missing, or a value is out of range.
    """
    if (count := timeline.part_count) > MAX_PARTS:
        raise RenderFailedError(
            f"the draft has {count} parts: the local backend accepts up to {MAX_PARTS}"
        )
    texts = [title.text for title in timeline.titles] + [clip.text or "" for clip in timeline.clips]
    if (longest := max(map(len, texts), default=0)) > MAX_TITLE_CHARS:
        raise RenderFailedError(
            f"a text in the draft has {longest} characters: the local backend draws up to "
            f"{MAX_TITLE_CHARS}"
        )
    if timeline.duration_ms <= 0:
        raise RenderFailedError("the draft has no picture: there is nothing to render")
    if not (0 < timeline.width <= MAX_SIDE_PX and 0 < timeline.height <= MAX_SIDE_PX):
        raise RenderFailedError(
            f"the size {timeline.width}×{timeline.height} is not supported: the local backend "
            f"renders up to {MAX_SIDE_PX} pixels on a side"
        )
    if timeline.duration_ms > MAX_HOURS * 3_600_000:
        raise RenderFailedError(
            f"the draft lasts {timeline.duration_ms / 3_600_000:.1f} hours: the local backend "
            f"renders up to {MAX_HOURS} hours"
        )
    if not _MIN_RATE <= timeline.fps <= 240:
        raise RenderFailedError(f"a rate of {timeline.fps:g} fps is not supported")
    if any(clip.duration_ms < 0 or clip.speed < _MIN_RATE for clip in timeline.clips):
        raise RenderFailedError(
            f"a clip of the draft has a negative duration, or a speed below {_MIN_RATE}"
        )
    for clip in timeline.clips:
        if not _has_valid_frame(clip):
            raise RenderFailedError(
                f"{clip.name} has an invalid rotation, flip, fit, crop or place in the draft"
            )
    for media_id in _used(timeline):
        item = media_item(media, media_id)
        if not item.path.is_file():
            raise RenderFailedError(f"the file of {item.name} no longer exists")


def _check_cost(kind: Format, canvas: Canvas, frames: int, folder: Path) -> None:
    """Check that memory and disk space suffice."""
    pixels = canvas.width * canvas.height
    most = MAX_PHOTO_PIXELS if kind.still else MAX_PIXELS
    if canvas.alpha:
        most //= _ALPHA_MEMORY.get(kind.name, 1)
    if pixels > most:
        raise RenderFailedError(
            f"the size {canvas.width}×{canvas.height} is not supported: the local backend renders "
            f"{kind.name} files of up to {most / 1e6:.0f} million pixels"
        )
    needed = _BYTES_PER_PIXEL.get(kind.name, 0) * pixels * frames
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise RenderFailedError(
            f"there is not enough disk space: the {kind.name} file needs at least "
            f"{needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free"
        )


def _has_valid_frame(clip: Clip) -> bool:
    """Return whether the clip's rotation, flip, fit, crop and place are valid."""
    crop, place = clip.crop or Crop(), clip.place or Place()
    return (
        clip.rotation_deg in (0, 90, 180, 270)
        and clip.flip in ("", "x", "y", "xy")
        and clip.fit in ("contain", "blur", "cover")
        and 0 <= crop.left < crop.right <= 1
        and 0 <= crop.top < crop.bottom <= 1
        and _MIN_SCALE <= place.scale <= _MAX_SCALE
        and all(share is None or 0 <= share <= 1 for share in (place.x, place.y))
    )


def _used(timeline: Timeline) -> list[str]:
    """Return the media ids in the draft; "" for a missing one."""
    backgrounds = [clip.background for clip in timeline.clips if clip.background]
    used = [clip.media for clip in timeline.clips if clip.kind != "card"]
    used += [sound.media for sound in timeline.sounds]
    used += [overlay.media for overlay in timeline.overlays]
    used += [b.media for b in backgrounds if b.kind in ("image", "video")]
    return [media_id or "" for media_id in used]


def has_alpha(timeline: Timeline) -> bool:
    """Return whether any clip has a transparent background."""
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
    """Yield every frame of the output as a distinct object: the encoder sets their timestamps."""
    copy = shallow_copy(canvas)
    finish = Finish(timeline, canvas, media, warn)
    number = 0
    end_ms = 0
    for clip in timeline.clips:
        tick()
        end_ms += clip.duration_ms
        count = max(0, frame_count(end_ms, canvas) - number)
        for frame in clip_frames(clip, canvas, media, matting, warn, count=count):
            yield finish.faded(copy(finish.titled(frame, number)), number)
            number += 1
