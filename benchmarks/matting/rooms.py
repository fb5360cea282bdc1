"""Backgrounds: static or panning photos, videos, and procedural rooms.

Each function returns a background: a function from frame number to a float32 picture in 0..1
of the given size.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import av
import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.matting.motion import Path, warp
from benchmarks.matting.people import Person, cutout, photo
from benchmarks.matting.sources import source

Floats = npt.NDArray[np.float32]
Room = Callable[[int], Floats]
Size = tuple[int, int]


def photo_room(size: Size, name: str, *, blur: float = 0.004, pan: float = 0.0) -> Room:
    """Return a blurred photo that fills the frame; `pan` is in frame widths per second."""
    width, height = size
    picture = photo(name)
    zoom = max(width * (1.5 if pan else 1) / picture.shape[1], height / picture.shape[0])
    large = _blurred(_zoomed(picture, zoom), blur * height)
    top = (large.shape[0] - height) // 2
    span = large.shape[1] - width

    def room(frame: int) -> Floats:
        moved = (pan * width * frame / 30) % (2 * span) if pan else span / 2
        left = moved if moved <= span else 2 * span - moved
        shift = np.array([[1, 0, -left], [0, 1, -top]], dtype=np.float32)
        shown = cv2.warpAffine(large, shift, size, borderMode=cv2.BORDER_REFLECT)
        return np.asarray(np.clip(shown, 0, 1), np.float32)

    return room if pan else _static(room(0))


def video_room(size: Size, name: str, *, start: int = 0, blur: float = 0.003) -> Room:
    """Return a video that fills the frame, played forward and backward."""
    width, height = size
    with av.open(str(source(name))) as container:
        frames = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)][start:]

    @lru_cache(maxsize=2)
    def room(frame: int) -> Floats:
        at = frame % (2 * len(frames) - 2)
        picture = frames[at if at < len(frames) else 2 * len(frames) - 2 - at]
        zoom = max(width / picture.shape[1], height / picture.shape[0])
        large = _zoomed(picture.astype(np.float32) / np.float32(255), zoom)
        top, left = (large.shape[0] - height) // 2, (large.shape[1] - width) // 2
        return _blurred(large[top : top + height, left : left + width], blur * height)

    return room


def shelves(size: Size, seed: int, *, blur: float = 0.003) -> Room:
    """Return a wall of books: many hard edges in all colors, including those of skin and hair."""
    width, height = size
    random = np.random.default_rng(seed)
    picture = np.zeros((height, width, 3), dtype=np.float32)
    picture[:] = (0.32, 0.22, 0.15)
    board = height // 5
    for top in range(-board // 3, height, board):
        left = 0
        while left < width:
            thickness = int(random.uniform(0.012, 0.035) * height) + 2
            tall = int(board * random.uniform(0.6, 0.88))
            color = random.uniform(0.05, 0.85, 3) * random.uniform(0.5, 1)
            bottom = max(0, top + board - board // 16)
            picture[max(0, bottom - tall) : bottom, left : left + thickness - 1] = color
            left += thickness
    return _static(_blurred(picture, blur * height))


def plain(size: Size, color: tuple[float, float, float], *, seed: int = 0) -> Room:
    """Return a painted wall with soft light and faint stains."""
    width, height = size
    random = np.random.default_rng(seed)
    stains = cv2.resize(
        random.normal(0, 0.02, (9, 16)).astype(np.float32), size, interpolation=cv2.INTER_CUBIC
    )
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    light = 1.1 - 0.35 * np.hypot(x / width - 0.3, y / height - 0.2)
    wall = np.array(color, dtype=np.float32) * (light + stains)[..., np.newaxis]
    return _static(np.clip(wall, 0, 1).astype(np.float32))


def flicker(size: Size, seed: int) -> Room:
    """Return many moving lights in the colors of hair and skin."""
    width, height = size
    random = np.random.default_rng(seed)
    count = 60
    starts = random.uniform(0, 1, (count, 2))
    speeds = random.normal(0, 0.12, (count, 2))
    radii = random.uniform(0.02, 0.12, count)
    colors = random.uniform(0.1, 1, (count, 3)) * np.array([1, 0.75, 0.55])

    def room(frame: int) -> Floats:
        small = np.full((height // 2, width // 2, 3), (26, 20, 18), dtype=np.uint8)
        for start, speed, radius, color in zip(starts, speeds, radii, colors, strict=True):
            at = np.abs((start + speed * frame / 30 + 1) % 2 - 1)
            center = (int(at[0] * small.shape[1]), int(at[1] * small.shape[0]))
            tone = tuple(round(255 * float(value)) for value in color)
            cv2.circle(small, center, int(radius * small.shape[0]), tone, -1, cv2.LINE_AA)
        large = cv2.resize(small, size, interpolation=cv2.INTER_LINEAR)
        return _blurred(large.astype(np.float32) / np.float32(255), 0.004 * height)

    return room


def handheld(room: Room, seed: int, *, strength: float = 0.012) -> Room:
    """Add the shake of a hand-held camera to a room."""
    random = np.random.default_rng(seed)
    phases, periods = random.uniform(0, 6, (3, 3)), random.uniform(0.6, 3, (3, 3))

    def shaken(frame: int) -> Floats:
        picture = room(frame)
        height, width = picture.shape[:2]
        x, y, turn = np.sin(frame / 30 * 6.28 / periods + phases).mean(axis=1)
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), float(turn) * 0.6, 1.06)
        matrix[:, 2] += np.array([x, y]) * strength * height * 2
        seen = cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
        return np.asarray(seen, dtype=np.float32)

    return shaken


def with_poster(room: Room, size: Size, name: str, box: tuple[float, float, float]) -> Room:
    """Add a framed photo to the wall of a room; `box` is left, top and height, as fractions."""
    width, height = size
    picture = photo(name)
    tall = int(box[2] * height)
    poster_width = int(tall * picture.shape[1] / picture.shape[0])
    left, top, rim = int(box[0] * width), int(box[1] * height), max(2, tall // 40)
    printed = cv2.resize(picture, (poster_width, tall), interpolation=cv2.INTER_AREA)
    poster = _blurred(np.asarray(printed, dtype=np.float32), 1.2)

    def hung(frame: int) -> Floats:
        wall: Floats = room(frame).copy()
        wall[
            max(0, top - rim) : top + tall + rim, max(0, left - rim) : left + poster_width + rim
        ] = 0.12
        part = wall[top : top + tall, left : left + poster_width]
        part[:] = poster[: part.shape[0], : part.shape[1]]
        return wall

    return hung


def with_passer_by(
    room: Room, size: Size, person: Person, path: Path, *, place: float, height: float
) -> Room:
    """Add a blurred passer-by to the background of a room."""
    rgba = cutout(person).rgba

    def passed(frame: int) -> Floats:
        walker = _blurred(warp(rgba, path(frame), size, (place, height)), 0.004 * size[1])
        background = room(frame) * (1 - walker[..., 3:])
        return np.asarray(background + walker[..., :3], dtype=np.float32)

    return passed


def _zoomed(picture: Floats, zoom: float) -> Floats:
    scaled = cv2.resize(picture, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC)
    return np.asarray(scaled, dtype=np.float32)


def _static(picture: Floats) -> Room:
    return lambda _frame: picture


def _blurred(picture: Floats, sigma: float) -> Floats:
    if sigma < 0.3:
        return picture
    return np.asarray(np.clip(cv2.GaussianBlur(picture, (0, 0), sigma), 0, 1), np.float32)
