"""Frames of one clip: source, layout, background and color adjustments."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import partial
from itertools import islice

import attrs
from av.video.frame import VideoFrame

from nemovideo.local.matte import LoadedEngine
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.render.backgrounds import MakeBackground, make_background
from nemovideo.local.render.canvas import Canvas
from nemovideo.local.render.cutting import cut_out
from nemovideo.local.render.decoding import Decode, decode_frames
from nemovideo.local.render.detection import find_people
from nemovideo.local.render.effects import adjustment
from nemovideo.local.render.embedded_alpha import composite
from nemovideo.local.render.filters import Shift
from nemovideo.local.render.layout import Layout, is_plain_fit, plan, positioned
from nemovideo.local.render.notices import Warn, ignore_warning
from nemovideo.local.render.sources import Source, map_distinct, open_source
from nemovideo.local.timeline import Clip

MattingSource = Callable[[], LoadedEngine]


def clip_frames(
    clip: Clip,
    canvas: Canvas,
    media: Mapping[str, MediaItem],
    matting: MattingSource,
    warn: Warn = ignore_warning,
    *,
    count: int,
    decode: Decode = decode_frames,
    backgrounds: MakeBackground = make_background,
    offset_s: Fraction = Fraction(0),
) -> Iterator[VideoFrame]:
    """Yield `count` finished frames of a clip on the canvas; the last one is held if needed.

    Only `count` frames are read: the source is endless, and an engine with lookahead would never
    finish. A frame can be yielded repeatedly, so consumers must not change it.

    Args:
        clip: The clip.
        canvas: The output canvas.
        media: The uploaded files.
        matting: Loads the engine when it is needed.
        warn: Called with each warning.
        count: The number of frames.
        decode: Decodes the frames of a video.
        backgrounds: Makes the source of a background.
        offset_s: The offset of the clip in its background, in seconds.

    Raises:
        RenderFailedError: A file of the clip is missing or unreadable.
    """
    source = open_source(clip, media, warn, decode)
    layout = None
    if clip.kind != "card" and not is_plain_fit(clip, canvas, source.shape):
        layout = _laid_out(clip, canvas, source, matting, warn)
    frames: Iterator[VideoFrame] = islice(
        source.frames(canvas if layout is None else layout.stage(canvas)), count
    )
    if clip.background is not None and clip.kind != "card":
        open_background = partial(
            backgrounds, clip.background, canvas, media, warn, offset_s=offset_s
        )
        if source.has_alpha:
            frames = composite(frames, clip, canvas, open_background, layout)
        else:
            frames = cut_out(frames, clip, canvas, open_background, matting(), warn, layout)
    elif layout is not None:
        frames = positioned(frames, layout, Shift(canvas, fill=layout.filled))
    if (clip.brightness, clip.contrast, clip.saturation) != (0, 1, 1):
        adjust = adjustment(
            canvas,
            brightness=clip.brightness,
            contrast=clip.contrast,
            saturation=clip.saturation,
        )
        frames = map_distinct(frames, adjust)
    return map_distinct(frames, lambda frame: frame.reformat(format=canvas.pixel_format))


def _laid_out(
    clip: Clip, canvas: Canvas, source: Source, matting: MattingSource, warn: Warn
) -> Layout:
    """Detect people in the clip if needed, and plan its layout."""
    count = max(1, round(clip.duration_ms * canvas.fps / 1000))
    detect = clip.fit == "cover" or clip.background is not None

    def frames(side: int) -> Iterator[VideoFrame]:
        small = _small(canvas, source.shape, side)
        return islice(source.frames(small), count if clip.kind == "video" else 1)

    detections = find_people(frames, float(canvas.fps), matting()) if detect else []
    if detect and not detections and clip.background is None:
        warn(f"No person was found in {clip.name}: its center is shown.")
    return plan(clip, canvas, source.shape, detections, count)


def _small(canvas: Canvas, shape: Fraction, longest: int) -> Canvas:
    """Return a canvas of the picture's aspect ratio with this longer side."""
    width, height = shape / canvas.aspect, Fraction(1)
    scale = longest / max(width, height)
    sides = [max(16, round(side * scale / 2) * 2) for side in (width, height)]
    return attrs.evolve(canvas, width=sides[0], height=sides[1])
