"""The picture of one clip of the timeline: source, layout, cut-out, background, adjustments."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from itertools import islice

import attrs
from av.video.frame import VideoFrame

from nemovideo.local.matte import LoadedEngine
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.render.canvas import Canvas
from nemovideo.local.render.cutting import cut_out
from nemovideo.local.render.decoding import Decode, decode_frames
from nemovideo.local.render.filters import Adjustment, Shift
from nemovideo.local.render.layout import Layout, Offset, lies_plain, plan
from nemovideo.local.render.notices import Warn, unheard
from nemovideo.local.render.own_alpha import lay_over
from nemovideo.local.render.sights import find_people
from nemovideo.local.render.sources import Source, each_once, open_source
from nemovideo.local.timeline import Clip

MattingSource = Callable[[], LoadedEngine]


def clip_frames(
    clip: Clip,
    canvas: Canvas,
    media: Mapping[str, MediaItem],
    matting: MattingSource,
    warn: Warn = unheard,
    *,
    count: int,
    decode: Decode = decode_frames,
    begun_s: Fraction = Fraction(0),
) -> Iterator[VideoFrame]:
    """Yield the clip's finished frames on the canvas, `count` of them: the last one stands.

    Nothing is asked for more frames than that: an engine that looks ahead would not end.

    A frame may be yielded again as it is, so the receiver must not change it.

    Args:
        clip: The clip.
        canvas: What is being made.
        media: The uploaded files.
        matting: Gives the engine when it is needed.
        warn: Is told what the result lacks.
        count: How many frames to make.
        decode: Gives the frames of a video.
        begun_s: How far into its background the clip begins, in seconds.

    Raises:
        RenderFailedError: The clip names something that is not there or cannot be read.
    """
    source = open_source(clip, media, warn, decode)
    layout = None
    if clip.kind != "card" and not lies_plain(clip, canvas, source.shape):
        layout = _laid_out(clip, canvas, source, matting, warn)
    frames: Iterator[VideoFrame] = islice(
        source.frames(canvas if layout is None else layout.stage(canvas)), count
    )
    if source.has_alpha:
        frames = lay_over(frames, clip, canvas, media, layout, warn, begun_s=begun_s)
    elif clip.background is not None and clip.kind != "card":
        frames = cut_out(frames, clip, canvas, media, matting(), warn, layout, begun_s=begun_s)
    elif layout is not None:
        frames = _shifted(frames, canvas, layout)
    if (clip.brightness, clip.contrast, clip.saturation) != (0, 1, 1):
        adjust = Adjustment(
            canvas,
            brightness=clip.brightness,
            contrast=clip.contrast,
            saturation=clip.saturation,
        )
        frames = each_once(frames, adjust)
    return each_once(frames, lambda frame: frame.reformat(format=canvas.pixel_format))


def _laid_out(
    clip: Clip, canvas: Canvas, source: Source, matting: MattingSource, warn: Warn
) -> Layout:
    """Look through the clip for its people, and plan where its picture lies."""
    count = max(1, round(clip.duration_ms * canvas.fps / 1000))
    looked_at = clip.fit == "cover" or clip.background is not None

    def frames(side: int) -> Iterator[VideoFrame]:
        small = _small(canvas, source.shape, side)
        return islice(source.frames(small), count if clip.kind == "video" else 1)

    sights = find_people(frames, float(canvas.fps), matting()) if looked_at else []
    if looked_at and not sights and clip.background is None:
        warn(f"No person was found in {clip.name}: the middle of it is shown.")
    return plan(clip, canvas, source.shape, sights, count)


def _small(canvas: Canvas, shape: Fraction, longest: int) -> Canvas:
    """Return a small canvas of a picture's own shape."""
    wide, high = shape / canvas.aspect, Fraction(1)
    scale = longest / max(wide, high)
    sides = [max(16, round(side * scale / 2) * 2) for side in (wide, high)]
    return attrs.evolve(canvas, width=sides[0], height=sides[1])


def _shifted(frames: Iterator[VideoFrame], canvas: Canvas, layout: Layout) -> Iterator[VideoFrame]:
    """Yield what the canvas shows of a stage's frames; one that stands is shown once."""
    shift = Shift(canvas, fill=layout.filled)
    last: tuple[VideoFrame, Offset] | None = None
    made: VideoFrame | None = None
    for number, frame in enumerate(frames):
        offset = layout.at(number)
        if made is None or last is None or last[0] is not frame or last[1] != offset:
            last, made = (frame, offset), shift(frame, offset)
        yield made
