"""Apply a user's own masks to single frames, and propagate them to adjacent frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Generic, TypeVar

import attrs
import numpy as np

from nemovideo.local.matte.cutter import Cut
from nemovideo.local.matte.engine import Mask
from nemovideo.local.matte.key_frames import gray_of, grid_of
from nemovideo.local.matte.propagation import Propagated, propagate
from nemovideo.local.matte.raster import Crop, Gray, OpticalFlow, offsets_on, resampled, warped
from nemovideo.local.matte.tracking import Thumbnail, is_scene_change, whole
from nemovideo.local.matte.view import View

_SIDE_PX = 960
_MIN_IOU = 0.97

_View = TypeVar("_View", bound=View)


@attrs.define(eq=False)
class _Frame(Generic[_View]):
    """A buffered frame; `own` is the user's mask for it."""

    view: _View
    cut: Cut
    gray: Gray
    thumbnail: Thumbnail
    own: Mask | None = None


class Corrections(Generic[_View]):
    """Merge a user's masks into the cuts of a clip.

    A user's mask replaces the engine's. It is propagated to the frames before and after until the
    engine's mask agrees or the shot ends. Backward, it reaches at most `reach` frames, with a
    weight that decreases with distance.

    Args:
        masks: Frame-sized masks by frame number.
        reach: The number of frames to buffer for backward propagation.
    """

    def __init__(self, masks: Mapping[int, Mask], reach: int) -> None:
        self._masks = dict(masks)
        self._reach = max(1, reach)
        self._optical_flow = OpticalFlow()
        self._propagated: Propagated | None = None
        self._last: _Frame[_View] | None = None

    def applied(self, cuts: Iterable[tuple[_View, Cut]]) -> Iterator[tuple[_View, Cut]]:
        """Yield every view with its corrected cut, in order."""
        buffered: list[_Frame[_View]] = []
        for number, (view, cut) in enumerate(cuts):
            own = self._masks.get(number)
            ahead = any(number < other <= number + self._reach for other in self._masks)
            if own is None and not ahead and self._propagated is None:
                yield from _flushed(buffered)
                self._last = None
                yield view, cut
                continue
            frame = _Frame(view, cut, gray_of(view, grid_of(view.size)), view.thumbnail(), own)
            self._propagate_forward(frame)
            if own is not None:
                self._propagate_backward(frame, buffered)
                frame.cut = Cut(whole(view.size), own, no_person=not own.any())
            buffered.append(frame)
            if not ahead:
                yield from _flushed(buffered)
            elif len(buffered) > self._reach:
                yield buffered[0].view, buffered.pop(0).cut
        yield from _flushed(buffered)

    def _propagate_forward(self, frame: _Frame[_View]) -> None:
        """Correct a frame from the previous one."""
        before, self._last = self._last, frame
        crop = _crop(frame.view)
        if frame.own is not None:
            sure = np.ones(crop.shape, dtype=np.float32)
            self._propagated = Propagated(resampled(frame.own, crop.box, crop), sure)
        elif self._propagated is not None and before is not None:
            self._propagated = self._step(self._propagated, before, frame)
            _correct(frame, self._propagated, 1.0)

    def _propagate_backward(self, frame: _Frame[_View], buffered: list[_Frame[_View]]) -> None:
        """Correct the buffered frames before one with a user's mask."""
        propagated, after = self._propagated, frame
        for distance, earlier in enumerate(reversed(buffered), 1):
            if earlier.own is not None or propagated is None:
                return
            propagated = self._step(propagated, after, earlier)
            _correct(earlier, propagated, 1 - distance / (self._reach + 1))
            after = earlier

    def _step(
        self, propagated: Propagated, source: _Frame[_View], target: _Frame[_View]
    ) -> Propagated | None:
        """Propagate to a neighboring frame; None at a scene change, or if the engine agrees."""
        if target.view is source.view:
            return propagated
        if is_scene_change(source.thumbnail, target.thumbnail):
            return None
        crop, grid = _crop(target.view), grid_of(target.view.size)
        flow = self._optical_flow(target.gray, source.gray)
        step = propagate(propagated.alpha, crop, target.gray, source.gray, flow, grid)
        confidence = warped(propagated.confidence, offsets_on(crop, flow, grid))
        if _iou(step.alpha, resampled(target.cut.mask, target.cut.box, crop)) > _MIN_IOU:
            return None
        return Propagated(step.alpha, np.minimum(confidence, step.confidence))


def _correct(frame: _Frame[_View], propagated: Propagated | None, weight: float) -> None:
    """Blend a propagated mask into the cut of a frame."""
    if propagated is None:
        return
    crop = _crop(frame.view)
    engine = resampled(frame.cut.mask, frame.cut.box, crop)
    difference = propagated.alpha - engine
    mask = engine + difference * (propagated.confidence * np.float32(weight))
    frame.cut = attrs.evolve(
        frame.cut, box=crop.box, mask=mask, no_person=not (mask > 0.5).any(), settled=False
    )


def _flushed(buffered: list[_Frame[_View]]) -> Iterator[tuple[_View, Cut]]:
    for frame in buffered:
        yield frame.view, frame.cut
    buffered.clear()


def _crop(view: View) -> Crop:
    return Crop.of(whole(view.size), min(1.0, _SIDE_PX / max(view.size)))


def _iou(one: Mask, other: Mask) -> float:
    """Return the intersection over union of two masks."""
    first, second = one > 0.5, other > 0.5
    union = np.count_nonzero(first | second)
    return np.count_nonzero(first & second) / union if union else 1.0
