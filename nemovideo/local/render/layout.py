"""How a clip's picture lies on the canvas: its size, and its place in every frame.

The picture is drawn on a stage of its own shape, which covers the canvas or stands on
it. Only the stage's place changes in time: it follows the person where the canvas shows
a part of the picture only, slowly, and never so that a face is cut. Pure: `sights` has
looked at the frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import groupby
from typing import TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from nemovideo.local.render.canvas import Canvas
from nemovideo.local.timeline import Clip, Place

Offset: TypeAlias = tuple[int, int]
Region: TypeAlias = tuple[float, float, float, float]
"""Left, top, right, bottom, as shares of the picture (0..1)."""

_Row: TypeAlias = npt.NDArray[np.float64]

_MARGIN_SHARE = 0.03
_PERSON_SHARE = 0.94  # of the canvas's width, for a person who is to be seen whole
_AT_EDGE = 0.015
_HEAD_HEIGHT = 0.38  # a head's place in a frame that is lower than the picture
_CALM_SHARE = 0.12  # of the canvas: less than this is no reason to move
_SMOOTH_S = 0.8
_ROUNDS = 4
_LASTING = 0.8
# A face with its room is 1.7 times as wide as the face.
_FACE_FITS = 0.6
_FACE_ROOM = 1.5
_UNSEEN_S = 1.0


@attrs.frozen
class Sight:
    """What is seen in one frame of a clip.

    `frame` is its number, and `scene` that of the scene: it grows with every hard cut.
    `person` holds everybody who is kept, and `top` their upper part. `faces` are their
    faces, with some room.
    """

    frame: int
    scene: int
    person: Region
    top: Region
    faces: tuple[Region, ...] = ()


@attrs.frozen(eq=False)
class Layout:
    """The stage's size, and where its upper left corner lies on the canvas, frame by frame.

    `filled` is set where it leaves room that a blurred copy of the picture shall fill.
    """

    width: int
    height: int
    offsets: tuple[Offset, ...]
    filled: bool = False

    def stage(self, canvas: Canvas) -> Canvas:
        """Return the stage: a canvas of its own size."""
        return attrs.evolve(canvas, width=self.width, height=self.height)

    def at(self, number: int) -> Offset:
        """Return the place in the clip's frame of that number; the last one stands."""
        return self.offsets[min(number, len(self.offsets) - 1)]


def lies_plain(clip: Clip, canvas: Canvas, shape: Fraction) -> bool:
    """Return whether the picture simply fits the canvas: nothing has to be looked at.

    `shape` is the width of the picture as it is shown, divided by its height.
    """
    if clip.place is not None:
        return False
    wide, high = canvas.shown_size
    return clip.fit == "contain" or abs(shape * high - wide) <= 2


def plan(
    clip: Clip, canvas: Canvas, shape: Fraction, sights: Sequence[Sight], frames: int
) -> Layout:
    """Return the layout of a clip of so many frames."""
    free = clip.background is not None or clip.place is not None
    place = clip.place or Place()
    ratio = float(shape / canvas.aspect)  # the stage's shape in the canvas's own pixels
    full = _height(clip, canvas, ratio, sights, free=clip.background is not None)
    size = (full * ratio * place.scale, full * place.scale)
    stage = max(2, round(size[0] / 2) * 2), max(2, round(size[1] / 2) * 2)
    people = [_typical(sights, axis) if clip.background else (0.0, 1.0) for axis in (0, 1)]
    rows: list[_Row] = []
    for axis, share in enumerate((place.x, place.y)):
        room = (canvas.width, canvas.height)[axis]
        if share is not None:
            row = np.full(frames, _aligned(share, people[axis], stage[axis], room, canvas))
        elif clip.fit == "cover" and (stage[axis] > room or (free and axis == 0)):
            row = _following(sights, axis, stage[axis], room, frames, canvas, free=free)
        else:
            row = np.full(
                frames,
                _anchored(
                    people[axis], axis, stage[axis], room, place.scale, cover=clip.fit == "cover"
                ),
            )
        rows.append(row)
    # Chroma has half the size: an even place keeps it in register.
    even = [(np.round(row / 2) * 2).astype(int).tolist() for row in rows]
    uncovered = stage[0] < canvas.width - 2 or stage[1] < canvas.height - 2
    filled = uncovered and not free and clip.fit != "contain"
    return Layout(*stage, offsets=tuple(zip(*even, strict=True)), filled=filled)


def _height(
    clip: Clip, canvas: Canvas, ratio: float, sights: Sequence[Sight], *, free: bool
) -> float:
    """Return the stage's height: as large as `fit` says, before the place's own scale.

    It covers the canvas as far as a face, large in the picture, still fits in. Over a new
    background the picture has no edges that must be hidden: there the person stays whole.
    """
    whole, covering = sorted((float(canvas.height), canvas.width / ratio))
    if clip.fit != "cover":
        return whole
    if not free or not sights:
        faces = [face for scene in _scenes(sights) for face in _main(_tracks(scene)).values()]
        wide = canvas.width / max((_side(face, 0) * ratio for face in faces), default=1e-3)
        high = canvas.height / max((_side(face, 1) for face in faces), default=1e-3)
        if min(wide, high) >= _FACE_FITS * covering:
            return covering
        return max(whole, _FACE_ROOM * min(wide, high))
    left, right = _typical(sights, 0)
    top, bottom = _typical(sights, 1)
    wide = _PERSON_SHARE * canvas.width / max(0.01, (right - left) * ratio)
    high = _PERSON_SHARE * canvas.height / max(0.01, bottom - top)
    return min(covering, max(whole, min(wide, high)))


def _side(region: Region, axis: int) -> float:
    return region[axis + 2] - region[axis]


def _typical(sights: Sequence[Sight], axis: int) -> tuple[float, float]:
    """Return from where to where the person is most of the time, in shares."""
    if not sights:
        return 0.0, 1.0
    firsts = [sight.person[axis] for sight in sights]
    lasts = [sight.person[axis + 2] for sight in sights]
    return float(np.percentile(firsts, 10)), float(np.percentile(lasts, 90))


def _aligned(
    share: float, person: tuple[float, float], side: int, room: int, canvas: Canvas
) -> float:
    """Return the place at which the person is aligned, with a margin.

    There is no margin where the picture itself cuts the person off.
    """
    margin = _MARGIN_SHARE * min(canvas.width, canvas.height)
    first, last = person[0] * side, person[1] * side
    begin = 0.0 if person[0] <= _AT_EDGE else margin
    end = room - (0.0 if person[1] >= 1 - _AT_EDGE else margin)
    return begin + share * (end - begin - (last - first)) - first


def _anchored(
    person: tuple[float, float], axis: int, side: int, room: int, scale: float, *, cover: bool
) -> float:
    """Return the place of a stage that is not moved: scaled around the person's feet."""
    if cover and axis == 1 and person[1] >= 1 - _AT_EDGE:
        return room - side
    unscaled = side / scale
    anchor = person[1] if axis == 1 else (person[0] + person[1]) / 2
    return (room - unscaled) / 2 + anchor * (unscaled - side)


def _following(
    sights: Sequence[Sight],
    axis: int,
    side: int,
    room: int,
    frames: int,
    canvas: Canvas,
    *,
    free: bool,
) -> _Row:
    """Return the place in every frame of a stage that is larger than the canvas."""
    if not sights:
        return np.full(frames, (room - side) / 2)
    row = np.empty(frames)
    scenes = _scenes(sights)
    for index, scene in enumerate(scenes):
        begin = scene[0].frame if index else 0
        end = scenes[index + 1][0].frame if index + 1 < len(scenes) else frames
        numbers, starts = _window(scene, axis, side, room, canvas, free=free)
        row[begin:end] = -np.interp(np.arange(begin, end), numbers, starts)
    return row


def _window(
    scene: Sequence[Sight], axis: int, side: int, room: int, canvas: Canvas, *, free: bool
) -> tuple[_Row, _Row]:
    """Return at which frames of a scene something has to be shown, and where the canvas begins."""
    heads = [
        (frame, head[axis] * side, head[axis + 2] * side)
        for frame, head in subjects(scene, axis, room / side, float(canvas.fps))
    ]
    frames, first, last = (np.array(column, dtype=float) for column in zip(*heads, strict=True))
    low, high = last - room, first
    tight = low > high  # a head that is larger than the canvas is centered
    low[tight] = high[tight] = (low[tight] + high[tight]) / 2
    aim = (low + high) / 2 if axis == 0 else (first + last) / 2 - _HEAD_HEIGHT * room
    if not free:
        low, high, aim = (values.clip(0, side - room) for values in (low, high, aim))
    # Between two sights the place is interpolated: it must suit both.
    low, high = -_least_near(-low), _least_near(high)
    crossed = low > high
    low[crossed] = high[crossed] = aim[crossed]
    if np.ptp(aim) < _CALM_SHARE * room:
        calm = float(np.median(aim))
        if (low <= calm).all() and (calm <= high).all():
            return frames, np.full(len(aim), calm)
    place = aim
    for number in range(_ROUNDS):
        spread_s = _SMOOTH_S / (number + 1)
        place = _smoothed(place, frames / float(canvas.fps), spread_s).clip(low, high)
    return frames, place


def subjects(
    scene: Sequence[Sight], axis: int, room: float, fps: float
) -> list[tuple[int, Region]]:
    """Return (frame, what has to be shown in it) for the sights of a scene.

    That is the face that is there the longest, or the largest of those that are; and
    all of those, where they fit into `room` together. Where no face is seen for a while
    it is the upper part of the person.
    """
    tracks = _tracks(scene)
    if not tracks:
        return [(sight.frame, sight.top) for sight in scene]
    main, lasting = _main(tracks), _lasting(tracks)
    shown: list[tuple[int, Region]] = []
    for index, sight in enumerate(scene):
        together = [track[index] for track in lasting if index in track]
        around = _around(together) if together else None
        if around is not None and around[axis + 2] - around[axis] <= room:
            shown.append((sight.frame, around))
        elif index in main:
            shown.append((sight.frame, main[index]))
        elif all(abs(scene[i].frame - sight.frame) > fps * _UNSEEN_S for i in main):
            shown.append((sight.frame, sight.top))
    return shown


def _lasting(tracks: Sequence[dict[int, Region]]) -> list[dict[int, Region]]:
    """Return the faces that are there about as long as any other."""
    longest = max((len(track) for track in tracks), default=0)
    return [track for track in tracks if len(track) >= _LASTING * longest]


def _main(tracks: Sequence[dict[int, Region]]) -> dict[int, Region]:
    """Return the largest of the faces that last."""
    sizes = [sum(map(_area, track.values())) / len(track) for track in _lasting(tracks)]
    return _lasting(tracks)[sizes.index(max(sizes))] if sizes else {}


def _scenes(sights: Sequence[Sight]) -> list[list[Sight]]:
    return [list(group) for _, group in groupby(sights, key=lambda sight: sight.scene)]


def _tracks(scene: Sequence[Sight]) -> list[dict[int, Region]]:
    """Return each face's places, by the index of the sight."""
    tracks: list[dict[int, Region]] = []
    for index, sight in enumerate(scene):
        for face in sight.faces:
            near = [
                track
                for track in tracks
                if index not in track and _distance(track[max(track)], face) < face[2] - face[0]
            ]
            if near:
                min(near, key=lambda track: _distance(track[max(track)], face))[index] = face
            else:
                tracks.append({index: face})
    return tracks


def _distance(one: Region, other: Region) -> float:
    return (
        max(abs(one[0] + one[2] - other[0] - other[2]), abs(one[1] + one[3] - other[1] - other[3]))
        / 2
    )


def _around(regions: Sequence[Region]) -> Region:
    left, top, right, bottom = zip(*regions, strict=True)
    return min(left), min(top), max(right), max(bottom)


def _area(region: Region) -> float:
    return (region[2] - region[0]) * (region[3] - region[1])


def _least_near(values: _Row) -> _Row:
    """Return the least of each value and its two neighbors."""
    padded = np.pad(values, 1, mode="edge")
    least: _Row = np.minimum(np.minimum(padded[:-2], padded[1:-1]), padded[2:])
    return least


def _smoothed(values: _Row, times: _Row, spread_s: float) -> _Row:
    """Return a weighted mean of each value and those near it in time."""
    begins = np.searchsorted(times, times - 3 * spread_s)
    ends = np.searchsorted(times, times + 3 * spread_s, side="right")
    smoothed = np.empty(len(values))
    for index, (begin, end) in enumerate(zip(begins, ends, strict=True)):
        weights = np.exp(-0.5 * ((times[begin:end] - times[index]) / spread_s) ** 2)
        smoothed[index] = weights @ values[begin:end] / weights.sum()
    return smoothed
