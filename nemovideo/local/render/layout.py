"""Layout of a clip on the canvas: its size, and its position in every frame.

The picture is rendered on a stage with its own aspect ratio, which is placed on the canvas. Only
its position varies: where the canvas shows a part of the picture, it follows the person smoothly,
without cropping a face. No I/O: `detection` detects the people.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import groupby
from typing import TypeAlias, TypeVar

import attrs
import numpy as np
import numpy.typing as npt

from nemovideo.errors import RenderFailedError
from nemovideo.local.media.limits import MAX_STAGE_PIXELS
from nemovideo.local.render.canvas import Canvas
from nemovideo.local.timeline import Clip, Place

Offset: TypeAlias = tuple[int, int]
Region: TypeAlias = tuple[float, float, float, float]
"""Left, top, right, bottom, as fractions of the picture (0..1)."""

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_Row: TypeAlias = npt.NDArray[np.float64]

_MARGIN_SHARE = 0.03
_PERSON_SHARE = 0.94  # of the canvas's width, for a whole person
_AT_EDGE = 0.015
_HEAD_HEIGHT = 0.38  # vertical position of the head, of the canvas's height
_STEADY_SHARE = 0.12  # of the canvas: smaller movements are not followed
_SMOOTH_S = 0.8
_ROUNDS = 4
_LASTING = 0.8
# Face regions include a margin: they are 1.7 times as wide as the face.
_FACE_FITS = 0.6
_FACE_ROOM = 1.5
_UNSEEN_S = 1.0


@attrs.frozen
class Detection:
    """The people in one frame of a clip.

    `scene` increases with every hard cut. `person` is the bounding box of all people who are
    kept, `top` that of their upper part, `faces` are their faces with a margin.
    """

    frame: int
    scene: int
    person: Region
    top: Region
    faces: tuple[Region, ...] = ()


@attrs.frozen(eq=False)
class Layout:
    """The stage's size, and the position of its upper left corner on the canvas in every frame.

    `filled` is whether a blurred copy of the picture fills the rest of the canvas.
    """

    width: int
    height: int
    offsets: tuple[Offset, ...]
    filled: bool = False

    def stage(self, canvas: Canvas) -> Canvas:
        """Return the stage as a canvas."""
        return attrs.evolve(canvas, width=self.width, height=self.height)

    def at(self, number: int) -> Offset:
        """Return the position in a frame of the clip; the last one is held."""
        return self.offsets[min(number, len(self.offsets) - 1)]


def positioned(
    items: Iterable[_Item], layout: Layout | None, work: Callable[[_Item, Offset], _Result]
) -> Iterator[_Result]:
    """Yield the result for each item at its position, computed only if one of the two changes."""
    last: tuple[_Item, Offset, _Result] | None = None
    for number, item in enumerate(items):
        offset = (0, 0) if layout is None else layout.at(number)
        if last is None or last[:2] != (item, offset):
            last = item, offset, work(item, offset)
        yield last[2]


def is_plain_fit(clip: Clip, canvas: Canvas, shape: Fraction) -> bool:
    """Return whether the picture just fits into the canvas, so that no layout is needed.

    `shape` is the display aspect ratio of the picture, width / height.
    """
    if clip.place is not None:
        return False
    width, height = canvas.shown_size
    return clip.fit == "contain" or abs(shape * height - width) <= 2


def plan(
    clip: Clip, canvas: Canvas, shape: Fraction, detections: Sequence[Detection], frames: int
) -> Layout:
    """Return the layout of a clip with this number of frames.

    Raises:
        RenderFailedError: The stage is too large.
    """
    free = clip.background is not None or clip.place is not None
    place = clip.place or Place()
    ratio = float(shape / canvas.aspect)  # in pixels of the canvas
    full = _height(clip, canvas, ratio, detections, free=clip.background is not None)
    size = (full * ratio * place.scale, full * place.scale)
    stage = max(2, round(size[0] / 2) * 2), max(2, round(size[1] / 2) * 2)
    if stage[0] * stage[1] > MAX_STAGE_PIXELS:
        raise RenderFailedError(
            f"{clip.name} would be enlarged to {stage[0]}×{stage[1]} pixels: the local backend "
            f"enlarges up to {MAX_STAGE_PIXELS // 1_000_000} million pixels"
        )
    people = [_typical(detections, axis) if clip.background else (0.0, 1.0) for axis in (0, 1)]
    rows: list[_Row] = []
    for axis, share in enumerate((place.x, place.y)):
        room = (canvas.width, canvas.height)[axis]
        if share is not None:
            row = np.full(frames, _aligned(share, people[axis], stage[axis], room, canvas))
        elif clip.fit == "cover" and (stage[axis] > room or (free and axis == 0)):
            row = _following(detections, axis, stage[axis], room, frames, canvas, free=free)
        else:
            row = np.full(
                frames,
                _anchored(
                    people[axis], axis, stage[axis], room, place.scale, cover=clip.fit == "cover"
                ),
            )
        rows.append(row)
    # Positions are even, because chroma has half the resolution.
    even = [(np.round(row / 2) * 2).astype(int).tolist() for row in rows]
    uncovered = stage[0] < canvas.width - 2 or stage[1] < canvas.height - 2
    filled = uncovered and not free and clip.fit != "contain"
    return Layout(*stage, offsets=tuple(zip(*even, strict=True)), filled=filled)


def _height(
    clip: Clip, canvas: Canvas, ratio: float, detections: Sequence[Detection], *, free: bool
) -> float:
    """Return the stage's height for the clip's `fit`, before the scale of its place.

    To cover, it fills the canvas unless a large face would not fit. Over a new background, where
    the picture has no visible edges, the whole person is shown.
    """
    whole, covering = sorted((float(canvas.height), canvas.width / ratio))
    if clip.fit != "cover":
        return whole
    if not free or not detections:
        faces = [face for scene in _scenes(detections) for face in _main(_tracks(scene)).values()]
        by_width = canvas.width / max((_side(face, 0) * ratio for face in faces), default=1e-3)
        by_height = canvas.height / max((_side(face, 1) for face in faces), default=1e-3)
        if min(by_width, by_height) >= _FACE_FITS * covering:
            return covering
        return max(whole, _FACE_ROOM * min(by_width, by_height))
    left, right = _typical(detections, 0)
    top, bottom = _typical(detections, 1)
    by_width = _PERSON_SHARE * canvas.width / max(0.01, (right - left) * ratio)
    by_height = _PERSON_SHARE * canvas.height / max(0.01, bottom - top)
    return min(covering, max(whole, min(by_width, by_height)))


def _side(region: Region, axis: int) -> float:
    return region[axis + 2] - region[axis]


def _typical(detections: Sequence[Detection], axis: int) -> tuple[float, float]:
    """Return the person's typical extent along an axis, as fractions of the picture."""
    if not detections:
        return 0.0, 1.0
    firsts = [detection.person[axis] for detection in detections]
    lasts = [detection.person[axis + 2] for detection in detections]
    return float(np.percentile(firsts, 10)), float(np.percentile(lasts, 90))


def _aligned(
    share: float, person: tuple[float, float], side: int, room: int, canvas: Canvas
) -> float:
    """Return the position that aligns the person, with a margin.

    There is no margin where the edge of the picture cuts off the person.
    """
    margin = _MARGIN_SHARE * min(canvas.width, canvas.height)
    first, last = person[0] * side, person[1] * side
    begin = 0.0 if person[0] <= _AT_EDGE else margin
    end = room - (0.0 if person[1] >= 1 - _AT_EDGE else margin)
    return begin + share * (end - begin - (last - first)) - first


def _anchored(
    person: tuple[float, float], axis: int, side: int, room: int, scale: float, *, cover: bool
) -> float:
    """Return the position of a stage that is centered, and scaled around the person's feet."""
    if cover and axis == 1 and person[1] >= 1 - _AT_EDGE:
        return room - side
    unscaled = side / scale
    anchor = person[1] if axis == 1 else (person[0] + person[1]) / 2
    return (room - unscaled) / 2 + anchor * (unscaled - side)


def _following(
    detections: Sequence[Detection],
    axis: int,
    side: int,
    room: int,
    frames: int,
    canvas: Canvas,
    *,
    free: bool,
) -> _Row:
    """Return the position in every frame of a stage that exceeds the canvas."""
    if not detections:
        return np.full(frames, (room - side) / 2)
    row = np.empty(frames)
    scenes = _scenes(detections)
    for index, scene in enumerate(scenes):
        begin = scene[0].frame if index else 0
        end = scenes[index + 1][0].frame if index + 1 < len(scenes) else frames
        numbers, starts = _window(scene, axis, side, room, canvas, free=free)
        row[begin:end] = -np.interp(np.arange(begin, end), numbers, starts)
    return row


def _window(
    scene: Sequence[Detection], axis: int, side: int, room: int, canvas: Canvas, *, free: bool
) -> tuple[_Row, _Row]:
    """Return the frames of a scene with a subject, and the canvas's position on the stage there."""
    heads = [
        (frame, head[axis] * side, head[axis + 2] * side)
        for frame, head in subjects(scene, axis, room / side, float(canvas.fps))
    ]
    frames, first, last = (np.array(column, dtype=float) for column in zip(*heads, strict=True))
    low, high = last - room, first
    tight = low > high  # a head larger than the canvas is centered
    low[tight] = high[tight] = (low[tight] + high[tight]) / 2
    aim = (low + high) / 2 if axis == 0 else (first + last) / 2 - _HEAD_HEIGHT * room
    if not free:
        low, high, aim = (values.clip(0, side - room) for values in (low, high, aim))
    # The position is interpolated between detections, so each must satisfy its neighbors' bounds.
    low, high = -_min_of_three(-low), _min_of_three(high)
    crossed = low > high
    low[crossed] = high[crossed] = aim[crossed]
    if np.ptp(aim) < _STEADY_SHARE * room:
        steady = float(np.median(aim))
        if (low <= steady).all() and (steady <= high).all():
            return frames, np.full(len(aim), steady)
    position = aim
    for number in range(_ROUNDS):
        spread_s = _SMOOTH_S / (number + 1)
        position = _smoothed(position, frames / float(canvas.fps), spread_s).clip(low, high)
    return frames, position


def subjects(
    scene: Sequence[Detection], axis: int, room: float, fps: float
) -> list[tuple[int, Region]]:
    """Return (frame, region to show) for the detections of a scene.

    The region contains all lasting faces if they fit into `room`, else the largest of them. While
    there are no faces, it is the upper part of the person.
    """
    tracks = _tracks(scene)
    if not tracks:
        return [(detection.frame, detection.top) for detection in scene]
    main, lasting = _main(tracks), _lasting(tracks)
    shown: list[tuple[int, Region]] = []
    for index, detection in enumerate(scene):
        together = [track[index] for track in lasting if index in track]
        around = _around(together) if together else None
        if around is not None and around[axis + 2] - around[axis] <= room:
            shown.append((detection.frame, around))
        elif index in main:
            shown.append((detection.frame, main[index]))
        elif all(abs(scene[i].frame - detection.frame) > fps * _UNSEEN_S for i in main):
            shown.append((detection.frame, detection.top))
    return shown


def _lasting(tracks: Sequence[dict[int, Region]]) -> list[dict[int, Region]]:
    """Return the faces that are visible almost as long as the longest-lasting one."""
    longest = max((len(track) for track in tracks), default=0)
    return [track for track in tracks if len(track) >= _LASTING * longest]


def _main(tracks: Sequence[dict[int, Region]]) -> dict[int, Region]:
    """Return the largest of the lasting faces."""
    return max(
        _lasting(tracks),
        key=lambda track: sum(_side(f, 0) * _side(f, 1) for f in track.values()) / len(track),
        default={},
    )


def _scenes(detections: Sequence[Detection]) -> list[list[Detection]]:
    return [list(group) for _, group in groupby(detections, key=lambda detection: detection.scene)]


def _tracks(scene: Sequence[Detection]) -> list[dict[int, Region]]:
    """Return the regions of each face, by the index of the detection."""
    tracks: list[dict[int, Region]] = []
    for index, detection in enumerate(scene):
        for face in detection.faces:
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


def _min_of_three(values: _Row) -> _Row:
    """Return the minimum of each value and its two neighbors."""
    padded = np.pad(values, 1, mode="edge")
    least: _Row = np.minimum(np.minimum(padded[:-2], padded[1:-1]), padded[2:])
    return least


def _smoothed(values: _Row, times: _Row, spread_s: float) -> _Row:
    """Return the values, smoothed with a Gaussian in time."""
    begins = np.searchsorted(times, times - 3 * spread_s)
    ends = np.searchsorted(times, times + 3 * spread_s, side="right")
    smoothed = np.empty(len(values))
    for index, (begin, end) in enumerate(zip(begins, ends, strict=True)):
        weights = np.exp(-0.5 * ((times[begin:end] - times[index]) / spread_s) ** 2)
        smoothed[index] = weights @ values[begin:end] / weights.sum()
    return smoothed
