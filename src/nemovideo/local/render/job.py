"""One render from beginning to end: plan, frames, sound, file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path

import attrs
import av.error
from av.video.frame import VideoFrame

from nemovideo.errors import NemoError, RenderCancelledError, RenderFailedError
from nemovideo.local.matte import Matte, SelfieSegmentation
from nemovideo.local.media import MediaItem
from nemovideo.local.render.canvas import Canvas
from nemovideo.local.render.clips import EngineSource, clip_frames
from nemovideo.local.render.encoding import format_named, open_writer
from nemovideo.local.render.sound import SAMPLE_RATE, Mixer
from nemovideo.local.render.titles import Titles
from nemovideo.local.timeline import Timeline

_MAX_SIDE = 8192


@attrs.frozen
class RenderResult:
    """The finished file."""

    path: Path
    duration_ms: int
    size_bytes: int
    width: int
    height: int


def render(
    timeline: Timeline,
    media: Mapping[str, MediaItem],
    output: Path,
    *,
    format: str = "mp4",  # noqa: A002 - the protocol's name
    quality: str = "high",
    engine: Matte | None = None,
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
        format: "mp4" (H.264, AAC), "webm" (VP9, Opus) or "mov" (ProRes, PCM).
            A transparent background is kept in WebM and MOV; MP4 has no
            transparency, there it is black.
        quality: "high", "medium" or "low".
        engine: What tells the person from the background; by default
            MediaPipe's selfie segmentation, fetched on first use.
        on_progress: Gets the share of frames done, 0..1, in the calling thread.
        cancelled: Asked before every frame; True stops the render.

    Raises:
        RenderFailedError: The draft is wrong, a file is missing or unreadable,
            or there is no such format or quality.
        RenderCancelledError: `cancelled` said so.
        ModelUnavailableError: The engine's model or a font cannot be fetched.
    """
    kind = format_named(format)
    _check(timeline, media)
    report = on_progress or _ignore
    part = output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        with_alpha = kind.alpha_pixel_format is not None and _has_alpha(timeline)
        canvas = Canvas.of(timeline, media, alpha=with_alpha)
        frames = _frames(timeline, canvas, media, _engine_source(engine))
        total = _frame_at(timeline.duration_ms, canvas)
        mixer = Mixer(timeline, media)
        with open_writer(
            part, kind, canvas, quality=quality, with_sound=not mixer.silent
        ) as writer:
            samples = 0
            for number, frame in enumerate(frames):
                if cancelled is not None and cancelled():
                    raise RenderCancelledError("the render was cancelled")
                writer.write_frame(frame)
                if not mixer.silent:
                    due = round((number + 1) * SAMPLE_RATE / canvas.fps)
                    writer.write_sound(mixer.read(due - samples))
                    samples = due
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
        width=canvas.width,
        height=canvas.height,
    )


def _ignore(_fraction: float) -> None:
    pass


def _check(timeline: Timeline, media: Mapping[str, MediaItem]) -> None:
    """Refuse a draft that cannot be rendered before any work is done."""
    if timeline.duration_ms <= 0:
        raise RenderFailedError("the draft has no picture: there is nothing to render")
    if not (0 < timeline.width <= _MAX_SIDE and 0 < timeline.height <= _MAX_SIDE):
        raise RenderFailedError(f"a picture of {timeline.width}×{timeline.height} cannot be made")
    if not 0 < timeline.fps <= 240:
        raise RenderFailedError(f"{timeline.fps:g} frames a second cannot be made")
    if any(clip.duration_ms < 0 or clip.speed <= 0 for clip in timeline.clips):
        raise RenderFailedError("a clip of the draft has a negative duration or no speed")
    backgrounds = [clip.background for clip in timeline.clips if clip.background]
    used = [clip.media for clip in timeline.clips if clip.kind != "card"]
    used += [sound.media for sound in timeline.sounds]
    used += [b.media for b in backgrounds if b.kind in ("image", "video")]
    for media_id in used:
        item = media.get(media_id or "")
        if item is None:
            raise RenderFailedError(f"the draft names media {media_id!r}, which is not uploaded")
        if not item.path.is_file():
            raise RenderFailedError(f"the file of {item.name} is gone")


def _has_alpha(timeline: Timeline) -> bool:
    backgrounds = (clip.background for clip in timeline.clips if clip.kind != "card")
    return any(b is not None and b.kind == "transparent" for b in backgrounds)


def _engine_source(engine: Matte | None) -> EngineSource:
    """Return a function that gives the engine; the default one is loaded when first asked for."""
    loaded = engine

    def give() -> Matte:
        nonlocal loaded
        if loaded is None:
            loaded = SelfieSegmentation()
        return loaded

    return give


def _frame_at(time_ms: int, canvas: Canvas) -> int:
    return max(1, round(time_ms * canvas.fps / 1000))


def _frames(
    timeline: Timeline, canvas: Canvas, media: Mapping[str, MediaItem], engine: EngineSource
) -> Iterator[VideoFrame]:
    """Yield every frame of the output."""
    titles = Titles(timeline, canvas)
    number = 0
    end_ms = 0
    for clip in timeline.clips:
        end_ms += clip.duration_ms
        end = _frame_at(end_ms, canvas)
        for frame in islice(clip_frames(clip, canvas, media, engine), max(0, end - number)):
            yield titles.over(frame, number)
            number += 1
