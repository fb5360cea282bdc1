"""Validate the arguments of `remove_background` before anything is sent."""

from __future__ import annotations

import os
from collections.abc import Sequence

from nemovideo._uploads.trust import check_sources
from nemovideo.errors import InvalidRequestError
from nemovideo.files import Upload

_CONTENT = (str, os.PathLike, bytes, bytearray, memoryview, Upload)
_COLOR_PARTS = (3, 4)


def check_arguments(source: object, background: object, *, local_files: bool) -> None:
    """Check the types of a source and a background.

    Raises:
        InvalidRequestError: The source is an array, a list of files, a string when `local_files`
            is False, or another unsupported type; or the background is neither text nor a path.
    """
    _check_source(source)
    _check_background(background)
    check_sources([source], local_files=local_files)


def _check_source(source: object) -> None:
    if isinstance(source, _CONTENT):
        return
    kind = type(source).__name__
    if _is_array(source):
        raise InvalidRequestError(
            f"the source is an array ({kind}), not a file",
            remedy="Encode it first: a picture as PNG bytes, frames as a video file, "
            "with nemovideo.local.Matting.write.",
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
            remedy="Pass a path, bytes, an open binary file, an http(s) URL, or chunks of bytes.",
        )


def _check_background(background: object) -> None:
    if background is None or isinstance(background, (str, os.PathLike)):
        return
    remedy = 'Pass a color ("#00b140"), a description, or the path or URL of a picture or video.'
    if isinstance(background, (tuple, list)) and len(background) in _COLOR_PARTS:
        numbers = [part for part in background if isinstance(part, int) and 0 <= part <= 255]
        if len(numbers) == len(background):
            remedy = f'Write it as "#{bytes(numbers[:3]).hex()}".'
    shown = f"{background!r:.60}"
    if _is_array(background):
        shown = "an array"
        remedy = (
            "Save it as a picture and pass the path; or put it behind the person in each frame of "
            "nemovideo.local.Matting.frames, and pass the frames to Matting.write."
        )
    raise InvalidRequestError(
        f"background={shown} is of type {type(background).__name__}, not text or a path",
        remedy=remedy,
    )


def _is_array(value: object) -> bool:
    return hasattr(value, "__array_interface__") or hasattr(value, "__array__")
