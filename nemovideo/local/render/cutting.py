"""Background replacement of a clip, with an engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

import numpy as np
from av.video.frame import VideoFrame
from PIL import Image

from nemovideo.local.matte import Cut, FrameCutter, LoadedEngine
from nemovideo.local.matte.engine import Mask, Picture
from nemovideo.local.matte.tracking import Box, Size, Thumbnail
from nemovideo.local.media.probe import seconds_text
from nemovideo.local.render.backgrounds import BackgroundSource
from nemovideo.local.render.canvas import Canvas
from nemovideo.local.render.compositing import Compositor, Cropper, Cutout
from nemovideo.local.render.filters import Shift
from nemovideo.local.render.layout import Layout, Offset, positioned
from nemovideo.local.render.notices import Warn
from nemovideo.local.render.prefetch import prefetch
from nemovideo.local.timeline import Clip

_THUMBNAIL_PX = 48
_PREFETCHED_CUTS = 3


class FrameView:
    """A frame, as the input of a cutter."""

    def __init__(self, frame: VideoFrame, cropper: Cropper) -> None:
        self.frame = frame
        self._cropper = cropper
        self._seen: tuple[Box, Size, Picture] | None = None

    @property
    def size(self) -> Size:
        """The frame's width and height."""
        return self.frame.width, self.frame.height

    def thumbnail(self) -> Thumbnail:
        """Return the luma of the frame, subsampled to about 48 pixels."""
        plane = self.frame.planes[0]
        rows: Thumbnail = np.frombuffer(memoryview(plane), dtype=np.uint8)
        rows = rows.reshape(plane.height, plane.line_size)
        step = max(1, max(self.size) // _THUMBNAIL_PX)
        thumbnail: Thumbnail = rows[step // 2 :: step, step // 2 : plane.width : step].copy()
        return thumbnail

    def picture(self, box: Box, size: Size) -> Picture:
        """Return a region of the frame in RGB, scaled to `size`."""
        if self._seen is None or self._seen[:2] != (box, size):
            self._seen = (box, size, self._cropper(self.frame, box, size, "rgb24"))
        return self._seen[2]

    def brightness(self, box: Box, size: Size) -> Mask:
        """Return the luma of a region of the frame, 0..1, scaled to `size`."""
        luma = self._cropper(self.frame, box, size, "gray").astype(np.float32)
        shares: Mask = luma * np.float32(1 / 255)
        return shares


def cut_out(
    frames: Iterator[VideoFrame],
    clip: Clip,
    canvas: Canvas,
    open_background: Callable[[], BackgroundSource],
    matting: LoadedEngine,
    warn: Warn,
    layout: Layout | None = None,
) -> Iterator[VideoFrame]:
    """Yield the clip's frames with its background replaced, or with an alpha plane.

    The background "matte" yields the mask, white on black. Frames without a person show only
    the background, if any, with a warning at the end. Decoding and matting each have a thread.

    Args:
        frames: Frames of the size of the canvas, or of the layout's stage.
        clip: Their clip, with a background.
        canvas: The output canvas.
        open_background: Opens the source of the background's frames.
        matting: The engine.
        warn: Called with each warning.
        layout: The position of the frames on the canvas; None if they fill it.
    """
    cutter = matting.cutter(fps=float(canvas.fps))
    with (
        prefetch(frames, size=1) as decoded,
        prefetch(cutter.cut_frames(frame_views(decoded)), size=_PREFETCHED_CUTS) as cuts,
    ):
        shown = _without_person(clip, canvas)
        reported = with_warnings(cuts, cutter, clip.name, canvas.fps, warn, without_person=shown)
        yield from _composed(reported, clip, canvas, open_background, layout)


def _without_person(clip: Clip, canvas: Canvas) -> str:
    """Return what frames without a person show, for the warning."""
    kind = "" if clip.background is None else clip.background.kind
    if kind == "blur":
        return "everything is blurred"
    if kind == "transparent" and canvas.alpha:
        return "everything is transparent"
    if kind in ("transparent", "matte"):
        return "everything is black"
    return "it shows only the new background"


def _composed(
    cuts: Iterator[tuple[FrameView, Cut]],
    clip: Clip,
    canvas: Canvas,
    open_background: Callable[[], BackgroundSource],
    layout: Layout | None,
) -> Iterator[VideoFrame]:
    """Composite the frames over the clip's background."""
    background = clip.background
    assert background is not None
    stage = canvas if layout is None else layout.stage(canvas)
    size = (stage.width, stage.height)
    if background.kind == "transparent" and canvas.alpha:
        cutout = Cutout(stage, stage.frame(Image.new("RGB", size)))
        shift = Shift(canvas) if layout is not None else None

        def cut_away(item: tuple[FrameView, Cut], offset: Offset) -> VideoFrame:
            frame = cutout(item[0].frame, item[1])
            return frame if shift is None else shift(frame, offset)

        return positioned(cuts, layout, cut_away)
    backgrounds = open_background()
    matte_only = background.kind == "matte"
    white = stage.frame(Image.new("RGB", size, "white")) if matte_only else None
    compositor = Compositor(canvas, clean_edges=not matte_only)

    def over(item: tuple[FrameView, Cut, VideoFrame], offset: Offset) -> VideoFrame:
        view, cut, below = item
        return compositor(white or view.frame, cut, below, offset)

    with_below = ((view, cut, backgrounds.frame(view.frame, cut)) for view, cut in cuts)
    return positioned(with_below, layout, over)


_ADVICE = ' The engine "fine", the default, also finds people who are small in the picture.'


def with_warnings(
    cuts: Iterator[tuple[FrameView, Cut]],
    cutter: FrameCutter,
    name: str,
    fps: Fraction,
    warn: Warn,
    *,
    without_person: str,
) -> Iterator[tuple[FrameView, Cut]]:
    """Yield the cuts, then warn about frames without people or with too many.

    Args:
        cuts: The cuts of a clip.
        cutter: Their cutter.
        name: The clip's name.
        fps: The clip's frame rate.
        warn: Called with each warning.
        without_person: What frames without a person show, for the warning.
    """
    empty: list[int] = []
    crowded: list[int] = []
    left_out = 0
    count = 0
    try:
        for view, cut in cuts:
            if cut.no_person:
                empty.append(count)
            if cut.left_out:
                crowded.append(count)
                left_out = max(left_out, cut.left_out)
            count += 1
            yield view, cut
    finally:
        if crowded:
            warn(
                f"{left_out} people in {name} are left out, in frames {crowded[0]} to "
                f"{crowded[-1]}: there are more than can be tracked."
            )
        if empty:
            advice = "" if cutter.finds_small_people else _ADVICE
            warn(_no_person_warning(name, empty, count, fps, without_person) + advice)
        elif count and not cutter.face_seen:
            warn(f"No face was found in {name}: what was kept may not be a person.")


def _no_person_warning(
    name: str, empty: Sequence[int], count: int, fps: Fraction, without_person: str
) -> str:
    """Return the warning about the frames without a person."""
    if len(empty) == count:
        return f"No person was found in {name}: {without_person}."
    return (
        f"No person was found in {seconds_text(len(empty) / fps)} of {name}, first at "
        f"{float(empty[0] / fps):.1f} s: {without_person} there."
    )


def frame_views(frames: Iterator[VideoFrame]) -> Iterator[FrameView]:
    """Yield a view of every frame; a repeated frame keeps its view."""
    cropper = Cropper()
    view: FrameView | None = None
    for frame in frames:
        if view is None or view.frame is not frame:
            view = FrameView(frame, cropper)
        yield view
