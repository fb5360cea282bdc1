"""Pictures: opened by their content, upright, in the colours of screens."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

_IMAGE_FORMATS = ("JPEG", "PNG", "GIF", "WEBP")


def open_image(path: Path) -> Image.Image:
    """Return a picture upright and decoded, as RGB, or RGBA where it has transparent parts.

    Raises:
        OSError, ValueError, Image.DecompressionBombError: It is no picture of
            the supported formats, or it is damaged or too large.
    """
    with Image.open(path, formats=_IMAGE_FORMATS) as image:
        upright = ImageOps.exif_transpose(image)
        return upright.convert("RGBA" if upright.has_transparency_data else "RGB")


def looks_like_image(path: Path) -> bool:
    """Return whether a file begins as a picture of the supported formats."""
    try:
        with Image.open(path, formats=_IMAGE_FORMATS):
            return True
    except (UnidentifiedImageError, OSError, ValueError):
        return False
