"""The formats in which a result can be had, and how a file's name asks for one.

A format is what stands in `output.format` of a render (docs/protocol.md §4), and the
suffix of its file. Some suffixes have two parts: "matte.mp4" is only the mask, white
where the person is; "stacked.mp4" is twice as high, with the color above and the mask
below; "bundle.zip" holds both as a file each. The cloud service is known to make the
first three formats; the local backend makes them all.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import PurePath

from nemovideo.errors import InvalidRequestError

VIDEOS = ("mp4", "webm", "mov", "gif")
"""Formats with moving pictures."""

STILLS = ("png", "jpg", "webp")
"""Formats of one picture; a WebP can be animated, too."""

FORMATS = (*VIDEOS, "zip", *STILLS)
"""The formats of one part; a zip holds one PNG for each frame."""

WITH_ALPHA = ("webm", "mov", "gif", "zip", "png", "webp")
"""The formats that can be transparent; a GIF's pixels are so wholly or not at all."""

QUALITIES = ("high", "medium", "low")
"""The qualities that the local backend makes; of the cloud's only the first is known."""

DEFAULT_QUALITY = "high"

MATTE = "matte"
STACKED = "stacked"
BUNDLE = "bundle"
_KINDS: Mapping[str, tuple[str, ...]] = {
    MATTE: FORMATS,
    STACKED: ("mp4", "mov", "webm"),
    BUNDLE: ("zip",),
}
"""The first parts of a format's name, and what can follow them, the usual one first."""
_SAME = {"jpeg": "jpg"}


def known_format(name: str) -> str | None:
    """Return the format of that name in its usual form, None where there is none."""
    words = name.lower().lstrip(".").split(".")
    if len(words) == 1 and words[0] in _KINDS:
        return f"{words[0]}.{_KINDS[words[0]][0]}"
    kind = _SAME.get(words[-1], words[-1])
    known = FORMATS if len(words) == 1 else _KINDS.get(".".join(words[:-1]), ())
    return ".".join([*words[:-1], kind]) if kind in known else None


def check_format(name: str) -> str:
    """Return the format of that name in its usual form.

    Raises:
        InvalidRequestError: There is none.
    """
    if (found := known_format(name)) is None:
        raise InvalidRequestError(
            f"{name!r} is not a format for the result",
            remedy=f"Use one of: {', '.join(FORMATS)}; {MATTE}.mp4 and its like for the mask "
            f"alone, {STACKED}.mp4 for both in one picture, or {BUNDLE}.zip for both files.",
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

    A `wanted` of "matte" or "stacked" alone leaves it to the suffix what it comes in. One
    that is not known here is returned as it is: the service may know it.

    Raises:
        InvalidRequestError: The suffix is that of no result.
    """
    suffix = "" if path is None else result_suffix(path)
    first = wanted.lower() if wanted else ""
    if wanted and first not in (MATTE, STACKED):
        return known_format(wanted) or wanted
    if not wanted:
        return check_format(suffix) if suffix else "mp4"
    return check_format(suffix if suffix.startswith(first) else f"{first}.{suffix or 'mp4'}")


def result_suffix(path: str | os.PathLike[str]) -> str:
    """Return the suffix that names a format, without its dot and in lower case; "" for none."""
    suffixes = PurePath(path).suffixes
    if suffixes[-2:-1] and suffixes[-2].lower().removeprefix(".") in _KINDS:
        return "".join(suffixes[-2:]).lower().removeprefix(".")
    return suffixes[-1].lower().removeprefix(".") if suffixes else ""


def default_format(*, still: bool, transparent: bool) -> str:
    """Return the format of a result that nobody named one for; `still` for that of a photo."""
    if still:
        return "png"
    return "webm" if transparent else "mp4"


def has_alpha(name: str) -> bool:
    """Say whether a file of the format can be transparent."""
    return name in WITH_ALPHA or name.startswith((STACKED, BUNDLE))


def is_still(name: str) -> bool:
    """Return whether a file of the format holds one picture and never more."""
    kind = name.rpartition(".")[2]
    return kind in STILLS and kind != "webp"
