"""The formats in which a result can be had, and how a file's name asks for one.

A format is what stands in `output.format` of a render (protocol.md §4), and the
suffix of its file. "matte.mp4" is a suffix with two parts: only the mask, white
where the person is, in an MP4. The cloud service is known to make the first
three; the local backend makes them all.
"""

from __future__ import annotations

import os
from pathlib import PurePath

from nemovideo._values.formats import IMAGE_SUFFIXES, suffix_of
from nemovideo.errors import InvalidRequestError

VIDEOS = ("mp4", "webm", "mov", "gif")
"""Formats with moving pictures."""

STILLS = ("png", "jpg", "webp")
"""Formats of one picture."""

FORMATS = (*VIDEOS, "zip", *STILLS)
"""All formats; a zip holds one PNG for each frame. Each has a `matte.` form besides."""

WITH_ALPHA = ("webm", "mov", "gif", "zip", "png", "webp")
"""The formats that can be transparent; a GIF's pixels are so wholly or not at all."""

QUALITIES = ("high", "medium", "low")
"""The qualities that the local backend makes; of the cloud's only the first is known."""

DEFAULT_QUALITY = "high"

MATTE = "matte"
_SAME = {"jpeg": "jpg"}


def known_format(name: str) -> str | None:
    """Return the format of that name in its usual form, None where there is none."""
    words = name.lower().lstrip(".").split(".")
    if words == [MATTE]:
        return f"{MATTE}.mp4"
    kind = _SAME.get(words[-1], words[-1])
    if kind not in FORMATS or words[:-1] not in ([], [MATTE]):
        return None
    return ".".join([*words[:-1], kind])


def check_format(name: str) -> str:
    """Return the format of that name in its usual form.

    Raises:
        InvalidRequestError: There is none.
    """
    if (found := known_format(name)) is None:
        raise InvalidRequestError(
            f"{name!r} is not a format for the result",
            remedy=f"Use one of: {', '.join(FORMATS)}; or {MATTE}.mp4 and its like, "
            "for the mask alone.",
        )
    return found


def check_quality(name: str) -> str:
    """Return the name of a quality that the local backend makes.

    Raises:
        InvalidRequestError: There is none of that name.
    """
    if name not in QUALITIES:
        raise InvalidRequestError(
            f"{name!r} is not a quality of the local backend",
            remedy=f"Use one of: {', '.join(QUALITIES)}.",
        )
    return name


def format_for(path: str | os.PathLike[str] | None, wanted: str | None) -> str:
    """Return the format asked for, else the one that the path's suffix names, else mp4.

    A `wanted` of "matte" alone leaves it to the suffix what the mask comes in. One that
    is not known here is returned as it is: the service may know it.

    Raises:
        InvalidRequestError: The suffix is that of no result.
    """
    suffix = "" if path is None else result_suffix(path)
    if wanted and wanted.lower() != MATTE:
        return known_format(wanted) or wanted
    if not wanted:
        return check_format(suffix) if suffix else "mp4"
    return check_format(suffix if suffix.startswith(MATTE) else f"{MATTE}.{suffix or 'mp4'}")


def result_suffix(path: str | os.PathLike[str]) -> str:
    """Return the suffix that names a format, without its dot and in lower case; "" for none."""
    suffixes = PurePath(path).suffixes
    if suffixes[-2:-1] and suffixes[-2].lower() == f".{MATTE}":
        return f"{MATTE}{suffixes[-1]}".lower()
    return suffixes[-1].lower().removeprefix(".") if suffixes else ""


def default_format(source: str, *, transparent: bool) -> str:
    """Return the format for a result of which no more is known than its source's name."""
    if suffix_of(source) in IMAGE_SUFFIXES:
        return "png"
    return "webm" if transparent else "mp4"


def has_alpha(name: str) -> bool:
    """Say whether a file of the format can be transparent."""
    return name in WITH_ALPHA


def is_still(name: str) -> bool:
    """Say whether a file of the format holds one picture."""
    return name.rpartition(".")[2] in STILLS
