"""Contact sheets: source, ground truth, mask, composite and difference.

There is a strip per clip, with a row each for the first, middle and last frame: source, true
mask, our mask, the person over green, and the difference (red for too much, blue for too
little), then zooms of the composite at the top (hair) and the sides (shoulders, hands).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import attrs
import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

Bytes = npt.NDArray[np.uint8]

_CELL = (384, 216)
_ZOOM = 216
_CAPTION_PX = 18
_GREEN = np.array([0, 177, 64], dtype=np.float32)


@attrs.frozen(eq=False)
class Moment:
    """One frame of a clip: the picture, the true mask, and our mask."""

    picture: Bytes
    truth: Bytes
    mask: Bytes


def moments(
    pictures: Iterable[Bytes], truth: Iterable[Bytes], masks: Iterable[Bytes], count: int
) -> list[Moment]:
    """Return the first, middle and last of `count` frames."""
    wanted = {0, count // 2, count - 1}
    rows = enumerate(zip(pictures, truth, masks, strict=True))
    return [Moment(*row) for number, row in rows if number in wanted]


def draw(strips: Iterable[tuple[str, list[Moment]]], output: Path) -> None:
    """Write the sheet as PNG, with a caption per strip."""
    drawn = [_strip(caption, rows) for caption, rows in strips]
    sheet = Image.new("RGB", (drawn[0].width, sum(strip.height for strip in drawn)), "white")
    top = 0
    for strip in drawn:
        sheet.paste(strip, (0, top))
        top += strip.height
    sheet.save(output)


def draw_table(rows: Sequence[Sequence[Bytes]], columns: Sequence[str], output: Path) -> None:
    """Write a table of pictures of the same size, with a caption per column."""
    picture = np.vstack([np.hstack(row) for row in rows])
    sheet = Image.new("RGB", (picture.shape[1], picture.shape[0] + _CAPTION_PX), "white")
    for number, caption in enumerate(columns):
        point = (4 + number * rows[0][0].shape[1], 3)
        ImageDraw.Draw(sheet).text(point, caption, fill="black")
    sheet.paste(Image.fromarray(picture), (0, _CAPTION_PX))
    sheet.save(output, quality=75)


def over_green(picture: Bytes, mask: Bytes) -> Bytes:
    """Return a picture over green."""
    share = mask[..., np.newaxis].astype(np.float32) / 255
    return (picture * share + _GREEN * (1 - share)).astype(np.uint8)


def head(picture: Bytes, truth: Bytes) -> Bytes:
    """Return a square from the top of the person down, three fifths of the picture high."""
    crown, top = _places(truth)[0]
    side = picture.shape[0] * 3 // 5
    return _square(picture, (crown, top + side * 2 // 5), side)


def _strip(caption: str, rows: list[Moment]) -> Image.Image:
    lines = [np.hstack(_cells(moment)) for moment in rows]
    picture = np.vstack(lines)
    strip = Image.new("RGB", (picture.shape[1], picture.shape[0] + _CAPTION_PX), "white")
    ImageDraw.Draw(strip).text((4, 3), caption, fill="black")
    strip.paste(Image.fromarray(picture), (0, _CAPTION_PX))
    return strip


def _cells(moment: Moment) -> list[Bytes]:
    over = over_green(moment.picture, moment.mask)
    apart = moment.mask.astype(np.int16) - moment.truth
    red, blue = np.clip(apart, 0, 255), np.clip(-apart, 0, 255)
    wrong = 255 - np.stack([blue, red + blue, red], axis=-1).clip(0, 255).astype(np.uint8)
    gray = [np.repeat(mask[..., np.newaxis], 3, axis=2) for mask in (moment.truth, moment.mask)]
    cells = [_fitted(each) for each in (moment.picture, *gray, over, wrong)]
    return [*cells, *(_zoomed(over, point) for point in _places(moment.truth))]


def _fitted(picture: Bytes) -> Bytes:
    return np.asarray(cv2.resize(picture, _CELL, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _places(truth: Bytes) -> list[tuple[int, int]]:
    """Return (x, y) of the top of the head, and of the left and right edges lower down."""
    height, width = truth.shape
    inside = truth > 127
    rows = np.flatnonzero(inside.any(axis=1))
    if not rows.size:
        return [(width // 2, height // 2)] * 3
    top = int(rows[0])
    crown = int(np.median(np.flatnonzero(inside[top])))
    below = min(height - 1, top + (height - top) * 2 // 3)
    sides = np.flatnonzero(inside[below])
    left, right = (int(sides[0]), int(sides[-1])) if sides.size else (crown, crown)
    return [(crown, top), (left, below), (right, below)]


def _zoomed(picture: Bytes, point: tuple[int, int]) -> Bytes:
    """Return a square around a point, with a quarter of the height of the picture."""
    return _square(picture, point, picture.shape[0] // 4)


def _square(picture: Bytes, point: tuple[int, int], side: int) -> Bytes:
    height, width = picture.shape[:2]
    left = min(max(0, point[0] - side // 2), width - side)
    top = min(max(0, point[1] - side // 2), height - side)
    part = picture[top : top + side, left : left + side]
    return np.asarray(cv2.resize(part, (_ZOOM, _ZOOM)), dtype=np.uint8)
