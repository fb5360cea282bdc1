"""Drawn backgrounds: office, studio, living room, beach and city.

Each is drawn from back to front, and blurred with distance, as in a portrait photo.
"""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Callable, Mapping
from random import Random

from PIL import Image

from nemovideo.local.render.drawing.painting import Color, Painting, Point

_lock = threading.Lock()


def draw_scene(name: str, width: int, height: int) -> Image.Image:
    """Draw a scene, deterministically, in RGB.

    Raises:
        KeyError: The scene is not in `timeline.SCENES`.
    """
    with _lock:  # a preview renders frames with the same scene in several threads
        return _drawn(name, width, height).copy()


@functools.lru_cache(maxsize=1)  # drawing takes half a second at 1080p
def _drawn(name: str, width: int, height: int) -> Image.Image:
    paint = _PAINTERS[name]
    painting = Painting(width, height)
    paint(painting)
    return painting.finished()


def _office(p: Painting) -> None:
    rng = _rng(3)
    p.gradient(0, 1, [(238, 236, 231), (226, 222, 215), (205, 199, 190)])
    _window(p, 0.0, 0.06, 0.46, 0.70)
    p.blur(0.012)
    for x in (0.115, 0.23, 0.345, 0.46):
        p.box(x - p.across(0.007), 0.06, x + p.across(0.007), 0.70, (92, 96, 102))
    p.box(0, 0.70, 0.475, 0.725, (214, 210, 203))
    _shelves(p, rng, left=0.66, right=0.97, top=0.14, rows=4)
    p.blur(0.010)
    p.gradient(0.86, 1, [(150, 118, 88), (112, 85, 62)])
    p.box(0, 0.84, 1, 0.862, (176, 142, 108))
    _plant(p, rng, (0.575, 0.845), 0.30)
    _monitor(p, 0.17, 0.84)
    _monitor(p, 0.86, 0.84)
    for x in (0.25, 0.55, 0.82):
        p.box(x - p.across(0.004), 0, x + p.across(0.004), 0.07, (70, 70, 72))
        p.disc((x, 0.075), 0.036, (255, 238, 205))
    p.blur(0.011)
    for x in (0.25, 0.55, 0.82):
        p.light((x, 0.08), 0.22, (255, 214, 150), 0.55)
    p.light((0.18, 0.32), 0.75, (255, 250, 238), 0.55)
    p.vignette(0.22)


def _window(p: Painting, left: float, top: float, right: float, bottom: float) -> None:
    """Paint a bright window with a pale skyline."""
    rng = _rng(11)
    steps = 40
    for step in range(steps):
        share = step / steps
        y = top + (bottom - top) * share
        sky = (round(196 + 48 * share), round(221 + 24 * share), round(243 + 6 * share))
        p.box(left, y, right, y + (bottom - top) / steps + 0.004, sky)
    x = left
    while x < right:
        width = p.across(rng.uniform(0.05, 0.13))
        height = rng.uniform(0.12, 0.38)
        tone = rng.randint(-10, 12)
        color = (168 + tone, 186 + tone, 204 + tone)
        p.box(x, bottom - height, min(right, x + width), bottom, color)
        x += width * 0.92
    p.blur(0.01)


def _shelves(p: Painting, rng: Random, *, left: float, right: float, top: float, rows: int) -> None:
    """Paint a bookcase with books."""
    books: list[Color] = [
        *((178, 92, 74), (72, 104, 128), (204, 178, 132), (96, 122, 98), (226, 218, 202)),
        *((128, 84, 92), (58, 70, 88), (196, 140, 84)),
    ]
    height = 0.155
    p.box(left, top - 0.02, right, top + rows * height + 0.01, (196, 176, 150))
    for row in range(rows):
        floor = top + (row + 1) * height - 0.012
        p.box(left, floor, right, floor + 0.016, (148, 118, 88))
        x = left + p.across(0.02)
        while x < right - p.across(0.04):
            if rng.random() < 0.18:
                x += p.across(rng.uniform(0.04, 0.09))
                continue
            width = p.across(rng.uniform(0.014, 0.032))
            tall = height * rng.uniform(0.55, 0.82)
            p.box(x, floor - tall, min(x + width, right), floor, rng.choice(books))
            x += width * 1.06


def _plant(p: Painting, rng: Random, root: Point, size: float) -> None:
    """Paint a potted plant at `root`."""
    top = root[1] - p.down(size * 0.42)
    for number in range(17):
        angle = -math.pi * (0.08 + 0.84 * number / 16)
        green = rng.randint(-18, 26)
        color = (70 + green, 116 + green, 72 + green // 2)
        p.leaf((root[0], top), angle, size * rng.uniform(0.55, 1.0), size * 0.2, color)
    half = p.across(size * 0.22)
    p.shape(
        [
            (root[0] - half, top),
            (root[0] + half, top),
            (root[0] + half * 0.72, root[1]),
            (root[0] - half * 0.72, root[1]),
        ],
        (228, 222, 212),
    )


def _monitor(p: Painting, x: float, floor: float) -> None:
    half_width, height = p.across(0.15), p.down(0.17)
    p.box(x - half_width / 6, floor - height * 0.3, x + half_width / 6, floor, (120, 122, 126))
    p.box(
        x - half_width,
        floor - height * 1.25,
        x + half_width,
        floor - height * 0.22,
        (44, 47, 52),
        radius=0.01,
    )
    p.box(
        x - half_width * 0.94,
        floor - height * 1.2,
        x + half_width * 0.94,
        floor - height * 0.29,
        (86, 112, 140),
    )


def _studio(p: Painting) -> None:
    p.gradient(0, 1, [(30, 34, 44), (38, 43, 54), (26, 29, 37)])
    p.gradient(0.80, 1, [(44, 48, 58), (22, 24, 30)])
    p.blur(0.07)
    p.light((0.5, 0.42), 0.72, (150, 166, 196), 0.85)
    p.light((0.02, 0.30), 0.70, (20, 150, 190), 0.60)
    p.light((0.98, 0.34), 0.70, (214, 92, 96), 0.50)
    p.light((0.5, 0.98), 0.55, (130, 140, 160), 0.28)
    tubes: list[tuple[float, float, Color]] = [
        (0.05, 0.10, (150, 226, 244)),
        (0.10, 0.22, (120, 206, 236)),
        (0.90, 0.22, (255, 176, 160)),
        (0.95, 0.10, (255, 196, 182)),
    ]
    for x, top, color in tubes:
        half = p.across(0.010)
        p.box(x - half, top, x + half, top + 0.46, color, alpha=0.8, radius=0.01)
    p.blur(0.016)
    p.vignette(0.45)


def _living_room(p: Painting) -> None:
    rng = _rng(5)
    p.gradient(0, 0.84, [(232, 220, 204), (222, 206, 186)])
    p.gradient(0.84, 1, [(160, 122, 90), (128, 94, 68)])
    _window(p, 0.03, 0.10, 0.27, 0.60)
    p.box(0.145, 0.10, 0.155, 0.60, (240, 236, 228))
    for x in (0.0, 0.25):
        for fold in range(6):
            tone = (fold % 2) * 12
            left = x + p.across(0.022) * fold
            color = (236 - tone, 224 - tone, 206 - tone)
            p.box(left, 0.06, left + p.across(0.024), 0.84, color)
    p.blur(0.014)
    frames: list[tuple[float, float, float, Color]] = [
        (0.47, 0.24, 0.10, (150, 172, 160)),
        (0.60, 0.20, 0.13, (206, 150, 112)),
        (0.73, 0.25, 0.09, (112, 132, 150)),
    ]
    for x, y, size, color in frames:
        half_width, half_height = p.across(size) / 2, p.down(size) * 0.65
        p.box(x - half_width, y - half_height, x + half_width, y + half_height, (88, 68, 52))
        edge_x, edge_y = p.across(0.008), p.down(0.008)
        p.box(
            x - half_width + edge_x,
            y - half_height + edge_y,
            x + half_width - edge_x,
            y + half_height - edge_y,
            color,
        )
        p.disc((x, y), size * 0.2, (238, 226, 206), alpha=0.8)
    _sofa(p)
    _plant(p, rng, (0.13, 0.90), 0.42)
    lamp = 0.92
    p.box(lamp - p.across(0.005), 0.36, lamp + p.across(0.005), 0.88, (78, 66, 56))
    shade_width = p.across(0.095)
    p.shape(
        [
            (lamp - shade_width * 0.6, 0.25),
            (lamp + shade_width * 0.6, 0.25),
            (lamp + shade_width, 0.38),
            (lamp - shade_width, 0.38),
        ],
        (255, 232, 184),
    )
    p.blur(0.012)
    p.light((lamp, 0.33), 0.42, (255, 196, 112), 0.85)
    p.light((0.14, 0.32), 0.5, (255, 248, 232), 0.5)
    p.vignette(0.25)


def _sofa(p: Painting) -> None:
    """Paint a sofa with cushions along the lower part of the wall."""
    p.box(0.27, 0.62, 0.87, 0.90, (84, 112, 118), radius=0.04)
    p.box(0.29, 0.77, 0.85, 0.92, (100, 130, 136), radius=0.03)
    for left in (0.235, 0.84):
        p.box(left, 0.70, left + 0.065, 0.93, (74, 100, 106), radius=0.035)
    cushions: list[tuple[float, Color]] = [
        (0.36, (216, 166, 92)),
        (0.45, (232, 222, 206)),
        (0.73, (190, 104, 84)),
        (0.80, (228, 214, 192)),
    ]
    for x, color in cushions:
        half = p.across(0.075)
        p.box(x - half, 0.665, x + half, 0.665 + p.down(0.14), color, radius=0.03)


def _beach(p: Painting) -> None:
    rng = _rng(9)
    p.gradient(0, 0.52, [(82, 158, 222), (146, 200, 236), (224, 238, 240)])
    p.gradient(0.52, 1, [(224, 238, 240), (224, 238, 240)])
    for _ in range(26):
        x, y = rng.random(), rng.uniform(0.10, 0.36)
        p.disc((x, y), rng.uniform(0.02, 0.06), (255, 255, 255), alpha=0.3)
        p.disc((x + p.across(0.05), y + 0.006), rng.uniform(0.02, 0.05), (255, 255, 255), alpha=0.3)
    p.blur(0.03)
    p.gradient(0.50, 0.80, [(40, 128, 176), (52, 164, 190), (124, 212, 208), (150, 220, 212)])
    for _ in range(150):
        x, y = rng.random(), 0.505 + 0.2 * rng.random() ** 1.4
        long = p.across(rng.uniform(0.02, 0.09))
        p.box(x, y, x + long, y + 0.002 + 0.012 * (y - 0.5), (226, 248, 250), alpha=0.4)
    p.blur(0.006)
    p.gradient(0.76, 1, [(226, 202, 160), (238, 214, 170), (222, 192, 146)])
    _shore(p, 0.748, 0.034, (206, 180, 140), 1)
    _shore(p, 0.728, 0.030, (170, 222, 216), 1)
    _shore(p, 0.735, 0.016, (252, 254, 252), 0.9)
    for _ in range(160):
        x, y = rng.random(), rng.uniform(0.82, 1)
        p.disc((x, y), rng.uniform(0.004, 0.012), (202, 172, 126), alpha=0.35)
    p.blur(0.009)
    for root, turn in (((-0.02, -0.02), 0.0), ((1.02, -0.04), math.pi)):
        for number in range(9):
            angle = 0.05 + 1.2 * number / 8
            angle = math.pi - angle if turn else angle
            green = rng.randint(-14, 22)
            color = (58 + green, 112 + green, 60 + green // 2)
            p.leaf(root, angle, rng.uniform(0.34, 0.52), 0.05, color)
    p.blur(0.010)
    p.light((0.72, 0.12), 0.6, (255, 240, 206), 0.8)
    p.vignette(0.14)


def _shore(p: Painting, y: float, thickness: float, color: Color, alpha: float) -> None:
    """Paint a wavy band across the picture."""
    xs = [number / 40 for number in range(41)]
    edge = [y + 0.010 * math.sin(7 * x + 0.8) + 0.005 * math.sin(19 * x) for x in xs]
    upper = list(zip(xs, edge, strict=True))
    lower = [(x, height + thickness) for x, height in reversed(upper)]
    p.shape([*upper, *lower], color, alpha=alpha)


def _city(p: Painting) -> None:
    rng = _rng(21)
    p.gradient(0, 0.82, [(34, 40, 84), (92, 76, 128), (214, 122, 118), (250, 188, 132)])
    p.gradient(0.80, 1, [(64, 50, 76), (30, 28, 46)])
    p.light((0.62, 0.66), 0.6, (255, 190, 120), 0.6)
    layers: list[tuple[float, float, Color, float]] = [
        (0.30, 0.44, (118, 92, 128), 0.0),
        (0.22, 0.52, (72, 60, 98), 0.25),
        (0.12, 0.46, (36, 34, 60), 0.5),
    ]
    for low, high, color, lit in layers:
        _skyline(p, rng, (low, high), color, lit)
        p.blur(0.009)
    lights: list[Color] = [(255, 206, 130), (255, 164, 92), (255, 236, 200), (130, 190, 255)]
    for _ in range(58):
        center = rng.random(), 0.70 + 0.28 * rng.random()
        radius = rng.uniform(0.012, 0.034)
        p.disc(center, radius, rng.choice(lights), alpha=rng.uniform(0.25, 0.6))
    p.blur(0.008)
    p.light((0.5, 0.95), 0.8, (255, 170, 100), 0.25)
    p.vignette(0.3)


def _skyline(
    p: Painting, rng: Random, heights: tuple[float, float], color: Color, lit: float
) -> None:
    """Paint a row of towers; `lit` is the fraction of lit windows."""
    ground = 0.86
    x = -p.across(0.05)
    while x < 1:
        width = rng.uniform(0.08, 0.17)
        top = ground - rng.uniform(*heights)
        p.box(x, top, x + p.across(width), 1, color)
        for row in range(int((ground - top) / 0.030)):
            for column in range(int(width / 0.026)):
                if rng.random() < lit:
                    left = x + p.across(0.010 + column * 0.026)
                    y = top + 0.014 + row * 0.030
                    glow = (255, rng.randint(196, 232), rng.randint(120, 176))
                    p.box(left, y, left + p.across(0.013), y + 0.015, glow, alpha=0.85)
        x += p.across(width + rng.uniform(0, 0.012))


def _rng(seed: int) -> Random:
    """Return a seeded random generator."""
    return Random(seed)  # noqa: S311 - not for cryptography


_PAINTERS: Mapping[str, Callable[[Painting], None]] = {
    "office": _office,
    "studio": _studio,
    "living room": _living_room,
    "beach": _beach,
    "city": _city,
}
