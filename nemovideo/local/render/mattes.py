"""Frames of a file with their alpha, as in an export."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from itertools import islice

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame
from PIL import Image

from nemovideo.errors import InvalidRequestError
from nemovideo.local.matte import Cut, LoadedEngine
from nemovideo.local.matte.corrections import Corrections
from nemovideo.local.matte.engine import Mask
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.render.canvas import Canvas
from nemovideo.local.render.colors import matrix_for
from nemovideo.local.render.compositing import AlphaPlane, CleanFrame
from nemovideo.local.render.cutting import FrameView, frame_views, with_warnings
from nemovideo.local.render.notices import Warn
from nemovideo.local.render.sources import open_source
from nemovideo.local.timeline import Background, Clip, Timeline

Bytes = npt.NDArray[np.uint8]

_ALPHA_PLANE = 3
_REACH_S = 1


def mattes(
    item: MediaItem,
    load: Callable[[], LoadedEngine],
    *,
    keep_people_behind: bool,
    warn: Warn,
    masks: Mapping[float, Mask] | None = None,
    clean_edges: bool = False,
) -> Iterator[tuple[Fraction, Bytes, Bytes]]:
    """Return an iterator of (time in seconds, RGB, alpha) for every frame.

    A file with transparency keeps its alpha.

    Args:
        item: The video.
        load: Loads the engine; called for the first frame.
        keep_people_behind: Whether people behind those in front are kept.
        warn: Called with each warning.
        masks: The user's own masks, by time in seconds.
        clean_edges: Whether to remove the old background's color from the edges, as an export
            does.

    Raises:
        InvalidRequestError: The size or time of a mask does not match the frames.
    """
    duration_ms = item.duration_ms or 0
    clip = Clip(
        "video", duration_ms, item.name, media=item.id, background=Background("transparent")
    )
    timeline = Timeline(
        clips=(clip,), width=item.width or 2, height=item.height or 2, fps=item.fps or 30
    )
    media = {item.id: item}
    canvas = Canvas.of(timeline, media, alpha=True, square_pixels=True)
    count = max(1, round(duration_ms * canvas.fps / 1000))
    numbered = _numbered(masks or {}, canvas, count)

    def results() -> Iterator[tuple[Fraction, Bytes, Bytes]]:
        source = open_source(clip, media, warn)
        frames = islice(source.frames(canvas), count)
        if not source.has_alpha:
            cutter = load().cutter(keep_people_behind=keep_people_behind, fps=float(canvas.fps))
            cuts = with_warnings(
                *(cutter.cut_frames(frame_views(frames)), cutter, item.name, canvas.fps, warn),
                without_person="its masks are empty",
            )
            if numbered:
                reach = round(_REACH_S * canvas.fps)
                cuts = Corrections[FrameView](numbered, reach).applied(cuts)
            alphas = _alphas(cuts, canvas, clean_edges=clean_edges)
        elif numbered:
            raise InvalidRequestError(f"{item.name} has its own alpha", remedy="Leave out masks=.")
        else:
            alphas = _embedded_alpha(frames)
        for number, (frame, alpha) in enumerate(alphas):
            yield number / canvas.fps, _rgb(canvas, frame), alpha

    return results()


def picture_matte(
    image: Image.Image, engine: LoadedEngine, *, keep_people_behind: bool, warn: Warn
) -> Bytes:
    """Return the alpha of a single picture, with odd sizes rounded up.

    Args:
        image: The picture, RGB.
        engine: The engine.
        keep_people_behind: Whether people behind those in front are kept.
        warn: Called with each warning.
    """
    width, height = (size + size % 2 for size in image.size)
    canvas = Canvas(width, height, Fraction(1), matrix=matrix_for(height), alpha=True)
    frame = canvas.frame(image.resize((width, height), Image.Resampling.LANCZOS))
    cutter = engine.cutter(keep_people_behind=keep_people_behind)
    cuts = with_warnings(
        *(cutter.cut_frames(frame_views(iter([frame]))), cutter, "the picture", canvas.fps, warn),
        without_person="the mask is empty",
    )
    ((_, alpha),) = _alphas(cuts, canvas, clean_edges=False)
    return alpha


def _numbered(masks: Mapping[float, Mask], canvas: Canvas, count: int) -> dict[int, Mask]:
    """Return the masks by frame number."""
    numbered: dict[int, Mask] = {}
    for time_s, mask in masks.items():
        if mask.shape != (canvas.height, canvas.width):
            raise InvalidRequestError(
                f"the mask for {time_s} s has the shape {mask.shape}",
                remedy=f"Use the shape of the frames, {(canvas.height, canvas.width)}.",
            )
        number = round(Fraction(time_s) * canvas.fps)
        if not 0 <= number < count:
            raise InvalidRequestError(
                f"there is no frame at {time_s} s for a mask",
                remedy=f"Use a time from 0 to {float((count - 1) / canvas.fps):.2f} s.",
            )
        numbered[number] = mask
    return numbered


def _alphas(
    cuts: Iterator[tuple[FrameView, Cut]], canvas: Canvas, *, clean_edges: bool
) -> Iterator[tuple[VideoFrame, Bytes]]:
    plane = AlphaPlane(canvas)
    clean = CleanFrame(canvas) if clean_edges else None
    for view, cut in cuts:
        yield view.frame if clean is None else clean(view.frame, cut), plane(cut)


def _embedded_alpha(frames: Iterator[VideoFrame]) -> Iterator[tuple[VideoFrame, Bytes]]:
    for frame in frames:
        plane = frame.planes[_ALPHA_PLANE]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
        yield frame, rows[:, : plane.width].copy()


def _rgb(canvas: Canvas, frame: VideoFrame) -> Bytes:
    return canvas.as_rgb(frame, "rgb24").to_ndarray().astype(np.uint8, copy=False)
