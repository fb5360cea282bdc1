"""The frames of a clip with their background replaced, or made transparent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

import numpy as np
from av.video.frame import VideoFrame
from PIL import Image

from nemovideo.local.matte import Cut, Follower, LoadedEngine
from nemovideo.local.matte.engine import Mask, Picture
from nemovideo.local.matte.tracking import Box, Size, Thumbnail
from nemovideo.local.media.probe import MediaItem, seconds_text
from nemovideo.local.render.ahead import ahead
from nemovideo.local.render.backgrounds import make_background
from nemovideo.local.render.canvas import Canvas
from nemovideo.local.render.compositing import Compositor, Cutout, Lens
from nemovideo.local.render.filters import Shift
from nemovideo.local.render.layout import Layout
from nemovideo.local.render.notices import Warn
from nemovideo.local.timeline import Clip

_THUMBNAIL_PX = 48
_CUTS_AHEAD = 4


class FrameView:
    """A frame on the canvas as the cutter sees it."""

    def __init__(self, frame: VideoFrame, lens: Lens) -> None:
        self.frame = frame
        self._lens = lens
        self._seen: tuple[Box, Size, Picture] | None = None

    @property
    def size(self) -> Size:
        """The frame's width and height."""
        return self.frame.width, self.frame.height

    def thumbnail(self) -> Thumbnail:
        """Return the brightness of single pixels, evenly spread over the frame."""
        plane = self.frame.planes[0]
        rows: Thumbnail = np.frombuffer(memoryview(plane), dtype=np.uint8)
        rows = rows.reshape(plane.height, plane.line_size)
        step = max(1, max(self.size) // _THUMBNAIL_PX)
        thumbnail: Thumbnail = rows[step // 2 :: step, step // 2 : plane.width : step].copy()
        return thumbnail

    def picture(self, box: Box, size: Size) -> Picture:
        """Return a part of the frame in a size of its own, RGB."""
        if self._seen is None or self._seen[:2] != (box, size):
            self._seen = (box, size, self._lens(self.frame, box, size, "rgb24"))
        return self._seen[2]

    def brightness(self, box: Box, size: Size) -> Mask:
        """Return the luma of a part of the frame in a size of its own, 0..1."""
        luma = self._lens(self.frame, box, size, "gray").astype(np.float32)
        shares: Mask = luma * np.float32(1 / 255)
        return shares


def cut_out(
    frames: Iterator[VideoFrame],
    clip: Clip,
    canvas: Canvas,
    media: Mapping[str, MediaItem],
    matting: LoadedEngine,
    warn: Warn,
    layout: Layout | None = None,
    *,
    begun_s: Fraction = Fraction(0),
) -> Iterator[VideoFrame]:
    """Yield the clip's frames with its background replaced, or with an alpha plane.

    With a `layout` the frames are a stage's, which is laid on the canvas. `begun_s` is how far
    into the clip the first frame is, in seconds.

    A background "matte" yields the mask alone, white on black. Where no person
    is found nothing is kept, and `warn` is told when the frames end. The frames are
    taken, and the masks made, in a thread of its own.
    """
    cutter = matting.cutter(fps=float(canvas.fps))
    with ahead(cutter.follow(views_of(frames)), room=_CUTS_AHEAD) as cuts:
        heard = told(cuts, cutter, clip.name, canvas.fps, warn)
        yield from _composed(heard, clip, canvas, media, layout, warn, begun_s)


def _composed(
    seen: Iterator[tuple[FrameView, Cut]],
    clip: Clip,
    canvas: Canvas,
    media: Mapping[str, MediaItem],
    layout: Layout | None,
    warn: Warn,
    begun_s: Fraction,
) -> Iterator[VideoFrame]:
    """Yield the frames with what the clip wants in place of their background."""
    background = clip.background
    assert background is not None
    stage = canvas if layout is None else layout.stage(canvas)
    size = (stage.width, stage.height)
    last: tuple[object, ...] = ()
    made: VideoFrame | None = None
    if background.kind == "transparent" and canvas.alpha:
        cutout = Cutout(stage, stage.frame(Image.new("RGB", size)))
        shift = Shift(canvas) if layout is not None else None
        for number, (view, cut) in enumerate(seen):
            offset = (0, 0) if layout is None else layout.at(number)
            if made is None or last != (view, cut, offset):
                last, made = (view, cut, offset), cutout(view.frame, cut)
                made = made if shift is None else shift(made, offset)
            yield made
        return
    behind = make_background(background, canvas, media, warn, begun_s=begun_s)
    matte_only = background.kind == "matte"
    white = stage.frame(Image.new("RGB", size, "white")) if matte_only else None
    compositor = Compositor(canvas, clean_edges=not matte_only)
    for number, (view, cut) in enumerate(seen):
        below = behind.frame(view.frame, cut)
        offset = (0, 0) if layout is None else layout.at(number)
        if made is None or last != (view, cut, below, offset):
            last = (view, cut, below, offset)
            made = compositor(white or view.frame, cut, below, offset)
        yield made


def told(
    cuts: Iterator[tuple[FrameView, Cut]], cutter: Follower, name: str, fps: Fraction, warn: Warn
) -> Iterator[tuple[FrameView, Cut]]:
    """Yield the cuts as they are taken; at their end warn where nobody was, or too many were.

    Args:
        cuts: The cuts of a clip.
        cutter: What makes them.
        name: The clip's.
        fps: Its frames a second.
        warn: Takes the sentences.
    """
    empty: list[int] = []
    crowded: list[int] = []
    left_out = 0
    count = 0
    try:
        for view, cut in cuts:
            if cut.nobody:
                empty.append(count)
            if cut.left_out:
                crowded.append(count)
                left_out = max(left_out, cut.left_out)
            count += 1
            yield view, cut
    finally:
        if crowded:
            warn(
                f"{left_out} people of {name} are left out, in frames {crowded[0]} to "
                f"{crowded[-1]}: there are more than can be followed."
            )
        if empty:
            warn(_nobody(name, empty, count, fps))
        elif count and not cutter.face_seen:
            warn(
                f"No face was seen in {name}: what was kept of it may be "
                "something else than a person."
            )


def _nobody(name: str, empty: Sequence[int], count: int, fps: Fraction) -> str:
    """Return the sentence about the frames in which nobody was found."""
    if len(empty) == count:
        return f"No person was found in {name}: only the new background is left of it."
    return (
        f"No person was found in {seconds_text(len(empty) / fps)} of {name}, first at "
        f"{float(empty[0] / fps):.1f} s: there only the new background is left of it."
    )


def views_of(frames: Iterator[VideoFrame]) -> Iterator[FrameView]:
    """Yield a view of every frame; of one that stands, the same view again."""
    lens = Lens()
    view: FrameView | None = None
    for frame in frames:
        if view is None or view.frame is not frame:
            view = FrameView(frame, lens)
        yield view
