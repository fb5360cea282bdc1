"""Pictures: opened by content, checked before they are decoded, upright, in sRGB."""

from __future__ import annotations

import io
import mmap
import re
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from PIL import ExifTags, Image, ImageCms

from nemovideo._uploads.inspect import DamagedError, inspect
from nemovideo._values.formats import sniff
from nemovideo.local.media.limits import MAX_JPEG_SCANS, MAX_PHOTO_PIXELS, MAX_SIDE_PX

FORMATS = ("JPEG", "PNG", "GIF", "WEBP")
UNREADABLE = (
    *(OSError, EOFError, LookupError, SyntaxError, TypeError, ValueError, struct.error),
    Image.DecompressionBombError,
)
"""Exceptions that Pillow raises for unreadable pictures."""

_FAMILIES = frozenset({"jpeg", "png", "gif", "webp", "zip"})
_HEAD_BYTES = 64
_WEBP_HEAD_BYTES, _WEBP_ANIMATED, _WEBP_ALPHA = 21, 0x02, 0x10
_LARGE_PIXELS = 4_000_000
_FROM_16_BITS = 257  # 65535 / 255
_TRANSPOSED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""By Exif orientation, how a picture is turned upright."""

# The next marker, as libjpeg finds it: neither an escaped byte nor a restart marker of a scan.
_JPEG_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])")
_START_OF_SCAN, _END_OF_IMAGE = b"\xda", b"\xd9"

_large_decode_lock = threading.Lock()


class PictureTooLargeError(ValueError):
    """The picture exceeds the limits of the local backend."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size
        width, height = size
        super().__init__(
            f"it has {width}×{height} pixels: the local backend accepts pictures of up to "
            f"{MAX_PHOTO_PIXELS // 1_000_000} million pixels, {MAX_SIDE_PX} on a side"
        )


def open_image(path: Path) -> Image.Image:
    """Decode a picture, upright and in sRGB, as RGB or RGBA.

    Raises:
        PictureTooLargeError: The size in the header exceeds the limits; nothing is decoded.
        Exception: One of `UNREADABLE`: the format is not supported, or the picture is damaged or
            has too many scans.
    """
    with opened(path) as image:
        return decoded(image)


def decoded(image: Image.Image) -> Image.Image:
    """Decode an open picture as `open_image` does."""
    with decoding(image.size):
        image.load()
        return in_srgb(_upright(image))


def _upright(image: Image.Image) -> Image.Image:
    """Apply the Exif orientation.

    `ImageOps.exif_transpose` also rewrites the Exif data, which fails if it is damaged.
    """
    try:
        method = _TRANSPOSED.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 - Pillow raises many kinds for damaged data
        return image
    return image if method is None else image.transpose(method)


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """Open a picture, and reject it if it is too large; pixels are not decoded."""
    check_pixels(_header_size(path))
    if picture_family(path) == "jpeg":
        _check_scans(path)
    with path.open("rb") as file, Image.open(_with_alpha(file), formats=FORMATS) as image:
        check_pixels(image.size)
        yield image


def _with_alpha(file: BinaryIO) -> BinaryIO:
    """Return the file, with the alpha flag set if it is an animated WebP.

    Encoders crop frames to their opaque part without setting the flag; Pillow then shows black
    around it.
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
    """Serialize the decoding of large pictures, to bound memory."""
    large = size[0] * size[1] > _LARGE_PIXELS
    with _large_decode_lock if large else nullcontext():
        yield


def check_pixels(size: tuple[int, int]) -> None:
    """Check a picture's size.

    Raises:
        PictureTooLargeError: The size exceeds the limits.
    """
    width, height = size
    if max(width, height) > MAX_SIDE_PX or width * height > MAX_PHOTO_PIXELS:
        raise PictureTooLargeError(size)


def _check_scans(path: Path) -> None:
    """Check the number of a JPEG's scans.

    Raises:
        ValueError: There are more than `MAX_JPEG_SCANS`.
    """
    scans = offset = 0
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        while (found := _JPEG_MARKER.search(data, offset)) and found[1] != _END_OF_IMAGE:
            scans += found[1] == _START_OF_SCAN
            if scans > MAX_JPEG_SCANS:
                raise ValueError(f"it has more than {MAX_JPEG_SCANS} scans")
            offset = found.end() + int.from_bytes(data[found.end() : found.end() + 2], "big")


def _header_size(path: Path) -> tuple[int, int]:
    """Return the width and height in a picture's header; 0 if unknown."""
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
    """Return the family of a picture or zip by its first bytes; None for other files."""
    with path.open("rb") as file:
        families = sniff(file.read(_HEAD_BYTES)) & _FAMILIES
    return min(families, default=None)


def in_srgb(image: Image.Image) -> Image.Image:
    """Convert a decoded picture to RGB or RGBA in sRGB, by its embedded profile."""
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I"):
        image = _in_eight_bits(image)
    mode = "RGBA" if image.has_transparency_data else "RGB"
    if profile:
        if image.mode in ("P", "PA", "1", "LA", "La", "RGBa") or mode == "RGBA":
            image = image.convert(mode)
        image = _converted(image, profile)
    result = image if image.mode == mode else image.convert(mode)
    result.info.pop("icc_profile", None)  # no longer valid for these pixels
    return result


def _in_eight_bits(image: Image.Image) -> Image.Image:
    values = np.asarray(image).astype(np.uint32)
    return Image.fromarray(((values + _FROM_16_BITS // 2) // _FROM_16_BITS).astype(np.uint8))


def _converted(image: Image.Image, profile: bytes) -> Image.Image:
    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        target = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, source, target, outputMode=mode)
    except (ImageCms.PyCMSError, OSError, ValueError):  # damaged, or for a different color mode
        return image
    return image if converted is None else converted
