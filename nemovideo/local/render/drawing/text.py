"""Text as pictures: wrapped, with outline and shadow for legibility."""

from __future__ import annotations

import math

import attrs
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from nemovideo.errors import RenderFailedError
from nemovideo.local.render.drawing.fonts import font_for

_MIN_PX = 12
_WIDTH_SHARE = 0.9
_HEIGHT_SHARE = 0.8
_SHRINK = 0.85
_LINE_SPACING = 0.25
_CLOSING = "，。！？、：；）》」』”’…"
_MAX_PIXELS = 8_000_000
"""The maximum number of pixels of a text image, unless a video frame has more."""


def text_image(
    text: str, size: tuple[int, int], *, height_share: float, color: str = "white"
) -> Image.Image:
    """Return the text as an RGBA picture, of the size of the text and its shadow.

    `size` is that of the video; a line's height is a fraction of its shorter side.

    Raises:
        ModelUnavailableError: A font is needed, and cannot be downloaded.
        RenderFailedError: The text is much larger than the video, even at the smallest size.
    """
    room = size[0] * _WIDTH_SHARE, size[1] * _HEIGHT_SHARE
    px = max(_MIN_PX, round(min(size) * height_share))
    block = _Block.of(text, px, room[0])
    while (block.size[0] > size[0] or block.size[1] > room[1]) and px > _MIN_PX:
        px = max(_MIN_PX, int(px * _SHRINK))
        block = _Block.of(text, px, room[0])
    if math.prod(block.size) > max(_MAX_PIXELS, math.prod(size)):
        raise RenderFailedError(
            f"a text of {len(text)} characters does not fit in a picture of {size[0]}×{size[1]}"
        )
    return _drawn(block, color)


@attrs.frozen
class _Block:
    """Wrapped lines, with the size of their picture and their position in it."""

    lines: str
    font: ImageFont.FreeTypeFont
    px: int
    outline: int
    size: tuple[int, int]
    position: tuple[float, float]

    @classmethod
    def of(cls, text: str, px: int, max_width_px: float) -> _Block:
        text, font = font_for(text, px)
        outline = max(1, round(px / 16))
        pad = outline + max(2, px // 4)
        rows = (_wrapped(line, font, max_width_px - 2 * outline) for line in text.splitlines())
        lines = "\n".join(rows)
        ruler = ImageDraw.Draw(Image.new("L", (1, 1)))
        left, top, right, bottom = ruler.multiline_textbbox(
            *((0, 0), lines, font),
            spacing=px * _LINE_SPACING,
            align="center",
            stroke_width=outline,
        )
        size = round(right - left) + 2 * pad, round(bottom - top) + 2 * pad
        return cls(lines, font, px, outline, size, (pad - left, pad - top))


def _drawn(block: _Block, color: str) -> Image.Image:
    px = block.px

    def written(
        fill: str | int, mode: str, drop: float, edge: tuple[int, ...] | None
    ) -> Image.Image:
        layer = Image.new(mode, block.size, 0 if mode == "L" else (0, 0, 0, 0))
        ImageDraw.Draw(layer).multiline_text(
            (block.position[0], block.position[1] + drop),
            block.lines,
            fill=fill,
            font=block.font,
            spacing=px * _LINE_SPACING,
            align="center",
            stroke_width=block.outline,
            stroke_fill=edge,
        )
        return layer

    shadow = written(190, "L", px / 24, None).filter(ImageFilter.GaussianBlur(px / 12))
    image = Image.new("RGBA", block.size, (0, 0, 0, 0))
    image.putalpha(shadow)
    return Image.alpha_composite(image, written(color, "RGBA", 0, (0, 0, 0, 200)))


def _wrapped(line: str, font: ImageFont.FreeTypeFont, max_width_px: float) -> str:
    """Wrap a line to the width, between words or CJK characters."""
    rows = [""]
    for piece in _pieces(line):
        if rows[-1].strip() and font.getlength((rows[-1] + piece).rstrip()) > max_width_px:
            rows.append(piece.lstrip())
        else:
            rows[-1] += piece
    return "\n".join(row.rstrip() for row in rows)


def _pieces(line: str) -> list[str]:
    """Split a line at its break opportunities."""
    pieces: list[str] = []
    for character in line:
        alone = ord(character) > 0x2E80
        after_break = not pieces or pieces[-1][-1:] == " " or ord(pieces[-1][-1]) > 0x2E80
        breaks = character not in _CLOSING if alone else after_break and character != " "
        if breaks or not pieces:
            pieces.append(character)
        else:
            pieces[-1] += character
    return pieces
