"""A user's own masks for single frames, carried along the motion to the frames around them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Generic, TypeVar

import attrs
import numpy as np

from nemovideo.local.matte.cutter import Cut
from nemovideo.local.matte.engine import Mask
from nemovideo.local.matte.key_frames import gray_of
from nemovideo.local.matte.propagation import Carrier
from nemovideo.local.matte.raster import Gray, Stage, placed, places, warped
from nemovideo.local.matte.tracking import Thumbnail, is_cut, whole
from nemovideo.local.matte.view import View

_SIDE_PX = 960
_AGREED = 0.97

_View = TypeVar("_View", bound=View)


@attrs.define(eq=False)
class _Seen(Generic[_View]):
    """A frame on its way through."""

    view: _View
    cut: Cut
    gray: Gray
    thumbnail: Thumbnail
    given: Mask | None = None


@attrs.frozen(eq=False)
class _Carried:
    """A mask that comes from a user's, and how far it can be relied on, 0..1."""

    alpha: Mask
    trust: Mask


class Corrections(Generic[_View]):
    """Puts a user's masks into a clip.

    A mask holds for its frame as it is. It is carried to the frames before and after,
    where the motion of the picture can be followed, until the engine's own mask agrees or
    the shot ends; backward for at most `reach` frames, with less weight the further.

    Args:
        masks: By the number of the frame, as large as the frame.
        reach: How many frames before a mask are held, to be corrected by it.
    """

    def __init__(self, masks: Mapping[int, Mask], reach: int) -> None:
        self._masks = dict(masks)
        self._reach = max(1, reach)
        self._carrier = Carrier()
        self._carried: _Carried | None = None
        self._last: _Seen[_View] | None = None

    def applied(self, cuts: Iterable[tuple[_View, Cut]]) -> Iterator[tuple[_View, Cut]]:
        """Yield every view with its cut, corrected, in order."""
        held: list[_Seen[_View]] = []
        for number, (view, cut) in enumerate(cuts):
            given = self._masks.get(number)
            near = any(number < other <= number + self._reach for other in self._masks)
            if given is None and not near and self._carried is None:
                yield from _released(held)
                self._last = None
                yield view, cut
                continue
            seen = _Seen(view, cut, gray_of(view), view.thumbnail(), given)
            self._carry_on(seen)
            if given is not None:
                self._carry_back(seen, held)
                seen.cut = Cut(whole(view.size), given, nobody=not given.any())
            held.append(seen)
            if not near:
                yield from _released(held)
            elif len(held) > self._reach:
                yield held[0].view, held.pop(0).cut
        yield from _released(held)

    def _carry_on(self, seen: _Seen[_View]) -> None:
        """Correct a frame by the one before it, and remember what it passes on."""
        before, self._last = self._last, seen
        stage = _stage(seen.view)
        if seen.given is not None:
            sure = np.ones(stage.shape, dtype=np.float32)
            self._carried = _Carried(placed(seen.given, stage.box, stage), sure)
        elif self._carried is not None and before is not None:
            self._carried = self._moved(self._carried, before, seen)
            self._correct(seen, self._carried, 1.0)

    def _carry_back(self, seen: _Seen[_View], held: list[_Seen[_View]]) -> None:
        """Correct the frames before one whose mask is given."""
        assert self._carried is not None
        carried: _Carried | None = self._carried
        after = seen
        for distance, earlier in enumerate(reversed(held), 1):
            if earlier.given is not None or carried is None:
                return
            carried = self._moved(carried, after, earlier)
            self._correct(earlier, carried, 1 - distance / (self._reach + 1))
            after = earlier

    def _moved(self, carried: _Carried, origin: _Seen[_View], to: _Seen[_View]) -> _Carried | None:
        """Bring a mask to a neighboring frame; None where it ends."""
        if to.view is origin.view:
            return carried
        if is_cut(origin.thumbnail, to.thumbnail):
            return None
        stage, size = _stage(to.view), to.view.size
        flow = self._carrier.flow(to.gray, origin.gray)
        made = self._carrier.carry(carried.alpha, stage, size, to.gray, origin.gray, flow)
        trust = warped(carried.trust, places(flow, size, stage))
        own = placed(to.cut.mask, to.cut.box, stage)
        if _agreement(made.alpha, own) > _AGREED:
            return None
        return _Carried(made.alpha, np.minimum(trust, made.trust))

    def _correct(self, seen: _Seen[_View], carried: _Carried | None, weight: float) -> None:
        if carried is None:
            return
        stage = _stage(seen.view)
        own = placed(seen.cut.mask, seen.cut.box, stage)
        made = own + (carried.alpha - own) * (carried.trust * np.float32(weight))
        seen.cut = attrs.evolve(
            seen.cut, box=stage.box, mask=made, nobody=not (made > 0.5).any(), settled=False
        )


def _released(held: list[_Seen[_View]]) -> Iterator[tuple[_View, Cut]]:
    for seen in held:
        yield seen.view, seen.cut
    held.clear()


def _stage(view: View) -> Stage:
    return Stage.of(whole(view.size), min(1.0, _SIDE_PX / max(view.size)))


def _agreement(one: Mask, other: Mask) -> float:
    """Return the intersection over union of two masks."""
    first, second = one > 0.5, other > 0.5
    union = np.count_nonzero(first | second)
    return np.count_nonzero(first & second) / union if union else 1.0
