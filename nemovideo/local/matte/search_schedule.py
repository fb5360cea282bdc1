"""When a scene is searched for people who came: soon where something stirred."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nemovideo.local.matte.tracking import Box, Size, Thumbnail, difference, share
from nemovideo.local.matte.view import View

_FRAMES = 12
_FRAMES_WHEN_LOST = 8
_FRAMES_AT_MOST = 90
_STIRRED = 16
_STIRRED_SHARE = 0.005


class Lookout:
    """Tell when to search: nobody can have come while all around those known stands still."""

    def __init__(self) -> None:
        self._frames = _FRAMES_AT_MOST
        self._then: Thumbnail | None = None

    def forget(self) -> None:
        """Begin anew, with another scene: its first frame is to be searched."""
        self._frames = _FRAMES_AT_MOST

    def count(self) -> None:
        """Note that a frame went by."""
        self._frames += 1

    def is_due(self, view: View, known: Sequence[Box]) -> bool:
        """Return whether a frame is to be searched now; it counts as searched then.

        Args:
            view: The frame.
            known: Where those are who are known already.
        """
        if self._frames < (_FRAMES if known else _FRAMES_WHEN_LOST):
            return False
        now = view.thumbnail()
        can_wait = known and self._frames < _FRAMES_AT_MOST
        if can_wait and not self._has_stirred(now, known, view.size):
            return False
        self._frames, self._then = 0, now
        return True

    def _has_stirred(self, now: Thumbnail, known: Sequence[Box], size: Size) -> bool:
        """Return whether the picture changed since the last search, but for the known."""
        if self._then is None:
            return True
        stirred = difference(self._then, now) > _STIRRED
        for box in known:
            rows, columns = _cells(box, size, now.shape)
            stirred[rows, columns] = False
        return share(stirred) >= _STIRRED_SHARE


def _cells(box: Box, size: Size, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Return the rows and columns of a thumbnail that a box covers, if only in part."""
    down, across = shape[0] / size[1], shape[1] / size[0]
    left, top, right, bottom = box
    rows = slice(math.floor(top * down), math.ceil(bottom * down))
    return rows, slice(math.floor(left * across), math.ceil(right * across))
