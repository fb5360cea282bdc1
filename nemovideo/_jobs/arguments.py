"""Validating the arguments of `remove_background` before anything is sent."""

from __future__ import annotations

import os
from collections.abc import Sequence

from nemovideo.errors import InvalidRequestError
from nemovideo.files import Upload

_CONTENT = (str, os.PathLike, bytes, bytearray, memoryview, Upload)
_COLOR_PARTS = (3, 4)


def check_source(source: object) -> None:
    """Check that the source is a file.

    Raises:
        InvalidRequestError: It is an array, a list of files, or another unsupported type.
    """
    if isinstance(source, _CONTENT):
        return
    kind = type(source).__name__
    if _is_array(source):
        raise InvalidRequestError(
            f"the source is an array ({kind}), not a file",
            remedy="Encode it first: a picture as PNG bytes, frames as a video file.",
        )
    if isinstance(source, Sequence) and any(
        isinstance(item, (str, os.PathLike)) for item in source
    ):
        raise InvalidRequestError(
            f"the source is several files (of type {kind}), not one file",
            remedy="Use client.batch.remove_backgrounds(files, folder).",
        )
    if not any(hasattr(source, name) for name in ("read", "__iter__", "__aiter__")):
        raise InvalidRequestError(
            f"the source is of type {kind}, not a file",
            remedy="Give a path, bytes, an open binary file, an http(s) URL, or chunks of bytes.",
        )


def check_background(background: object) -> None:
    """Check that the background is text or a path.

    Raises:
        InvalidRequestError: It is a tuple of numbers, an array, bytes or the like.
    """
    if background is None or isinstance(background, (str, os.PathLike)):
        return
    remedy = 'Give a color ("#00b140"), words, or the path or URL of a picture or video.'
    if isinstance(background, (tuple, list)) and len(background) in _COLOR_PARTS:
        numbers = [part for part in background if isinstance(part, int) and 0 <= part <= 255]
        if len(numbers) == len(background):
            remedy = f'Write it as "#{bytes(numbers[:3]).hex()}".'
    shown = "an array" if _is_array(background) else f"{background!r:.60}"
    raise InvalidRequestError(
        f"background={shown} is of type {type(background).__name__}, not text or a path",
        remedy=remedy,
    )


def _is_array(value: object) -> bool:
    return hasattr(value, "__array_interface__") or hasattr(value, "__array__")
