"""What users hand in as pictures, masks and videos, checked."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from nemovideo._support.places import expanded
from nemovideo.errors import InvalidRequestError, SourceNotFoundError, UnsupportedFileError
from nemovideo.local.media.limits import MAX_PHOTO_PIXELS
from nemovideo.local.media.probe import MediaItem, probe
from nemovideo.local.render.backgrounds import load_image

Picture: TypeAlias = npt.NDArray[np.uint8] | Image.Image | str | os.PathLike[str]
"""Height × width × 3 (or 4, or none) in uint8, a Pillow image, or the path of a picture."""


def image_of(picture: Picture) -> Image.Image:
    """Return a picture as RGBA."""
    if isinstance(picture, str | os.PathLike):
        item = _probed(Path(picture))
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
            f"a picture of {image.width}×{image.height} cannot be cut",
            remedy=f"Use one of 1 to {MAX_PHOTO_PIXELS} pixels.",
        )
    return image.convert("RGBA")


def _from_array(picture: object) -> Image.Image:
    """Return an array as a picture; it comes from a user, and may be anything."""
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
        remedy="Give height × width × 3 in uint8 (RGB), a Pillow image, or a path.",
    )


def video_at(path: Path) -> MediaItem:
    """Return what a path of a user's leads to, if that is a video."""
    item = _probed(path)
    if item.kind != "video":
        raise UnsupportedFileError(
            f"{item.name} is not a video", code=4001, remedy="Use alpha() for a picture."
        )
    return item


def mask_of(time_s: object, mask: object) -> npt.NDArray[np.float32]:
    """Return a user's mask as shares, 0..1."""
    if not isinstance(time_s, int | float) or not math.isfinite(time_s):
        raise InvalidRequestError(
            f"{time_s!r} is not a time of a mask", remedy="Give masks by time in seconds."
        )
    if isinstance(mask, np.ndarray) and mask.ndim == 2:
        shares: npt.NDArray[np.float32] = mask.astype(np.float32)
        if mask.dtype == np.uint8:
            shares /= np.float32(255)
            return shares
        known = mask.dtype == np.bool_ or np.issubdtype(mask.dtype, np.floating)
        if known and shares.size and shares.min() >= 0 and shares.max() <= 1:
            return shares
    raise InvalidRequestError(
        f"the mask for {time_s} s is not a mask",
        remedy="Give height × width as bool, uint8, or floats in 0..1.",
    )


def _probed(path: Path) -> MediaItem:
    path = expanded(path)
    if not path.is_file():
        raise SourceNotFoundError(f"there is no file {path}")
    try:
        return probe(path, path.name, id="source")
    except OSError as error:
        raise UnsupportedFileError(f"{path.name} cannot be read: {error}", code=4001) from error
