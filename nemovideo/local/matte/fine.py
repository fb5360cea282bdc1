"""The engine "fine": a large network on key frames, and propagated masks between them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

import attrs
import numpy as np

from nemovideo.local.matte.cutter import Cut, empty_cut
from nemovideo.local.matte.engine import Mask, Matte
from nemovideo.local.matte.faces import FaceFinder
from nemovideo.local.matte.key_frames import (
    SHARP_SIDE,
    KeyFrames,
    KeyMatte,
    gray_of,
    grid_around,
    grid_of,
)
from nemovideo.local.matte.people import People
from nemovideo.local.matte.propagation import (
    Propagated,
    between,
    has_changed,
    has_moved,
    is_lost,
    propagate,
    stabilized,
    warped_along,
)
from nemovideo.local.matte.raster import Crop, Flow, Gray, OpticalFlow, resampled
from nemovideo.local.matte.search_schedule import SearchSchedule
from nemovideo.local.matte.tracking import Thumbnail, area, is_scene_change, union_box
from nemovideo.local.matte.view import View

_MIN_STRIDE, _MAX_STRIDE = 2, 16
_FAST_STRIDE_S, _MOVING_STRIDE_S, _STILL_STRIDE_S = 0.1, 0.16, 0.52
_FAR_SHARE = 0.01
_MIN_SHARE = 0.0005
_MAX_SPARE_AREA = 1.7
_MAX_SCALE_CHANGE = 1.3
_SPARE_GRIDS = 40

_View = TypeVar("_View", bound=View)


@attrs.define(eq=False)
class _Frame(Generic[_View]):
    """A frame, its brightness on grids, and its flow to the previous key frame, if computed.

    If the flow is computed on two grids, the last one is kept.
    """

    view: _View
    flow: Flow | None = None
    flow_grid: Crop | None = None
    _grays: dict[Crop, Gray] = attrs.field(factory=dict)

    def gray(self, grid: Crop) -> Gray:
        """Return the brightness on a grid, 0..255."""
        if grid not in self._grays:
            self._grays[grid] = gray_of(self.view, grid)
        return self._grays[grid]


@attrs.define(eq=False)
class _Key(Generic[_View]):
    """A key frame with its matte, and the frames since the previous key frame.

    `grid` is the region around its people in which the flow to this frame is computed.
    """

    frame: _Frame[_View]
    matte: KeyMatte | None
    span: list[_Frame[_View]]
    grid: Crop
    crop: Crop | None = None
    alpha: Mask | None = None
    cut: Cut | None = None
    left_out: int = 0


class FineCutter:
    """Cut out the people in the frames of one clip, with two networks.

    Args:
        small: The network that finds people.
        faces: The face detector.
        large: The matting network for key frames.
        keep_people_behind: Whether to keep people behind those in front.
        fps: Frames per second.
        sharp_side: See `KeyFrames`.
    """

    finds_small_people = True

    def __init__(
        self,
        small: Matte,
        faces: FaceFinder | None,
        large: Matte,
        *,
        keep_people_behind: bool = False,
        fps: float = 30,
        sharp_side: int = SHARP_SIDE,
    ) -> None:
        self._fast_stride = _frames_in(_FAST_STRIDE_S, fps)
        self._moving_stride = _frames_in(_MOVING_STRIDE_S, fps)
        self._still_stride = _frames_in(_STILL_STRIDE_S, fps)
        self._people = People(small, faces, keep_people_behind=keep_people_behind)
        self._key_frames = KeyFrames(self._people, large, sharp_side=sharp_side)
        self._optical_flow = OpticalFlow()
        self._schedule = SearchSchedule(min_frames=1)
        self._crop: Crop | None = None
        self._grid: Crop | None = None
        self._moved = False

    @property
    def face_seen(self) -> bool:
        """Whether any face was found; always true without a face detector."""
        return self._people.face_seen

    def cut_frames(self, views: Iterable[_View]) -> Iterator[tuple[_View, Cut]]:
        """Yield every frame with its mask, in order, a few frames behind the input.

        Two frames per second are key frames; six where people move or something appears, and up
        to ten where they move so fast that the optical flow loses them. The mask of a key frame
        is the median of its own and its neighbors' masks: a single wrong one has no effect. Frames
        in between get masks propagated from both sides. A repeated view is processed once.
        """
        last: _Frame[_View] | None = None
        thumbnail: Thumbnail | None = None
        keys: list[_Key[_View]] = []
        waiting: list[_Frame[_View]] = []
        for view in views:
            if last is not None and view is last.view:
                if not waiting and len(keys) == 1 and keys[0].cut is not None:
                    yield view, keys[0].cut
                else:
                    waiting.append(last)
                continue
            self._schedule.count()
            last = _Frame(view)
            before, thumbnail = thumbnail, view.thumbnail()
            if before is not None and is_scene_change(before, thumbnail):
                yield from self._flush(keys, waiting)
                keys, waiting = [], []
                self._reset()
            if keys and not self._is_due(last, keys[-1], waiting):
                waiting.append(last)
                continue
            matte = self._matte(view, sharp=not keys or not self._moved)
            keys.append(self._key(last, matte, waiting))
            waiting = []
            yield from self._advance(keys)
        yield from self._flush(keys, waiting)

    def _is_due(self, frame: _Frame[_View], key: _Key[_View], waiting: list[_Frame[_View]]) -> bool:
        """Return whether a frame must be a key frame.

        It must if the stride is complete, or there was a lot of motion.
        """
        count = len({id(other) for other in waiting}) + 1
        self._moved = False
        if count >= self._still_stride:
            return True
        if key.matte is None or count < self._fast_stride:
            return False
        here, there = frame.gray(key.grid), key.frame.gray(key.grid)
        flow, people = self._flow(frame, key.frame, key.grid), key.matte.people_on(key.grid)
        if count < self._moving_stride:
            self._moved = is_lost(here, there, flow, people)
            return self._moved
        far_px = _FAR_SHARE * max(frame.view.size) * key.grid.scale
        self._moved = has_moved(here, there, flow, people, far_px=far_px)
        if self._moved:
            return True
        whole = grid_of(frame.view.size)
        here, there = frame.gray(whole), key.frame.gray(whole)
        if not has_changed(here, there, key.matte.people):
            return False
        # A moving camera changes every pixel; only what the flow cannot explain is new.
        there = warped_along(self._optical_flow(here, there), there)
        return has_changed(here, there, key.matte.people)

    def _flow(self, frame: _Frame[_View], before: _Frame[_View], grid: Crop) -> Flow:
        """Return the flow of a frame to the previous key frame."""
        if frame.flow is None or frame.flow_grid != grid:
            frame.flow = self._optical_flow(frame.gray(grid), before.gray(grid))
            frame.flow_grid = grid
        return frame.flow

    def _key(
        self, frame: _Frame[_View], matte: KeyMatte | None, span: list[_Frame[_View]]
    ) -> _Key[_View]:
        grid = grid_of(frame.view.size)
        if matte is not None:
            grid = grid_around(matte.people_box, frame.view.size, self._grid)
            self._grid = grid
        return _Key(frame, matte, span, grid, left_out=self._people.left_out)

    def _matte(self, view: View, *, sharp: bool) -> KeyMatte | None:
        people = self._people
        empty = not people.boxes
        due = self._schedule.is_due(view, people.boxes)
        if due or empty or not people.scene_has_face:
            people.search(view, far=due and empty)
        return self._key_frames.matte(view, sharp=sharp)

    def _reset(self) -> None:
        self._key_frames.reset()
        self._schedule.reset()
        self._crop = self._grid = None

    def _advance(self, keys: list[_Key[_View]]) -> Iterator[tuple[_View, Cut]]:
        """Yield the frames that are complete with the newest key frame."""
        if len(keys) == 1:
            yield from self._finish(None, keys[0], None)
        elif len(keys) == 3:
            yield from self._finish(*keys)
            del keys[0]
        elif keys[0].matte is None and keys[1].matte is None:  # no need for a third
            yield from self._finish(keys[0], keys[1], None)
            del keys[0]

    def _flush(
        self, keys: list[_Key[_View]], waiting: list[_Frame[_View]]
    ) -> Iterator[tuple[_View, Cut]]:
        """Yield the rest of a shot; its last frame is a key frame."""
        if waiting:
            frame = waiting.pop()
            repeated = frame is keys[-1].frame
            matte = keys[-1].matte if repeated else self._matte(frame.view, sharp=True)
            keys.append(self._key(frame, matte, waiting))
            yield from self._advance(keys)
        if len(keys) == 2:
            yield from self._finish(keys[0], keys[1], None)

    def _finish(
        self, before: _Key[_View] | None, key: _Key[_View], after: _Key[_View] | None
    ) -> Iterator[tuple[_View, Cut]]:
        """Stabilize a key frame with its neighbors; yield the frames before it, then itself."""
        crop = self._crop_for(before, key, after)
        key.crop, key.alpha = crop, None if crop is None else _alpha_on(key.matte, crop)
        if before is not None and after is not None and crop is not None:
            assert key.alpha is not None
            key.alpha = stabilized(
                key.alpha,
                self._forward(
                    _alpha_on(before.matte, crop), crop, key.frame, before, _grid(before, key)
                ),
                self._backward(
                    _alpha_on(after.matte, crop), crop, key.frame, after, _grid(key, after)
                ),
            )
        if before is not None and key.frame is before.frame:
            key.cut = before.cut
        else:
            key.cut = attrs.evolve(_cut(key.frame.view, crop, key.alpha), left_out=key.left_out)
        last: tuple[_Frame[_View], Cut] | None = None
        steps = len(key.span) + 1
        still = steps >= self._still_stride
        for number in range(1, steps):
            frame = key.span.pop(0)  # a yielded frame is not kept
            if before is not None and frame is before.frame:
                assert before.cut is not None
                last = frame, before.cut
            elif frame is key.frame:
                assert key.cut is not None
                last = frame, key.cut
            elif last is None or frame is not last[0]:
                cut = self._between(before, key, frame, number / steps)
                settled = still and number % 2 == 0
                last = frame, attrs.evolve(cut, settled=settled, left_out=key.left_out)
            yield frame.view, last[1]
        assert key.cut is not None
        yield key.frame.view, key.cut

    def _between(
        self, before: _Key[_View] | None, key: _Key[_View], frame: _Frame[_View], share: float
    ) -> Cut:
        crop = key.crop
        if crop is None or before is None:
            return empty_cut(frame.view)
        first = np.zeros(crop.shape, dtype=np.float32)
        if before.alpha is not None and before.crop is not None:
            first = resampled(before.alpha, before.crop.box, crop)
        assert key.alpha is not None
        grid = _grid(before, key)
        alpha = between(
            self._forward(first, crop, frame, before, grid),
            self._backward(key.alpha, crop, frame, key, grid),
            share,
        )
        return _cut(frame.view, crop, alpha)

    def _forward(
        self, alpha: Mask, crop: Crop, frame: _Frame[_View], before: _Key[_View], grid: Crop
    ) -> Propagated:
        """Propagate a mask from the previous key frame to a frame."""
        flow = self._flow(frame, before.frame, grid)
        return propagate(alpha, crop, frame.gray(grid), before.frame.gray(grid), flow, grid)

    def _backward(
        self, alpha: Mask, crop: Crop, frame: _Frame[_View], after: _Key[_View], grid: Crop
    ) -> Propagated:
        """Propagate a mask from the next key frame to a frame."""
        here, there = frame.gray(grid), after.frame.gray(grid)
        return propagate(alpha, crop, here, there, self._optical_flow(here, there), grid)

    def _crop_for(self, *keys: _Key[_View] | None) -> Crop | None:
        """Return a crop around the people of all keys; the current one if it still fits."""
        mattes = [key.matte for key in keys if key is not None and key.matte is not None]
        if not mattes:
            return None
        box = mattes[0].crop.box
        for matte in mattes[1:]:
            box = union_box(box, matte.crop.box)
        scale = max(matte.crop.scale for matte in mattes)
        current = self._crop
        if (
            current is not None
            and union_box(current.box, box) == current.box
            and area(current.box) < _MAX_SPARE_AREA * area(box)
            and scale / _MAX_SCALE_CHANGE < current.scale < scale * _MAX_SCALE_CHANGE
        ):
            return current
        size = next(key.frame.view.size for key in keys if key is not None)
        spare = max(size) // _SPARE_GRIDS // 2 * 2
        box = (
            max(0, box[0] - spare),
            max(0, box[1] - spare),
            min(size[0], box[2] + spare),
            min(size[1], box[3] + spare),
        )
        self._crop = Crop.of(box, scale)
        return self._crop


def _frames_in(seconds: float, fps: float) -> int:
    """Return the number of frames from one key frame to the next."""
    return min(_MAX_STRIDE, max(_MIN_STRIDE, math.ceil(seconds * fps)))


def _grid(key: _Key[_View], after: _Key[_View]) -> Crop:
    """Return the grid for the flow between two key frames: the first one's if it still fits."""
    box = key.grid.box
    fits = after.matte is None or union_box(box, after.matte.people_box) == box
    return key.grid if fits else grid_of(key.frame.view.size)


def _alpha_on(matte: KeyMatte | None, crop: Crop) -> Mask:
    if matte is None:
        return np.zeros(crop.shape, dtype=np.float32)
    return resampled(matte.alpha, matte.crop.box, crop)


def _cut(view: View, crop: Crop | None, alpha: Mask | None) -> Cut:
    if crop is not None and alpha is not None:
        kept = np.count_nonzero(alpha > 0.5) / alpha.size * area(crop.box)
        if kept >= _MIN_SHARE * view.size[0] * view.size[1]:
            return Cut(crop.box, alpha)
    return empty_cut(view)
