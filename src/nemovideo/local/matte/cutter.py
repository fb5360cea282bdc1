"""The masks of one clip, frame after frame: who is there, edges, and steadiness in time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

import attrs
import numpy as np

from nemovideo.local.matte.edges import brightness, refined
from nemovideo.local.matte.engine import DEFAULT_SIDE, Mask, Matte
from nemovideo.local.matte.faces import FaceFinder
from nemovideo.local.matte.people import People, Seen, View
from nemovideo.local.matte.smoothing import between, is_fast, steadied
from nemovideo.local.matte.tracking import Box, Thumbnail, is_cut, moved, whole

_SEARCH_EVERY = 15
_SEARCH_EVERY_WHEN_LOST = 4

_View = TypeVar("_View", bound=View)


@attrs.frozen(eq=False)
class Cut:
    """Where people are in a frame: the mask of a box; outside of it there is nobody.

    `nobody` tells that no person was found at all: the mask is empty then.
    """

    box: Box
    mask: Mask
    nobody: bool = False


class Cutter:
    """Follow the people through the frames of one clip, with any engine.

    Args:
        engine: What tells them from the background.
        faces: What finds faces, for an engine that sees people only.
    """

    def __init__(self, engine: Matte, faces: FaceFinder | None = None) -> None:
        self._people = People(engine, faces)
        self._known: Seen | None = None
        self._looks = 0

    def follow(self, views: Iterable[_View]) -> Iterator[tuple[_View, Cut]]:
        """Yield every view with its mask, in order, a frame late.

        The engine sees every second frame; the one between takes its mask from
        both neighbours, unless much moves. A view given again (a picture that
        stands) is not looked at again.
        """
        waiting: _View | None = None
        last: _View | None = None
        made: Cut | None = None
        thumbnail: Thumbnail | None = None
        for view in views:
            if view is last and made is not None and waiting is None:
                yield view, made
                continue
            last = view
            before, thumbnail = thumbnail, view.thumbnail()
            if before is not None and is_cut(before, thumbnail):
                if waiting is not None:
                    yield waiting, self._cut(waiting)
                    waiting = None
                self._forget()
            if made is not None and self._looks and waiting is None:
                waiting = view
                continue
            first, made = self._known, self._cut(view)
            if waiting is not None:
                yield waiting, made if waiting is view else self._between(waiting, first)
                waiting = None
            yield view, made
        if waiting is not None:
            yield waiting, self._cut(waiting)

    def _forget(self) -> None:
        self._people.forget()
        self._known, self._looks = None, 0

    def _cut(self, view: View) -> Cut:
        """Return the cut of a view that the engine looks at."""
        every = _SEARCH_EVERY_WHEN_LOST if self._known is None else _SEARCH_EVERY
        if self._looks % every == 0:
            self._people.search(view)
        self._looks += 1
        seen = self._people.look(view)
        if seen is None and self._known is not None:
            self._people.search(view)
            seen = self._people.look(view)
        if seen is not None and self._known is not None:
            before = moved(self._known.mask, self._known.box, seen.box, seen.mask.shape[0])
            seen = attrs.evolve(seen, mask=steadied(seen.mask, before))
        self._known = seen
        return _finished(view, seen)

    def _between(self, view: View, before: Seen | None) -> Cut:
        """Return the cut of a view between the last two that the engine looked at."""
        after = self._known
        if before is None or after is None:
            return _finished(view, after)
        first = moved(before.mask, before.box, after.box, after.mask.shape[0])
        if is_fast(first, after.mask) and (now := self._people.look(view)) is not None:
            return _finished(view, now)
        return _finished(view, attrs.evolve(after, mask=between(first, after.mask)))


def _finished(view: View, seen: Seen | None) -> Cut:
    """Return the cut with its edges at those of the picture."""
    if seen is None:
        empty = np.zeros((DEFAULT_SIDE, DEFAULT_SIDE), dtype=np.float32)
        return Cut(whole(view.size), empty, nobody=True)
    picture = view.picture(seen.box, seen.mask.shape[0])
    return Cut(seen.box, refined(seen.mask, brightness(picture)))
