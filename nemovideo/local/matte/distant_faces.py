"""Find small faces: the frame is searched in tiles, and each result is confirmed."""

from __future__ import annotations

import math
from collections.abc import Iterator

from nemovideo.local.matte.faces import FaceFinder
from nemovideo.local.matte.tracking import Box, Size
from nemovideo.local.matte.view import View

_TILE_SHARE = 0.5
_ZOOMS = (3, 5)
_MAX_OFFSET = 0.4
_MIN_RATIO, _MAX_RATIO = 0.5, 2.0


def distant_faces(view: View, faces: FaceFinder) -> list[Box]:
    """Return faces that are too small to be detected in the whole frame.

    Each must be detected again at two zooms, which rejects most false positives.
    """
    found: list[Box] = []
    for tile in _tiles(view.size):
        for face in _faces_in(view, tile, faces):
            new = not any(_same(face, other) for other in found)
            if new and all(_is_confirmed(view, face, zoom, faces) for zoom in _ZOOMS):
                found.append(face)
    return found


def _tiles(size: Size) -> Iterator[Box]:
    """Yield half-overlapping squares with half the shorter side of the frame."""
    side = int(min(size) * _TILE_SHARE) // 2 * 2
    lefts, tops = (_starts(length, side) for length in size)
    for top in tops:
        for left in lefts:
            yield left, top, left + side, top + side


def _starts(length: int, side: int) -> list[int]:
    count = math.ceil((length - side) / (side / 2)) + 1
    return [(length - side) * n // max(1, count - 1) // 2 * 2 for n in range(count)]


def _faces_in(view: View, box: Box, faces: FaceFinder) -> list[Box]:
    picture = view.picture(box, (faces.side, faces.side))
    found = faces.find(picture, (box[2] - box[0], box[3] - box[1]))
    return [(f[0] + box[0], f[1] + box[1], f[2] + box[0], f[3] + box[1]) for f in found]


def _is_confirmed(view: View, face: Box, zoom: int, faces: FaceFinder) -> bool:
    reach = zoom * (face[2] - face[0]) / 2
    x, y = (face[0] + face[2]) / 2, (face[1] + face[3]) / 2
    box = (
        max(0, int(x - reach) // 2 * 2),
        max(0, int(y - reach) // 2 * 2),
        min(view.size[0], int(x + reach) // 2 * 2),
        min(view.size[1], int(y + reach) // 2 * 2),
    )
    return any(_same(face, other) for other in _faces_in(view, box, faces))


def _same(face: Box, other: Box) -> bool:
    width = face[2] - face[0]
    apart_x = abs(face[0] + face[2] - other[0] - other[2]) / 2
    apart_y = abs(face[1] + face[3] - other[1] - other[3]) / 2
    similar = _MIN_RATIO < (other[2] - other[0]) / max(1, width) < _MAX_RATIO
    return similar and max(apart_x, apart_y) < _MAX_OFFSET * width
