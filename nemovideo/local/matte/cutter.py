"""The masks of one clip, frame after frame: who is there, edges, and steadiness in time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

import attrs
import numpy as np

from nemovideo.local.matte.edges import refined
from nemovideo.local.matte.engine import DEFAULT_SIDE, Mask, Matte
from nemovideo.local.matte.faces import FaceFinder
from nemovideo.local.matte.people import People, Seen
from nemovideo.local.matte.search_schedule import Lookout
from nemovideo.local.matte.smoothing import between, changed, motion, steadied
from nemovideo.local.matte.tracking import Box, Thumbnail, is_cut, moved, whole
from nemovideo.local.matte.view import View

_STRIDE = 2
_MAX_STRIDE = 6
_FAST = 0.04
_CALM = 0.03
_STILL = 0.02

_View = TypeVar("_View", bound=View)


@attrs.frozen(eq=False)
class Cut:
    """Where people are in a frame: the mask of a box; outside of it there is nobody.

    `nobody`: no person was found at all, and the mask is empty. `settled`: little has
    moved since the cut before. `left_out`: how many people in front were too many to be
    followed.
    """

    box: Box
    mask: Mask
    nobody: bool = False
    settled: bool = False
    left_out: int = 0


class Cutter:
    """Follow the people through the frames of one clip, with any engine.

    Args:
        engine: What tells them from the background.
        faces: What finds faces, for an engine that sees people only.
        behind: Whether those behind the people in front are kept, too.
    """

    def __init__(
        self, engine: Matte, faces: FaceFinder | None = None, *, behind: bool = False
    ) -> None:
        self._people = People(engine, faces, behind=behind)
        self._known: Seen | None = None
        self._guide: Mask | None = None  # the brightness of the view in which it was
        self._before: Mask | None = None  # what was known before, as a mask of the same box
        self._change = 0.0
        self._lookout = Lookout()
        self._stride = _STRIDE

    @property
    def face_seen(self) -> bool:
        """Whether any face was found; without a face finder there is no doubt."""
        return self._people.face_seen

    def follow(self, views: Iterable[_View]) -> Iterator[tuple[_View, Cut]]:
        """Yield every view with its mask, in order, some frames late.

        The engine sees every second frame, or fewer where little moves, or all
        where much does; those between take their masks from both neighbors. A
        view given again (a picture that stands) is not looked at again. What was
        yielded is not touched any more: another thread may work on it.
        """
        waiting: list[_View] = []
        last: _View | None = None
        made: Cut | None = None
        thumbnail: Thumbnail | None = None
        for view in views:
            if view is last and made is not None and not waiting:
                yield view, made
                continue
            last = view
            self._lookout.count()
            before, thumbnail = thumbnail, view.thumbnail()
            if before is not None and is_cut(before, thumbnail):
                yield from self._looked_at(waiting)
                waiting, made = [], None
                self._forget()
            if made is not None and len(waiting) + 1 < self._stride:
                waiting.append(view)
                continue
            first = self._known, made
            made = self._cut(view)
            shown: tuple[_View, Cut] = view, made
            for number, late in enumerate(waiting, 1):
                share = number / (len(waiting) + 1)
                if late is view:
                    shown = view, made
                elif late is not shown[0]:
                    shown = late, self._between(late, first, made, share)
                yield shown
            waiting = []
            yield view, made
        yield from self._looked_at(waiting)

    def _looked_at(self, views: Iterable[_View]) -> Iterator[tuple[_View, Cut]]:
        shown: tuple[_View, Cut] | None = None
        for view in views:
            if shown is None or view is not shown[0]:
                shown = view, self._cut(view)
            yield shown

    def _forget(self) -> None:
        self._people.forget()
        self._lookout.forget()
        self._known, self._stride = None, _STRIDE

    def _cut(self, view: View) -> Cut:
        """Return the cut of a view that the engine looks at."""
        if self._lookout.is_due(view, self._people.boxes):
            self._people.search(view)
        seen = self._people.look(view)
        if seen is None and self._known is not None:
            self._people.search(view)
            seen = self._people.look(view, again=True)
        self._before = None
        guide = None if seen is None else _guide(view, seen)
        if seen is not None and guide is not None and self._known is not None:
            before = moved(self._known.mask, self._known.box, seen.box, seen.mask.shape[0])
            self._change = changed(before, seen.mask)
            self._stride = _stride_after(self._change, self._stride)
            self._before = before
            moving: Mask | float = 1.0
            if (
                self._guide is not None
                and self._guide.shape == guide.shape
                and self._known.box == seen.box
            ):
                moving = motion(guide, self._guide)
            seen = attrs.evolve(seen, mask=steadied(seen.mask, before, moving))
        self._known, self._guide = seen, guide
        return attrs.evolve(_finished(view, seen, guide), left_out=self._people.left_out)

    def _between(
        self, view: View, first: tuple[Seen | None, Cut | None], last: Cut, share: float
    ) -> Cut:
        """Return the cut of a view between the last two that the engine looked at."""
        (before, cut), after = first, self._known
        if before is None or cut is None or after is None or self._before is None:
            there = before or after  # somebody came or went in between
            return _finished(view, there and self._people.glance(view))
        if self._change > _FAST:
            return _finished(view, self._people.glance(view))
        if self._change > _CALM:
            mask = between(self._before, after.mask, share)
            return _finished(view, attrs.evolve(after, mask=mask))
        finished = moved(cut.mask, cut.box, last.box, last.mask.shape[0])
        return attrs.evolve(last, mask=between(finished, last.mask, share), settled=True)


def _stride_after(change: float, stride: int) -> int:
    """Return after how many frames the engine looks again: sooner the more moves."""
    if change > _FAST:
        return 1
    if change > _CALM:
        return _STRIDE
    if change > _STILL:
        return max(_STRIDE, stride - 1)
    return min(stride + 1, _MAX_STRIDE)


def _guide(view: View, seen: Seen) -> Mask:
    """Return the picture's brightness where somebody was seen, as large as their mask."""
    return view.brightness(seen.box, (seen.mask.shape[1], seen.mask.shape[0]))


def _finished(view: View, seen: Seen | None, guide: Mask | None = None) -> Cut:
    """Return the cut with its edges at those of the picture."""
    if seen is None:
        empty = np.zeros((DEFAULT_SIDE, DEFAULT_SIDE), dtype=np.float32)
        return Cut(whole(view.size), empty, nobody=True)
    return Cut(seen.box, refined(seen.mask, _guide(view, seen) if guide is None else guide))
