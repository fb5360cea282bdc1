"""The engine "fine": a strong network at key frames, its masks carried to those between."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

import attrs
import numpy as np

from nemovideo.local.matte.cutter import Cut
from nemovideo.local.matte.engine import DEFAULT_SIDE, Mask, Matte
from nemovideo.local.matte.faces import FaceFinder
from nemovideo.local.matte.key_frames import Look, Looker, gray_of
from nemovideo.local.matte.people import People
from nemovideo.local.matte.propagation import Carried, Carrier, between, has_moved, steadied
from nemovideo.local.matte.raster import Gray, Stage, placed
from nemovideo.local.matte.search_schedule import Lookout
from nemovideo.local.matte.tracking import Thumbnail, area, around, is_cut, whole
from nemovideo.local.matte.view import View

_LEAST_STRIDE, _USUAL_STRIDE, _MOST_STRIDE = 2, 3, 12
_STRIDE_S, _STRIDE_WITH_NOBODY_S = 0.2, 0.4
_HASTE = 2.0
_LEAST_SHARE = 0.0005
_ROOMY = 1.7
_SCALES_ALIKE = 1.3
_SPARE_GRIDS = 40

_View = TypeVar("_View", bound=View)


@attrs.frozen(eq=False)
class _Moment(Generic[_View]):
    """A frame on its way through, and its brightness, small."""

    view: _View
    gray: Gray


@attrs.define(eq=False)
class _Key(Generic[_View]):
    """A key frame, what was seen in it, and the frames between it and the one before."""

    moment: _Moment[_View]
    look: Look | None
    span: list[_Moment[_View]]
    stage: Stage | None = None
    alpha: Mask | None = None
    cut: Cut | None = None
    left_out: int = 0


class FineCutter:
    """Follow the people through the frames of one clip, with two networks.

    Args:
        small: The network that finds people.
        faces: What finds faces.
        strong: The matting network that sees the key frames.
        behind: Whether those behind the people in front are kept, too.
        fps: Frames a second.
    """

    def __init__(
        self,
        small: Matte,
        faces: FaceFinder | None,
        strong: Matte,
        *,
        behind: bool = False,
        fps: float = 30,
    ) -> None:
        self._stride = _frames_in(_STRIDE_S, fps)
        self._stride_with_nobody = _frames_in(_STRIDE_WITH_NOBODY_S, fps)
        self._people = People(small, faces, behind=behind)
        self._looker = Looker(self._people, strong)
        self._carrier = Carrier()
        self._lookout = Lookout()
        self._stage: Stage | None = None

    @property
    def face_seen(self) -> bool:
        """Whether any face was found; without a face finder there is no doubt."""
        return self._people.face_seen

    def follow(self, views: Iterable[_View]) -> Iterator[tuple[_View, Cut]]:
        """Yield every view with its mask, in order, some frames late.

        Five frames a second are looked at by both networks: every second or third frame
        where much moves, five in two seconds where nobody is. The mask of such a key frame
        is the median of its own and its neighbors', so that an answer that nobody else
        gives is not believed; those between take theirs from both sides, moved along
        with the picture. A view given again (a picture that stands) is not looked at again.
        """
        last: _Moment[_View] | None = None
        thumbnail: Thumbnail | None = None
        keys: list[_Key[_View]] = []
        waiting: list[_Moment[_View]] = []
        for view in views:
            if last is not None and view is last.view:
                if not waiting and len(keys) == 1 and keys[0].cut is not None:
                    yield view, keys[0].cut
                else:
                    waiting.append(last)
                continue
            self._lookout.count()
            last = _Moment(view, gray_of(view))
            before, thumbnail = thumbnail, view.thumbnail()
            if before is not None and is_cut(before, thumbnail):
                yield from self._ended(keys, waiting)
                keys, waiting = [], []
                self._forget()
            if keys and not self._is_due(last, keys[-1], waiting):
                waiting.append(last)
                continue
            calm = not keys or len(waiting) + 1 >= self._stride
            look = self._look(view, calm=calm)
            keys.append(_Key(last, look, waiting, left_out=self._people.left_out))
            waiting = []
            yield from self._advanced(keys)
        yield from self._ended(keys, waiting)

    def _is_due(
        self, moment: _Moment[_View], key: _Key[_View], waiting: list[_Moment[_View]]
    ) -> bool:
        """Return whether a frame must be looked at: the last key is long ago, or much moved."""
        count = len({id(other) for other in waiting}) + 1
        if key.look is None:
            return count >= self._stride_with_nobody
        if count < _LEAST_STRIDE:
            return False
        if count >= self._stride:
            return True
        flow = self._carrier.flow(moment.gray, key.moment.gray)
        much = 1.0 if count >= _USUAL_STRIDE else _HASTE
        return has_moved(moment.gray, key.moment.gray, flow, key.look.there, much=much)

    def _look(self, view: View, *, calm: bool) -> Look | None:
        lost = not self._people.boxes
        self._people.search(view, far=lost and self._lookout.is_due(view, []))
        return self._looker.look(view, sharp=calm)

    def _forget(self) -> None:
        self._looker.forget()
        self._lookout.forget()
        self._stage = None

    def _advanced(self, keys: list[_Key[_View]]) -> Iterator[tuple[_View, Cut]]:
        """Yield what can be decided now that one more key is known."""
        if len(keys) == 1:
            yield from self._decided(None, keys[0], None)
        elif len(keys) == 3:
            yield from self._decided(*keys)
            del keys[0]
        elif keys[0].look is None and keys[1].look is None:  # there is nothing to compare
            yield from self._decided(keys[0], keys[1], None)
            del keys[0]

    def _ended(
        self, keys: list[_Key[_View]], waiting: list[_Moment[_View]]
    ) -> Iterator[tuple[_View, Cut]]:
        """Yield all that is left of a shot; its last frame is a key."""
        if waiting:
            moment = waiting.pop()
            known = keys[-1] if moment is keys[-1].moment else None
            look = known.look if known else self._look(moment.view, calm=True)
            keys.append(_Key(moment, look, waiting))
            yield from self._advanced(keys)
        if len(keys) == 2:
            yield from self._decided(keys[0], keys[1], None)

    def _decided(
        self, before: _Key[_View] | None, key: _Key[_View], after: _Key[_View] | None
    ) -> Iterator[tuple[_View, Cut]]:
        """Settle a key's mask by its neighbors'; yield the frames before it, and it."""
        stage = self._stage_for(before, key, after)
        key.stage, key.alpha = stage, None if stage is None else _on(key.look, stage)
        if before is not None and after is not None and stage is not None:
            assert key.alpha is not None
            sides = [
                self._carried(_on(side.look, stage), stage, key.moment, side.moment)
                for side in (before, after)
            ]
            key.alpha = steadied(key.alpha, *sides)
        if before is not None and key.moment is before.moment:
            key.cut = before.cut
        else:
            key.cut = attrs.evolve(_cut(key.moment.view, stage, key.alpha), left_out=key.left_out)
        last: tuple[_Moment[_View], Cut] | None = None
        for number, moment in enumerate(key.span, 1):
            if before is not None and moment is before.moment:
                assert before.cut is not None
                last = moment, before.cut
            elif moment is key.moment:
                assert key.cut is not None
                last = moment, key.cut
            elif last is None or moment is not last[0]:
                share = number / (len(key.span) + 1)
                cut = self._between(before, key, moment, share)
                last = moment, attrs.evolve(cut, left_out=key.left_out)
            yield moment.view, last[1]
        assert key.cut is not None
        yield key.moment.view, key.cut

    def _between(
        self, before: _Key[_View] | None, key: _Key[_View], moment: _Moment[_View], share: float
    ) -> Cut:
        stage = key.stage
        if stage is None or before is None:
            return _cut(moment.view, None, None)
        first = np.zeros(stage.shape, dtype=np.float32)
        if before.alpha is not None and before.stage is not None:
            first = placed(before.alpha, before.stage.box, stage)
        assert key.alpha is not None
        alpha = between(
            self._carried(first, stage, moment, before.moment),
            self._carried(key.alpha, stage, moment, key.moment),
            share,
        )
        return _cut(moment.view, stage, alpha)

    def _carried(
        self, alpha: Mask, stage: Stage, to: _Moment[_View], come_from: _Moment[_View]
    ) -> Carried:
        flow = self._carrier.flow(to.gray, come_from.gray)
        return self._carrier.carry(alpha, stage, to.view.size, to.gray, come_from.gray, flow)

    def _stage_for(self, *keys: _Key[_View] | None) -> Stage | None:
        """Return the part of the frame in which anybody is; the one of before where it does."""
        looks = [key.look for key in keys if key is not None and key.look is not None]
        if not looks:
            return None
        box = looks[0].stage.box
        for look in looks[1:]:
            box = around(box, look.stage.box)
        scale = max(look.stage.scale for look in looks)
        now = self._stage
        if (
            now is not None
            and around(now.box, box) == now.box
            and area(now.box) < _ROOMY * area(box)
            and scale / _SCALES_ALIKE < now.scale < scale * _SCALES_ALIKE
        ):
            return now
        size = next(key.moment.view.size for key in keys if key is not None)
        spare = max(size) // _SPARE_GRIDS // 2 * 2
        box = (
            max(0, box[0] - spare),
            max(0, box[1] - spare),
            min(size[0], box[2] + spare),
            min(size[1], box[3] + spare),
        )
        self._stage = Stage.of(box, scale)
        return self._stage


def _frames_in(seconds: float, fps: float) -> int:
    """Return the number of frames from one key to the next."""
    return min(_MOST_STRIDE, max(_LEAST_STRIDE, math.ceil(seconds * fps)))


def _on(look: Look | None, stage: Stage) -> Mask:
    if look is None:
        return np.zeros(stage.shape, dtype=np.float32)
    return placed(look.alpha, look.stage.box, stage)


def _cut(view: View, stage: Stage | None, alpha: Mask | None) -> Cut:
    if stage is not None and alpha is not None:
        kept = np.count_nonzero(alpha > 0.5) / alpha.size * area(stage.box)
        if kept >= _LEAST_SHARE * view.size[0] * view.size[1]:
            return Cut(stage.box, alpha)
    empty = np.zeros((DEFAULT_SIDE, DEFAULT_SIDE), dtype=np.float32)
    return Cut(whole(view.size), empty, nobody=True)
