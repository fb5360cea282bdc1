"""Schedule full-frame searches for new people: soon after motion, and rarely without it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nemovideo.local.matte.tracking import Box, Size, Thumbnail, difference, share
from nemovideo.local.matte.view import View

_FRAMES = 12
_FRAMES_WHEN_EMPTY = 8
_MAX_FRAMES = 90
_MIN_CHANGE = 16
_MIN_CHANGED_SHARE = 0.005


class SearchSchedule:
    """Decide which frames to search: nobody can enter without motion around the tracked people.

    Args:
        min_frames: The minimum number of frames between searches while people are tracked.
    """

    def __init__(self, min_frames: int = _FRAMES) -> None:
        self._min_frames = min_frames
        self._frames = _MAX_FRAMES
        self._last: Thumbnail | None = None

    def reset(self) -> None:
        """Start a new scene: its first frame is due."""
        self._frames = _MAX_FRAMES

    def count(self) -> None:
        """Count a frame since the last search."""
        self._frames += 1

    def is_due(self, view: View, tracked: Sequence[Box]) -> bool:
        """Return whether to search this frame; if so, the count restarts.

        Args:
            view: The frame.
            tracked: The boxes of the tracked people.
        """
        if self._frames < (self._min_frames if tracked else _FRAMES_WHEN_EMPTY):
            return False
        thumbnail = view.thumbnail()
        can_wait = tracked and self._frames < _MAX_FRAMES
        if can_wait and not self._has_changed(thumbnail, tracked, view.size):
            return False
        self._frames, self._last = 0, thumbnail
        return True

    def _has_changed(self, thumbnail: Thumbnail, tracked: Sequence[Box], size: Size) -> bool:
        """Return whether the picture outside the boxes changed since the last search."""
        if self._last is None:
            return True
        changed = difference(self._last, thumbnail) > _MIN_CHANGE
        for box in tracked:
            rows, columns = _cells(box, size, thumbnail.shape)
            changed[rows, columns] = False
        return share(changed) >= _MIN_CHANGED_SHARE


def _cells(box: Box, size: Size, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Return the rows and columns of a thumbnail that a box touches."""
    down, across = shape[0] / size[1], shape[1] / size[0]
    left, top, right, bottom = box
    rows = slice(math.floor(top * down), math.ceil(bottom * down))
    return rows, slice(math.floor(left * across), math.ceil(right * across))
