"""Detect people and their heads in a clip, at low resolution, a few times a second.

The layout is planned from these detections before the first frame is rendered, so that it can
anticipate movement.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame

from nemovideo.local.matte import Cut, Cutter, LoadedEngine
from nemovideo.local.matte.loading import FrameCutter
from nemovideo.local.matte.tracking import Thumbnail, is_scene_change, whole
from nemovideo.local.render.compositing import Cropper
from nemovideo.local.render.cutting import FrameView
from nemovideo.local.render.layout import Detection, Region

_SIDE_PX = 512
_LARGE_SIDE_PX = 1024
_PER_SECOND = 5
_MASK_THRESHOLD = 0.5
_HEAD_SHARE = 0.25
_FACE_ROOM = 0.35


def find_people(
    frames: Callable[[int], Iterable[VideoFrame]], fps: float, matting: LoadedEngine
) -> list[Detection]:
    """Detect people about five times a second, and around scene changes.

    Frames without people are omitted. If the small network finds no one at all, as in a wide
    shot, the large one is run once a second.

    Args:
        frames: Called with the longer side in pixels; returns the clip's frames from the start.
        fps: The frame rate.
        matting: The engine and face detector.
    """
    small = Cutter(matting.engine, matting.faces)
    detections = _detect(frames(_SIDE_PX), small, fps / _PER_SECOND, matting)
    if not detections and matting.large is not None:
        detections = _detect(frames(_LARGE_SIDE_PX), matting.cutter(fps=1), fps, matting)
    return detections


def _detect(
    frames: Iterable[VideoFrame], cutter: FrameCutter, every: float, matting: LoadedEngine
) -> list[Detection]:
    chosen: deque[tuple[int, int]] = deque()
    detections: list[Detection] = []
    for view, cut in cutter.cut_frames(_sampled(frames, max(1, round(every)), chosen)):
        number, scene = chosen.popleft()
        if cut.no_person or not (cut.mask > _MASK_THRESHOLD).any():
            continue
        person, top = _person(cut, view.size)
        detections.append(Detection(number, scene, person, top, _faces(view, person, matting)))
    return detections


def _sampled(
    frames: Iterable[VideoFrame], every: int, chosen: deque[tuple[int, int]]
) -> Iterator[FrameView]:
    """Yield every n-th frame and those around scene changes; append (number, scene) to `chosen`."""
    cropper = Cropper()
    scene = 0
    last: FrameView | None = None
    seen: Thumbnail | None = None
    taken = -1
    number = -1
    for number, frame in enumerate(frames):
        view = FrameView(frame, cropper)
        before, seen = seen, view.thumbnail()
        begins = before is not None and is_scene_change(before, seen)
        if begins:
            if last is not None and taken < number - 1:
                chosen.append((number - 1, scene))
                yield last
            scene += 1
        if begins or number % every == 0:
            chosen.append((number, scene))
            yield view
            taken = number
        last = view
    if last is not None and taken < number:
        chosen.append((number, scene))
        yield last


def _person(cut: Cut, size: tuple[int, int]) -> tuple[Region, Region]:
    """Return the bounding box of a mask, and that of its upper part."""
    kept = cut.mask > _MASK_THRESHOLD
    rows, columns = np.flatnonzero(kept.any(axis=1)), np.flatnonzero(kept.any(axis=0))
    first, last = int(rows[0]), int(rows[-1]) + 1
    below = first + max(1, round((last - first) * _HEAD_SHARE))
    above = np.flatnonzero(kept[first:below].any(axis=0))
    left, top, right, bottom = cut.box
    cell_width, cell_height = (right - left) / kept.shape[1], (bottom - top) / kept.shape[0]

    def region(across: npt.NDArray[np.intp], end: int) -> Region:
        return (
            float((left + across[0] * cell_width) / size[0]),
            float((top + first * cell_height) / size[1]),
            float((left + (across[-1] + 1) * cell_width) / size[0]),
            float((top + end * cell_height) / size[1]),
        )

    return region(columns, last), region(above, below)


def _faces(view: FrameView, person: Region, matting: LoadedEngine) -> tuple[Region, ...]:
    """Return the faces within the person's box, with a margin."""
    if matting.faces is None:
        return ()
    width, height = view.size
    side = matting.faces.side
    picture = view.picture(whole(view.size), (side, side))
    faces: list[Region] = []
    for left, top, right, bottom in matting.faces.find(picture, view.size):
        x, y = (left + right) / 2 / width, (top + bottom) / 2 / height
        if person[0] <= x <= person[2] and person[1] <= y <= person[3]:
            room_x, room_y = (right - left) * _FACE_ROOM, (bottom - top) * _FACE_ROOM
            faces.append(
                (
                    max(0.0, (left - room_x) / width),
                    max(0.0, (top - 1.5 * room_y) / height),
                    min(1.0, (right + room_x) / width),
                    min(1.0, (bottom + room_y) / height),
                )
            )
    return tuple(faces)
