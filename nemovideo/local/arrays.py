"""Validation of the pictures, masks and videos that users pass in."""

from __future__ import annotations

import math
import os
import re
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from nemovideo._support.user_folders import expanded
from nemovideo.errors import InvalidRequestError, SourceNotFoundError, UnsupportedFileError
from nemovideo.local.media.limits import MAX_PHOTO_PIXELS
from nemovideo.local.media.probe import MediaItem, probe
from nemovideo.local.render.backgrounds import load_image

_SCHEME = re.compile(r"(?!file:)[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_TOLERANCE = 1e-3

Picture: TypeAlias = npt.NDArray[np.uint8] | Image.Image | str | os.PathLike[str]
"""A uint8 array of height × width (× 3 or 4), a Pillow image, or the path of a picture."""


def image_of(picture: Picture) -> Image.Image:
    """Return a picture as RGBA."""
    if isinstance(picture, str | os.PathLike):
        item = _probed(picture)
        if item.kind != "image":
            raise UnsupportedFileError(
                f"{item.name} is not a picture", code=4001, remedy="Use frames() for a video."
            )
        image = load_image(item)
    elif isinstance(picture, Image.Image):
        image = picture
    else:
        image = _from_array(picture)
    if image.width * image.height > MAX_PHOTO_PIXELS or not all(image.size):
        raise InvalidRequestError(
            f"a picture of {image.width}×{image.height} pixels is not supported",
            remedy=f"Use a picture of 1 to {MAX_PHOTO_PIXELS:,} pixels.",
        )
    return image.convert("RGBA")


def _from_array(picture: object) -> Image.Image:
    """Return an array as a picture."""
    if (
        isinstance(picture, np.ndarray)
        and picture.dtype == np.uint8
        and picture.size > 0
        and (picture.ndim == 2 or (picture.ndim == 3 and picture.shape[2] in (3, 4)))
    ):
        return Image.fromarray(np.ascontiguousarray(picture))
    given = f"{picture.dtype} of shape {picture.shape}" if isinstance(picture, np.ndarray) else ""
    raise InvalidRequestError(
        f"{given or type(picture).__name__} is not a picture",
        remedy="Pass a uint8 array of height × width × 3 (RGB), a Pillow image, or a path.",
    )


def video_at(source: str | os.PathLike[str]) -> MediaItem:
    """Return the properties of a video file."""
    item = _probed(source)
    if item.kind != "video":
        raise UnsupportedFileError(
            f"{item.name} is not a video", code=4001, remedy="Use alpha() for a picture."
        )
    return item


def sound_at(source: str | os.PathLike[str]) -> MediaItem:
    """Return the properties of a video, which may be silent, or of an audio file."""
    item = _probed(source)
    if item.kind != "video" and not item.has_audio:
        raise UnsupportedFileError(
            f"{item.name} has no sound", code=4001, remedy="Leave out sound=, or pass another file."
        )
    return item


def mask_of(time_s: object, mask: object) -> npt.NDArray[np.float32]:
    """Return a user's mask as floats, 0..1."""
    if not isinstance(time_s, int | float) or not math.isfinite(time_s):
        raise InvalidRequestError(
            f"{time_s!r} is not a time in seconds", remedy="Use times in seconds as the keys."
        )
    alpha = opacity_of(mask)
    if alpha is None:
        raise InvalidRequestError(
            f"the mask at {time_s} s is not a valid mask",
            remedy="Pass an array of height × width: bool, uint8, or floats in 0..1.",
        )
    return alpha


def opacity_of(mask: object) -> npt.NDArray[np.float32] | None:
    """Return a user's mask as floats, 0..1; None if it is not valid.

    Floats slightly outside the range, as after resampling, are clipped.
    """
    if not isinstance(mask, np.ndarray) or mask.ndim != 2 or not mask.size:
        return None
    if mask.dtype == np.uint8:
        alpha: npt.NDArray[np.float32] = mask.astype(np.float32)
        alpha /= np.float32(255)
        return alpha
    if mask.dtype == np.bool_:
        return mask.astype(np.float32)
    if not np.issubdtype(mask.dtype, np.floating):
        return None
    # Before the conversion: a large float64 overflows. NaN compares as false.
    if not (mask.min() >= -_TOLERANCE and mask.max() <= 1 + _TOLERANCE):
        return None
    return mask.astype(np.float32).clip(0, 1)


def check_number(name: str, value: object, low: int, high: int, *, whole: bool = False) -> None:
    """Check that a value is a number in a range."""
    kinds = int if whole else (int, float)
    if not isinstance(value, kinds) or isinstance(value, bool) or not low <= value <= high:
        raise InvalidRequestError(
            f"{name} is {value!r}",
            remedy=f"Give {'a whole number' if whole else 'a number'} from {low} to {high}.",
        )


def _probed(source: str | os.PathLike[str]) -> MediaItem:
    if isinstance(source, str) and (scheme := _SCHEME.match(source)):
        raise SourceNotFoundError(
            f"{scheme[0]} URLs are not supported here",
            remedy="Download the file, and pass its path.",
        )
    path = expanded(source)
    if not path.is_file():
        raise SourceNotFoundError(f"there is no file {path}")
    try:
        return probe(path, path.name, id="source")
    except OSError as error:
        raise UnsupportedFileError(f"{path.name} cannot be read: {error}", code=4001) from error
