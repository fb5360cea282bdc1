"""The matte of one key frame, from both networks.

The small network finds people and gives a second mask; the large network sees a crop of
each person. Where the two masks differ, `reconcile` decides.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Sequence

import attrs
import cv2
import numpy as np

from nemovideo.local.matte.edges import refined
from nemovideo.local.matte.engine import Mask, Matte
from nemovideo.local.matte.modnet import input_size
from nemovideo.local.matte.people import Detection, People
from nemovideo.local.matte.raster import (
    Crop,
    Gray,
    OpticalFlow,
    Region,
    components,
    dilated,
    offsets_of,
    resampled,
    warped,
)
from nemovideo.local.matte.reconcile import Correction, Sighting, reconcile
from nemovideo.local.matte.tracking import Box, Size, area, overlap_share, union_box, whole
from nemovideo.local.matte.view import View

GRID_PX = 320
"""The longer side of the reduced frames for comparing masks, in pixels."""

_FLOW_PX = 75_000
_FLOW_MARGIN = 0.1
_MAX_SPARE_AREA = 1.7
_SIDE, SHARP_SIDE = 320, 448
_MIN_SIDE = 256
_MAX_ZOOM = 1.5
_MAX_CROP_PX = 800_000
_MIN_PERSON_SHARE = 0.001
_MARGIN, _SHARP_MARGIN = 0.12, 0.15
_ARM_REACH = 0.7
_MIN_PERSON_OVERLAP = 0.4
_ALPHA_LEVELS = (0.05, 0.9)
_MIN_LARGE_ONLY_SHARE = 0.001
_MIN_LARGE_ONLY_ALPHA = 0.75
_MIN_ALPHA = 0.5
_SEEN_FRAMES = 2
_MAX_WIDENINGS = 2
_MIN_CUT_SHARE = 0.01
_MIN_IOU = 0.6


@attrs.frozen(eq=False)
class KeyMatte:
    """The alpha of a crop of a key frame; everything outside is background.

    `people` is the slightly dilated region of people in the reduced frame, `people_box` the box
    around it, in frame pixels.
    """

    crop: Crop
    alpha: Mask
    people: Region
    people_box: Box

    def people_on(self, grid: Crop) -> Region:
        """Return `people` on a different grid."""
        return _people(self.alpha, self.crop, grid)


def grid_of(size: Size) -> Crop:
    """Return the whole frame at reduced size."""
    scale = GRID_PX / max(size)
    return Crop(whole(size), (max(16, round(size[0] * scale)), max(16, round(size[1] * scale))))


def grid_around(box: Box, size: Size, current: Crop | None) -> Crop:
    """Return the grid for the optical flow of the people in a box, with some margin.

    The current one is kept while the people are well inside.
    """
    extended = _extended(box, size)
    fits = current is not None and union_box(current.box, box) == current.box
    if current is not None and fits and area(current.box) < _MAX_SPARE_AREA * area(extended):
        return current
    return Crop.of(extended, min(1.0, (_FLOW_PX / area(extended)) ** 0.5))


def _extended(box: Box, size: Size) -> Box:
    margin = int(_FLOW_MARGIN * max(box[2] - box[0], box[3] - box[1])) + 32
    return (
        max(0, (box[0] - margin) // 2 * 2),
        max(0, (box[1] - margin) // 2 * 2),
        min(size[0], (box[2] + margin) // 2 * 2),
        min(size[1], (box[3] + margin) // 2 * 2),
    )


def gray_of(view: View, grid: Crop) -> Gray:
    """Return the brightness of a frame on a grid, 0..255."""
    luma: Gray = (view.brightness(grid.box, grid.size) * 255).astype(np.uint8)
    return luma


@attrs.frozen(eq=False)
class _LargePass:
    """The large network's detections in a frame.

    `widened` pairs each input box with the box it was widened to.
    """

    detections: Sequence[Detection] = ()
    widened: Sequence[tuple[Box, Box]] = ()

    def added(self, grid: Crop) -> Region:
        """Return the area that the boxes gained by widening."""
        added = np.zeros(grid.shape, dtype=bool)
        for box, wider in self.widened:
            added |= _region_of(wider, grid) & ~_region_of(box, grid)
        return added


class KeyFrames:
    """Mattes of the key frames of a clip.

    Args:
        people: Finds and tracks people with the small network.
        large: The matting network.
        sharp_side: The large network sees at most `sharp_side`² pixels.
    """

    def __init__(self, people: People, large: Matte, *, sharp_side: int = SHARP_SIDE) -> None:
        self._people = people
        self._large = large
        self._last_boxes: list[Box] = []
        self._sharp_side = sharp_side
        self._optical_flow = OpticalFlow()
        self._seen: deque[tuple[Gray, Mask]] = deque(maxlen=_SEEN_FRAMES)

    def reset(self) -> None:
        """Start a new scene."""
        self._people.reset()
        self._last_boxes = []
        self._seen.clear()

    def matte(self, view: View, *, sharp: bool = True) -> KeyMatte | None:
        """Return the matte of a frame, or None if nobody is found.

        Args:
            view: The frame.
            sharp: Whether the large network gets more pixels, which takes nearly twice as long.
        """
        side, margin = (self._sharp_side, _SHARP_MARGIN) if sharp else (_SIDE, _MARGIN)
        grid = grid_of(view.size)
        found = self._people.segment(view)
        small = None if found is None else _refined(view, found)
        small_grid = _joined([small] if small is not None else [], grid)
        boxes = _boxes(small_grid, grid, margin)
        large_pass = _LargePass()
        if boxes:
            large_pass = self._run_large(view, boxes, side)
        elif self._people.scene_has_face:  # without a face, both networks would have to agree
            large_pass = self._run_large_alone(view, grid, side)
        detections = large_pass.detections
        self._last_boxes = []
        strong_grid, gray = _joined(detections, grid), gray_of(view, grid)
        correction = Correction()
        if small is not None:
            faces = [_region_of(face, grid) for face in self._people.faces]
            correction = reconcile(
                small_grid,
                strong_grid,
                [face for face in faces if face.any()],
                functools.cache(lambda: self._sightings(gray)),
                unseen=large_pass.added(grid) & ~_region_of(small.box, grid),
            )
        self._seen.append((gray, strong_grid))
        if not self._people.scene_has_face and _iou_is_low(small_grid, strong_grid):
            return None
        if small is not None and correction.use_small:
            detections = [small]
        elif not detections:
            return None
        else:
            self._last_boxes = [
                _padded(box, view.size, _SHARP_MARGIN) for box in _regions(strong_grid, grid)
            ]
        crop = _crop(detections)
        alpha = _joined(detections, crop)
        if correction.drop is not None:
            alpha = alpha * (1 - resampled(correction.drop, grid.box, crop))
        if correction.keep is not None and small is not None:
            added = resampled(small.mask, small.box, crop)
            alpha = np.maximum(alpha, added * resampled(correction.keep, grid.box, crop))
        people = _people(alpha, crop, grid)
        return KeyMatte(crop, alpha, people, _box_of(people, grid) or crop.box)

    def _sightings(self, gray: Gray) -> list[Sighting]:
        """Return what the large network saw in the last key frames, warped to a frame."""
        sightings = []
        for earlier, mask in self._seen:
            offsets = offsets_of(self._optical_flow(gray, earlier))
            error = cv2.absdiff(gray, warped(earlier, offsets))
            sightings.append(Sighting(warped(mask, offsets), np.asarray(error, dtype=np.uint8)))
        return sightings

    def _run_large(self, view: View, boxes: Sequence[Box], side: int) -> _LargePass:
        """Run the large network on each box: the more boxes, the smaller its input.

        Where the small network misses arms or legs, the box cuts them off, so the large one runs
        again on a larger box.
        """
        side = max(_MIN_SIDE, round(side / len(boxes) ** 0.5))
        detections: list[Detection] = []
        widened: list[tuple[Box, Box]] = []
        for box in boxes:
            found = self._detect_in(view, box, side)
            detections.append(found)
            for _ in range(_MAX_WIDENINGS):
                wider = _wider(found, view.size)
                if wider == found.box:
                    break
                found = self._detect_in(view, wider, side)
                detections.append(found)
            widened.append((box, found.box))
        return _LargePass(detections, widened)

    def _detect_in(self, view: View, box: Box, side: int) -> Detection:
        low, high = _ALPHA_LEVELS
        useful = max(_MIN_SIDE, round(_MAX_ZOOM * area(box) ** 0.5))
        size = input_size((box[2] - box[0], box[3] - box[1]), min(side, useful))
        mask = self._large.mask(view.picture(box, size))
        return Detection(box, ((mask - low) / (high - low)).clip(0, 1))

    def _run_large_alone(self, view: View, grid: Crop, side: int) -> _LargePass:
        """Run the large network where the small one finds nobody."""
        boxes = self._last_boxes
        if not boxes:
            mask = _joined(self._run_large(view, [grid.box], _SIDE).detections, grid)
            if not _is_sure(mask):
                return _LargePass()
            boxes = [_padded(box, view.size, _SHARP_MARGIN) for box in _regions(mask, grid)]
        large_pass = self._run_large(view, boxes, side) if boxes else _LargePass()
        return large_pass if _is_sure(_joined(large_pass.detections, grid)) else _LargePass()


def _is_sure(mask: Mask) -> bool:
    """Return whether a mask found only by the large network is big and confident enough."""
    kept = mask > _MIN_ALPHA
    return bool(kept.mean() >= _MIN_LARGE_ONLY_SHARE and mask[kept].mean() >= _MIN_LARGE_ONLY_ALPHA)


def _region_of(box: Box, grid: Crop) -> Region:
    """Return the region of a box in the reduced frame."""
    region = np.zeros(grid.shape, dtype=bool)
    left, top, right, bottom = (max(0, round(value * grid.scale)) for value in box)
    region[top:bottom, left:right] = True
    return region


def _iou_is_low(small: Mask, large: Mask) -> bool:
    """Return whether two masks differ so much that, without a face, neither is a person."""
    one, other = small > _MIN_ALPHA, large > _MIN_ALPHA
    return bool(np.count_nonzero(one & other) < _MIN_IOU * np.count_nonzero(one | other))


def _refined(view: View, found: Detection) -> Detection:
    guide = view.brightness(found.box, (found.mask.shape[1], found.mask.shape[0]))
    return Detection(found.box, refined(found.mask, guide))


def _joined(detections: Sequence[Detection], crop: Crop) -> Mask:
    joined = np.zeros(crop.shape, dtype=np.float32)
    for one in detections:
        np.maximum(joined, resampled(one.mask, one.box, crop), out=joined)
    return joined


def _people(alpha: Mask, crop: Crop, grid: Crop) -> Region:
    """Return the slightly dilated region of people on a grid."""
    return dilated(resampled(alpha, crop.box, grid) > _MIN_ALPHA, 3)


def _boxes(mask: Mask, grid: Crop, margin: float) -> list[Box]:
    """Return a padded box around each person; boxes that overlap a lot are merged."""
    size = grid.box[2], grid.box[3]
    boxes: list[Box] = []
    for box in (_padded(box, size, margin) for box in _regions(mask, grid)):
        while (
            same := next((b for b in boxes if overlap_share(b, box) > _MIN_PERSON_OVERLAP), None)
        ) is not None:
            boxes.remove(same)
            box = union_box(same, box)
        boxes.append(box)
    return boxes


def _regions(mask: Mask, grid: Crop) -> list[Box]:
    """Return a box, in frame pixels, around each component large enough to be a person."""
    found = components(mask > _MIN_ALPHA, round(_MIN_PERSON_SHARE * mask.size))
    return [box for component in found if (box := _box_of(component, grid)) is not None]


def _box_of(region: Region, grid: Crop) -> Box | None:
    """Return the box around a region of the reduced frame, in frame pixels; None if empty."""
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    if not rows.size:
        return None
    scale_x = (grid.box[2] - grid.box[0]) / grid.size[0]
    scale_y = (grid.box[3] - grid.box[1]) / grid.size[1]
    return (
        int(columns[0] * scale_x),
        int(rows[0] * scale_y),
        int((columns[-1] + 1) * scale_x),
        int((rows[-1] + 1) * scale_y),
    )


def _padded(box: Box, size: Size, margin: float) -> Box:
    """Pad a box, and a tall one more at the sides, for arms; edges are on even pixels."""
    width, height = box[2] - box[0], box[3] - box[1]
    x, y = margin * max(width, _ARM_REACH * height), margin * height
    return (
        max(0, int(box[0] - x) // 2 * 2),
        max(0, int(box[1] - y) // 2 * 2),
        min(size[0], -int(-(box[2] + x) // 2) * 2),
        min(size[1], -int(-(box[3] + y) // 2) * 2),
    )


def _wider(found: Detection, size: Size) -> Box:
    """Return the box, enlarged by half at each side where its mask is cut off."""
    left, top, right, bottom = found.box
    across, down = (right - left) // 4 * 2, (bottom - top) // 4 * 2
    edges = (
        (found.mask[:, 0], (left - across, top, right, bottom)),
        (found.mask[0], (left, top - down, right, bottom)),
        (found.mask[:, -1], (left, top, right + across, bottom)),
        (found.mask[-1], (left, top, right, bottom + down)),
    )
    min_px = _MIN_CUT_SHARE * max(found.mask.shape)
    box = found.box
    for edge, enlarged in edges:
        if np.count_nonzero(edge > _MIN_ALPHA) > min_px:
            box = union_box(box, enlarged)
    return max(0, box[0]), max(0, box[1]), min(size[0], box[2]), min(size[1], box[3])


def _crop(detections: Sequence[Detection]) -> Crop:
    """Return a crop around all detections, at the resolution of the finest."""
    box = detections[0].box
    for other in detections[1:]:
        box = union_box(box, other.box)
    finest = max(
        max(
            one.mask.shape[1] / (one.box[2] - one.box[0]),
            one.mask.shape[0] / (one.box[3] - one.box[1]),
        )
        for one in detections
    )
    return Crop.of(box, min(1.0, finest, (_MAX_CROP_PX / area(box)) ** 0.5))
