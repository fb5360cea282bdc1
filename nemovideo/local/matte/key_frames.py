"""One key frame, looked at by both networks: where the people are, and their alpha.

The small network finds people and has a second opinion; the strong one sees each of
them in a crop of their own. `reconcile` decides where they differ.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

from nemovideo.local.matte.edges import refined
from nemovideo.local.matte.engine import Mask, Matte
from nemovideo.local.matte.modnet import fitting
from nemovideo.local.matte.people import People, Seen
from nemovideo.local.matte.raster import Gray, Region, Stage, grown, parts, placed
from nemovideo.local.matte.reconcile import Verdict, judged
from nemovideo.local.matte.tracking import Box, Size, area, around, shared, whole
from nemovideo.local.matte.view import View

GRID_PX = 320
"""The longer side of the small pictures in which areas are compared and motion is found."""

_SIDE, _SHARP_SIDE = 352, 448
_LEAST_SIDE = 256
_MOST_ZOOM = 1.5
_MOST_STAGE_PX = 800_000
_PERSON_SHARE = 0.001
_MARGIN = 0.15
_REACH = 0.7
_SAME = 0.4
_STRETCH = (0.05, 0.9)
_ALONE_SHARE = 0.001
_ALONE_SURE = 0.75
_THERE = 0.5
_ALIKE = 0.6


@attrs.frozen(eq=False)
class Look:
    """What was seen in a key frame: the alpha of a part of it; nobody is outside.

    `there` is where anybody is in the whole frame, small, and a little around them.
    """

    stage: Stage
    alpha: Mask
    there: Region


def grid_of(size: Size) -> Stage:
    """Return the whole frame as a small stage."""
    scale = GRID_PX / max(size)
    shape = max(16, round(size[0] * scale)), max(16, round(size[1] * scale))
    return Stage(whole(size), shape)


def gray_of(view: View) -> Gray:
    """Return the brightness of the whole frame, small."""
    grid = grid_of(view.size)
    luma: Gray = (view.brightness(grid.box, grid.size) * 255).astype(np.uint8)
    return luma


class Looker:
    """Looks at the key frames of one scene.

    Args:
        people: Finds and follows people with the small network.
        strong: The matting network.
    """

    def __init__(self, people: People, strong: Matte) -> None:
        self._people = people
        self._strong = strong
        self._last: list[Box] = []
        self._side = _SHARP_SIDE

    def forget(self) -> None:
        """Begin anew, with another scene."""
        self._people.forget()
        self._last = []

    def look(self, view: View, *, sharp: bool = True) -> Look | None:
        """Return what is to be kept of a frame, or None where nobody is.

        Args:
            view: The frame.
            sharp: Whether the strong network sees more pixels, which takes nearly twice as long.
        """
        self._side = _SHARP_SIDE if sharp else _SIDE
        grid = grid_of(view.size)
        seen = self._people.look(view)
        small = None if seen is None else _finished(view, seen)
        small_grid = np.zeros(grid.shape, dtype=np.float32)
        if small is not None:
            small_grid = placed(small.mask, small.box, grid)
        boxes = _boxes(small_grid, grid)
        made: list[Seen] = []
        if boxes:
            made = self._alphas(view, boxes)
        elif self._people.face_here:  # else two networks would have to agree
            made = self._alone(view, grid)
        self._last = []
        strong_grid = _joined(made, grid)
        verdict = Verdict()
        if small is not None:
            faces = [_region_of(face, grid) for face in self._people.faces]
            verdict = judged(small_grid, strong_grid, [face for face in faces if face.any()])
        if not self._people.face_here and _apart(small_grid, strong_grid):
            return None
        if small is not None and verdict.small_stands:
            made = [small]
        elif not made:
            return None
        else:
            self._last = [_padded(box, view.size) for box in _regions(strong_grid, grid)]
        stage = _stage([one.box for one in made], [one.mask.shape for one in made])
        alpha = _joined(made, stage)
        if verdict.drop is not None:
            alpha = alpha * (1 - placed(verdict.drop, grid.box, stage))
        if verdict.keep is not None and small is not None:
            kept = placed(small.mask, small.box, stage) * placed(verdict.keep, grid.box, stage)
            alpha = np.maximum(alpha, kept)
        return Look(stage, alpha, grown(placed(alpha, stage.box, grid) > _THERE, 3))

    def _alphas(self, view: View, boxes: Sequence[Box], *, side: int | None = None) -> list[Seen]:
        """Return what the strong network sees in each box; the more there are, the smaller."""
        side = max(_LEAST_SIDE, round((side or self._side) / len(boxes) ** 0.5))
        made: list[Seen] = []
        low, high = _STRETCH
        for box in boxes:
            sharp = max(_LEAST_SIDE, round(_MOST_ZOOM * area(box) ** 0.5))
            size = fitting((box[2] - box[0], box[3] - box[1]), min(side, sharp))
            mask = self._strong.mask(view.picture(box, size))
            made.append(Seen(box, ((mask - low) / (high - low)).clip(0, 1)))
        return made

    def _alone(self, view: View, grid: Stage) -> list[Seen]:
        """Return what the strong network sees where the small one sees nobody."""
        boxes = self._last
        if not boxes:
            seen = _joined(self._alphas(view, [grid.box], side=_SIDE), grid)
            kept = seen > _THERE
            if kept.mean() < _ALONE_SHARE or seen[kept].mean() < _ALONE_SURE:
                return []
            boxes = [_padded(box, view.size) for box in _regions(seen, grid)]
        made = self._alphas(view, boxes) if boxes else []
        seen = _joined(made, grid)
        kept = seen > _THERE
        if kept.mean() < _ALONE_SHARE or seen[kept].mean() < _ALONE_SURE:
            return []
        return made


def _region_of(box: Box, grid: Stage) -> Region:
    """Return where a box of the frame is in a small picture of it."""
    region = np.zeros(grid.shape, dtype=bool)
    left, top, right, bottom = (max(0, round(value * grid.scale)) for value in box)
    region[top:bottom, left:right] = True
    return region


def _apart(small: Mask, strong: Mask) -> bool:
    """Return whether two networks see so different things that it is nobody, no face being seen."""
    one, other = small > _THERE, strong > _THERE
    return bool(np.count_nonzero(one & other) < _ALIKE * np.count_nonzero(one | other))


def _finished(view: View, seen: Seen) -> Seen:
    guide = view.brightness(seen.box, (seen.mask.shape[1], seen.mask.shape[0]))
    return Seen(seen.box, refined(seen.mask, guide))


def _joined(made: Sequence[Seen], stage: Stage) -> Mask:
    joined = np.zeros(stage.shape, dtype=np.float32)
    for one in made:
        np.maximum(joined, placed(one.mask, one.box, stage), out=joined)
    return joined


def _boxes(mask: Mask, grid: Stage) -> list[Box]:
    """Return a padded box around each person of a mask of the whole frame."""
    size = grid.box[2], grid.box[3]
    boxes: list[Box] = []
    for box in (_padded(box, size) for box in _regions(mask, grid)):
        while (same := next((b for b in boxes if shared(b, box) > _SAME), None)) is not None:
            boxes.remove(same)
            box = around(same, box)
        boxes.append(box)
    return boxes


def _regions(mask: Mask, grid: Stage) -> list[Box]:
    """Return a box, in the frame's pixels, around each connected part that may be a person."""
    scale_x = (grid.box[2] - grid.box[0]) / grid.size[0]
    scale_y = (grid.box[3] - grid.box[1]) / grid.size[1]
    boxes = []
    for part in parts(mask > _THERE, round(_PERSON_SHARE * mask.size)):
        rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
        boxes.append(
            (
                int(columns[0] * scale_x),
                int(rows[0] * scale_y),
                int((columns[-1] + 1) * scale_x),
                int((rows[-1] + 1) * scale_y),
            )
        )
    return boxes


def _padded(box: Box, size: Size) -> Box:
    """Return the box with room around it, at its sides for arms, on even pixels."""
    wide, high = box[2] - box[0], box[3] - box[1]
    x, y = _MARGIN * max(wide, _REACH * high), _MARGIN * high
    return (
        max(0, int(box[0] - x) // 2 * 2),
        max(0, int(box[1] - y) // 2 * 2),
        min(size[0], -int(-(box[2] + x) // 2) * 2),
        min(size[1], -int(-(box[3] + y) // 2) * 2),
    )


def _stage(boxes: Sequence[Box], shapes: Sequence[tuple[int, ...]]) -> Stage:
    """Return a stage around all boxes, as fine as the finest of their masks."""
    box = boxes[0]
    for other in boxes[1:]:
        box = around(box, other)
    finest = max(
        max(shape[1] / (b[2] - b[0]), shape[0] / (b[3] - b[1]))
        for b, shape in zip(boxes, shapes, strict=True)
    )
    return Stage.of(box, min(1.0, finest, (_MOST_STAGE_PX / area(box)) ** 0.5))
