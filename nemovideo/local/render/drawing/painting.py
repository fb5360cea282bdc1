"""Drawing primitives for scenes: shapes, light and blur, at any size.

Coordinates are fractions: x from 0 at the left to 1 at the right, y from 0 at the top to 1 at the
bottom. Lengths are fractions of the shorter side, so that shapes keep their proportions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

Color: TypeAlias = tuple[int, int, int]
Point: TypeAlias = tuple[float, float]

_DRAWN_SIDE = 960
_GRAIN = 1.2


class Painting:
    """A picture, drawn from back to front."""

    def __init__(self, width: int, height: int) -> None:
        self._target = (width, height)
        scale = min(1.0, _DRAWN_SIDE / max(width, height))
        self._size = (max(16, round(width * scale)), max(16, round(height * scale)))
        self._unit = min(self._size)
        self._image = Image.new("RGB", self._size)

    def across(self, length: float) -> float:
        """Convert a length to a fraction of the width."""
        return length * self._unit / self._size[0]

    def down(self, length: float) -> float:
        """Convert a length to a fraction of the height."""
        return length * self._unit / self._size[1]

    def gradient(self, top: float, bottom: float, colors: Sequence[Color]) -> None:
        """Fill a band across the width with a vertical gradient."""
        first, last = round(top * self._size[1]), round(bottom * self._size[1])
        positions = np.linspace(0, len(colors) - 1, last - first)
        bands = [np.interp(positions, range(len(colors)), [c[i] for c in colors]) for i in range(3)]
        column = np.stack(bands, axis=-1)[:, np.newaxis].astype(np.uint8)
        band = Image.fromarray(np.repeat(column, self._size[0], axis=1))
        self._image.paste(band, (0, first))

    def box(
        self,
        left: float,
        top: float,
        right: float,
        bottom: float,
        color: Color,
        *,
        alpha: float = 1,
        radius: float = 0,
    ) -> None:
        """Draw a rectangle, optionally with rounded corners."""
        with_alpha = (*color, round(alpha * 255))
        corners = (*self._point((left, top)), *self._point((right, bottom)))
        draw = ImageDraw.Draw(self._image, "RGBA")
        draw.rounded_rectangle(corners, radius * self._unit, fill=with_alpha)

    def disc(self, center: Point, radius: float, color: Color, *, alpha: float = 1) -> None:
        """Draw a circle."""
        x, y = self._point(center)
        r = radius * self._unit
        draw = ImageDraw.Draw(self._image, "RGBA")
        draw.ellipse((x - r, y - r, x + r, y + r), fill=(*color, round(alpha * 255)))

    def shape(self, points: Sequence[Point], color: Color, *, alpha: float = 1) -> None:
        """Draw a polygon."""
        draw = ImageDraw.Draw(self._image, "RGBA")
        draw.polygon([self._point(p) for p in points], fill=(*color, round(alpha * 255)))

    def leaf(self, root: Point, angle: float, length: float, width: float, color: Color) -> None:
        """Draw a pointed leaf from `root` at an angle (radians, 0 to the right)."""
        along = np.linspace(0, 1, 12)
        half = width / 2 * np.sin(np.pi * along**0.8)
        bend = 0.25 * along**2
        x = along * length
        edge = [(x, half + bend * length), (x[::-1], -half[::-1] + bend[::-1] * length)]
        points: list[Point] = []
        for xs, ys in edge:
            turned_x = xs * np.cos(angle) - ys * np.sin(angle) * np.sign(np.cos(angle) or 1)
            turned_y = xs * np.sin(angle) + ys
            points += [
                (root[0] + self.across(float(a)), root[1] + self.down(float(b)))
                for a, b in zip(turned_x, turned_y, strict=True)
            ]
        self.shape(points, color)

    def light(self, center: Point, radius: float, color: Color, strength: float = 1) -> None:
        """Add a soft light that fades from its center."""
        x, y = self._point(center)
        rows = np.arange(self._size[1], dtype=np.float32)[:, np.newaxis]
        columns = np.arange(self._size[0], dtype=np.float32)[np.newaxis]
        distance = np.hypot(columns - x, rows - y) / (radius * self._unit)
        fall = np.float32(strength) * np.exp(-2 * distance**2)[..., np.newaxis]
        pixels = self._pixels()
        room = 1 - pixels / 255  # as on film: the brighter a pixel, the less it gains
        tint = np.array(color, dtype=np.float32)
        self._put(pixels + (fall * tint * room).astype(np.float32))

    def vignette(self, strength: float) -> None:
        """Darken the corners."""
        rows = np.linspace(-1, 1, self._size[1], dtype=np.float32)[:, np.newaxis]
        columns = np.linspace(-1, 1, self._size[0], dtype=np.float32)[np.newaxis]
        dark = 1 - strength * ((rows**2 + columns**2) / 2) ** 1.5
        self._put((self._pixels() * dark[..., np.newaxis]).astype(np.float32))

    def blur(self, radius: float) -> None:
        """Blur everything drawn so far."""
        self._image = self._image.filter(ImageFilter.GaussianBlur(radius * self._unit))

    def finished(self) -> Image.Image:
        """Return the picture, with slight grain against banding."""
        image = self._image.resize(self._target, Image.Resampling.BICUBIC)
        pixels = np.asarray(image, dtype=np.float32)
        grain = np.random.default_rng(1).normal(0, _GRAIN, pixels.shape[:2]).astype(np.float32)
        return Image.fromarray((pixels + grain[..., np.newaxis]).clip(0, 255).astype(np.uint8))

    def _point(self, point: Point) -> Point:
        return point[0] * self._size[0], point[1] * self._size[1]

    def _pixels(self) -> npt.NDArray[np.float32]:
        return np.asarray(self._image, dtype=np.float32)

    def _put(self, pixels: npt.NDArray[np.float32]) -> None:
        self._image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
