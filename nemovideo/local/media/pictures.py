"""Pictures: opened by their content, measured before they are decoded, upright, in sRGB."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from nemovideo._uploads.inspect import DamagedError, inspect
from nemovideo._values.formats import sniff
from nemovideo.local.media.limits import MOST_PHOTO_PIXELS, MOST_SIDE_PX

FORMATS = ("JPEG", "PNG", "GIF", "WEBP")
UNREADABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)
"""What Pillow raises for a picture that it cannot read."""

_FAMILIES = frozenset({"jpeg", "png", "gif", "webp", "zip"})
_HEAD_BYTES = 64
_WEBP_HEAD_BYTES, _WEBP_ANIMATED, _WEBP_ALPHA = 21, 0x02, 0x10
_LARGE_PIXELS = 4_000_000
_SIXTEEN_BITS = 257  # what 255 is, there

_one_large_decode = threading.Lock()


class PictureTooLargeError(ValueError):
    """The picture of that size has more pixels than the local backend takes."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size
        width, height = size
        super().__init__(
            f"it has {width}×{height} pixels: the local backend takes pictures of up to "
            f"{MOST_PHOTO_PIXELS // 1_000_000} million pixels, {MOST_SIDE_PX} on a side"
        )


def open_image(path: Path) -> Image.Image:
    """Return a picture upright, decoded and in sRGB: RGB, or RGBA where it has transparent parts.

    Raises:
        PictureTooLargeError: Its header says so; nothing was decoded.
        OSError, ValueError, SyntaxError, Image.DecompressionBombError: It is not a picture of
            the supported formats, or it is damaged (`UNREADABLE`).
    """
    with opened(path) as image:
        return decoded(image)


def decoded(image: Image.Image) -> Image.Image:
    """Return a picture that was opened, as `open_image` does."""
    with decoding(image.size):
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        return in_srgb(image)


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """Open a picture's header, and refuse one that is too large."""
    check_pixels(header_size(path))
    with path.open("rb") as file, Image.open(_with_alpha(file), formats=FORMATS) as image:
        check_pixels(image.size)
        yield image


def _with_alpha(file: BinaryIO) -> BinaryIO:
    """Return the file, but an animated WebP said to have alpha.

    Encoders write only the part of a picture that is not transparent, and forget to say that
    there is alpha around it; Pillow then shows black there.
    """
    head = file.read(_WEBP_HEAD_BYTES)
    file.seek(0)
    if head[8:16] != b"WEBPVP8X" or not head[-1] & _WEBP_ANIMATED:
        return file
    data = bytearray(file.read())
    data[_WEBP_HEAD_BYTES - 1] |= _WEBP_ALPHA
    return io.BytesIO(data)


@contextmanager
def decoding(size: tuple[int, int]) -> Iterator[None]:
    """Hold the place for a decode of a picture of that size: one large one at a time."""
    large = size[0] * size[1] > _LARGE_PIXELS
    with _one_large_decode if large else nullcontext():
        yield


def check_pixels(size: tuple[int, int]) -> None:
    """Refuse a picture of a size that is not taken.

    Raises:
        PictureTooLargeError: It is too large.
    """
    width, height = size
    if max(width, height) > MOST_SIDE_PX or width * height > MOST_PHOTO_PIXELS:
        raise PictureTooLargeError(size)


def header_size(path: Path) -> tuple[int, int]:
    """Return the width and height in a picture's header; 0 for what it does not tell."""
    family = picture_family(path)
    if family is None:
        return 0, 0
    try:
        with path.open("rb") as file:
            info = inspect(cast("BinaryIO", file), path.stat().st_size, family, family)
    except DamagedError:
        return 0, 0
    return info.width or 0, info.height or 0


def picture_family(path: Path) -> str | None:
    """Return the format of a picture, or of a zip of them, by its first bytes; None for others."""
    with path.open("rb") as file:
        families = sniff(file.read(_HEAD_BYTES)) & _FAMILIES
    return min(families, default=None)


def looks_like_image(path: Path) -> bool:
    """Return whether a file begins as a picture of the supported formats."""
    try:
        return picture_family(path) is not None
    except (UnidentifiedImageError, OSError):
        return False


def in_srgb(image: Image.Image) -> Image.Image:
    """Return a decoded picture as RGB or RGBA in sRGB, by the profile that is embedded in it."""
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I"):
        image = _in_eight_bits(image)
    wanted = "RGBA" if image.has_transparency_data else "RGB"
    if profile:
        if image.mode in ("P", "PA", "1", "LA", "La", "RGBa") or wanted == "RGBA":
            image = image.convert(wanted)
        image = _converted(image, profile)
    made = image if image.mode == wanted else image.convert(wanted)
    made.info.pop("icc_profile", None)  # it is not that of these pixels any more
    return made


def _in_eight_bits(image: Image.Image) -> Image.Image:
    values = np.asarray(image).astype(np.uint32)
    return Image.fromarray(((values + _SIXTEEN_BITS // 2) // _SIXTEEN_BITS).astype(np.uint8))


def _converted(image: Image.Image, profile: bytes) -> Image.Image:
    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        target = ImageCms.createProfile("sRGB")
        made = ImageCms.profileToProfile(image, source, target, outputMode=mode)
    except (ImageCms.PyCMSError, OSError, ValueError):  # a damaged profile, or one of another mode
        return image
    return image if made is None else made
