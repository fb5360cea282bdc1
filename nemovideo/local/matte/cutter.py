"""Cut out the people in the frames of one clip: crops, edges, and temporal smoothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

import attrs
import numpy as np

from nemovideo.local.matte.edges import refined
from nemovideo.local.matte.engine import DEFAULT_SIDE, Mask, Matte
from nemovideo.local.matte.faces import FaceFinder
from nemovideo.local.matte.people import Detection, People
from nemovideo.local.matte.search_schedule import SearchSchedule
from nemovideo.local.matte.smoothing import between, motion, relative_change, stabilized
from nemovideo.local.matte.tracking import Box, Thumbnail, is_scene_change, resampled_to_box, whole
from nemovideo.local.matte.view import View

_STRIDE = 2
_MAX_STRIDE = 6
_FAST_CHANGE = 0.04
_MEDIUM_CHANGE = 0.03
_SLOW_CHANGE = 0.02

_View = TypeVar("_View", bound=View)


@attrs.frozen(eq=False)
class Cut:
    """The mask of a box of the frame; outside the box is background.

    Attributes:
        box: The part of the frame that the mask covers.
        mask: How much of each pixel belongs to a person, 0..1.
        no_person: Whether no person was found; the mask is empty.
        settled: Whether little has moved since the previous cut.
        left_out: The number of people in front beyond the limit for tracking.
    """

    box: Box
    mask: Mask
    no_person: bool = False
    settled: bool = False
    left_out: int = 0


def empty_cut(view: View) -> Cut:
    """Return the cut of a frame without people."""
    empty = np.zeros((DEFAULT_SIDE, DEFAULT_SIDE), dtype=np.float32)
    return Cut(whole(view.size), empty, no_person=True)


class Cutter:
    """Cut out the people in the frames of one clip, with any engine.

    Args:
        engine: The segmentation network.
        faces: The face detector, for an engine that segments only people.
        keep_people_behind: Whether to keep people behind those in front.
    """

    def __init__(
        self, engine: Matte, faces: FaceFinder | None = None, *, keep_people_behind: bool = False
    ) -> None:
        # With faces it is "fast"; "fine" also searches far away.
        self.finds_small_people: bool = faces is None
        self._people = People(engine, faces, keep_people_behind=keep_people_behind)
        self._last: Detection | None = None
        self._last_guide: Mask | None = None  # the brightness under the last mask
        self._before_last: Mask | None = None  # the mask before the last, moved to its box
        self._change = 0.0
        self._schedule = SearchSchedule()
        self._stride = _STRIDE

    @property
    def face_seen(self) -> bool:
        """Whether any face was found; always true without a face detector."""
        return self._people.face_seen

    def cut_frames(self, views: Iterable[_View]) -> Iterator[tuple[_View, Cut]]:
        """Yield every frame with its mask, in order, a few frames behind the input.

        The engine sees every second frame: fewer if there is little motion, all if there is a lot.
        The others are interpolated from both neighbors. A repeated view is processed once. A
        yielded view is not used again, so another thread may work on it.
        """
        waiting: list[_View] = []
        last: _View | None = None
        cut: Cut | None = None
        thumbnail: Thumbnail | None = None
        for view in views:
            if view is last and cut is not None and not waiting:
                yield view, cut
                continue
            last = view
            self._schedule.count()
            before, thumbnail = thumbnail, view.thumbnail()
            if before is not None and is_scene_change(before, thumbnail):
                yield from self._flush(waiting)
                waiting, cut = [], None
                self._reset()
            if cut is not None and len(waiting) + 1 < self._stride:
                waiting.append(view)
                continue
            first = self._last, cut
            cut = self._cut(view)
            shown: tuple[_View, Cut] = view, cut
            for number, late in enumerate(waiting, 1):
                share = number / (len(waiting) + 1)
                if late is view:
                    shown = view, cut
                elif late is not shown[0]:
                    shown = late, self._between(late, first, cut, share)
                yield shown
            waiting = []
            yield view, cut
        yield from self._flush(waiting)

    def _flush(self, views: Iterable[_View]) -> Iterator[tuple[_View, Cut]]:
        """Cut the last views of a shot, which have no neighbor after them."""
        shown: tuple[_View, Cut] | None = None
        for view in views:
            if shown is None or view is not shown[0]:
                shown = view, self._cut(view)
            yield shown

    def _reset(self) -> None:
        self._people.reset()
        self._schedule.reset()
        self._last, self._stride = None, _STRIDE

    def _cut(self, view: View) -> Cut:
        """Cut a view with the engine."""
        if self._schedule.is_due(view, self._people.boxes):
            self._people.search(view)
        found = self._people.segment(view)
        if found is None and self._last is not None:
            self._people.search(view)
            found = self._people.segment(view, again=True)
        self._before_last = None
        guide = None if found is None else _guide(view, found)
        if found is not None and guide is not None and self._last is not None:
            before = resampled_to_box(
                self._last.mask, self._last.box, found.box, found.mask.shape[0]
            )
            self._change = relative_change(before, found.mask)
            self._stride = _next_stride(self._change, self._stride)
            self._before_last = before
            moving: Mask | float = 1.0
            if (
                self._last_guide is not None
                and self._last_guide.shape == guide.shape
                and self._last.box == found.box
            ):
                moving = motion(guide, self._last_guide)
            found = attrs.evolve(found, mask=stabilized(found.mask, before, moving))
        self._last, self._last_guide = found, guide
        return attrs.evolve(_refined(view, found, guide), left_out=self._people.left_out)

    def _between(
        self, view: View, first: tuple[Detection | None, Cut | None], last: Cut, share: float
    ) -> Cut:
        """Interpolate the cut of a view between the last two views that the engine saw."""
        (before, cut), after = first, self._last
        if before is None or cut is None or after is None or self._before_last is None:
            found = before or after  # a person entered or left in between
            return _refined(view, found and self._people.segment_between(view))
        if self._change > _FAST_CHANGE:
            return _refined(view, self._people.segment_between(view))
        if self._change > _MEDIUM_CHANGE:
            mask = between(self._before_last, after.mask, share)
            return _refined(view, attrs.evolve(after, mask=mask))
        earlier = resampled_to_box(cut.mask, cut.box, last.box, last.mask.shape[0])
        return attrs.evolve(last, mask=between(earlier, last.mask, share), settled=True)


def _next_stride(change: float, stride: int) -> int:
    """Return the number of frames until the engine runs again; fewer with more motion."""
    if change > _FAST_CHANGE:
        return 1
    if change > _MEDIUM_CHANGE:
        return _STRIDE
    if change > _SLOW_CHANGE:
        return max(_STRIDE, stride - 1)
    return min(stride + 1, _MAX_STRIDE)


def _guide(view: View, found: Detection) -> Mask:
    """Return the brightness of the detection's box, at the size of its mask."""
    return view.brightness(found.box, (found.mask.shape[1], found.mask.shape[0]))


def _refined(view: View, found: Detection | None, guide: Mask | None = None) -> Cut:
    """Return the cut with its edges aligned to the picture."""
    if found is None:
        return empty_cut(view)
    return Cut(found.box, refined(found.mask, _guide(view, found) if guide is None else guide))
