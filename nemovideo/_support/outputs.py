"""The formats of results, and their selection by file name.

A format is the `output.format` of a render (docs/protocol.md §4) and the suffix of its file. Some
have two parts: "matte.mp4" is the mask alone, white where the person is; "stacked.mp4" has twice
the height, with the color above and the mask below; "bundle.zip" has both as files. The local
backend supports all formats; the cloud is known to support mp4, webm and mov.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import PurePath

from nemovideo.errors import InvalidRequestError

VIDEOS = ("mp4", "webm", "mov", "gif")
"""Video formats."""

STILLS = ("png", "jpg", "webp")
"""Image formats; a WebP can be animated."""

FORMATS = (*VIDEOS, "zip", *STILLS)
"""Formats of one part; a zip has one PNG per frame."""

WITH_ALPHA = ("webm", "mov", "gif", "zip", "png", "webp")
"""Formats with transparency; a GIF's pixels are opaque or fully transparent."""

QUALITIES = ("high", "medium", "low")
"""The qualities of the local backend; the cloud is known to support the first."""

DEFAULT_QUALITY = "high"

MATTE = "matte"
STACKED = "stacked"
BUNDLE = "bundle"
_KINDS: Mapping[str, tuple[str, ...]] = {
    MATTE: FORMATS,
    STACKED: ("mp4", "mov", "webm"),
    BUNDLE: ("zip",),
}
"""The first parts of format names, with the formats that can follow, the default first."""
_ALIASES = {"jpeg": "jpg"}
_SAME_CONTAINER = {"m4v": "mp4"}


def known_format(name: str) -> str | None:
    """Return the normalized format name, or None for an unknown one."""
    words = name.lower().lstrip(".").split(".")
    if len(words) == 1 and words[0] in _KINDS:
        return f"{words[0]}.{_KINDS[words[0]][0]}"
    kind = _ALIASES.get(words[-1], words[-1])
    known = FORMATS if len(words) == 1 else _KINDS.get(".".join(words[:-1]), ())
    return ".".join([*words[:-1], kind]) if kind in known else None


def check_format(name: str) -> str:
    """Return the normalized format name.

    Raises:
        InvalidRequestError: The format is unknown.
    """
    if (found := known_format(name)) is None:
        raise InvalidRequestError(
            f"{name!r} is not a supported output format",
            remedy=f"Use one of: {', '.join(FORMATS)}; {MATTE}.mp4 (or {MATTE}.png, ...) for the "
            f"mask alone, {STACKED}.mp4 for both in one picture, or {BUNDLE}.zip for both files.",
        )
    return found


def check_quality(name: str) -> None:
    """Check a quality for the local backend.

    Raises:
        InvalidRequestError: The quality is unknown.
    """
    if name not in QUALITIES:
        raise InvalidRequestError(
            f"{name!r} is not a valid quality",
            remedy=f"Use one of: {', '.join(QUALITIES)}.",
        )


def format_for(path: str | os.PathLike[str] | None, wanted: str | None) -> str:
    """Return the requested format, else that of the path's suffix, else mp4.

    With a `wanted` of "matte" or "stacked" alone, the suffix selects the second part. An unknown
    `wanted` is returned unchanged, since the service may support it.

    Raises:
        InvalidRequestError: The suffix is unknown, or belongs to a different format than `wanted`.
    """
    suffix = "" if path is None else result_suffix(path)
    if not wanted:
        return check_format(suffix or "mp4")
    if (first := wanted.lower()) in (MATTE, STACKED):
        return check_format(suffix if suffix.startswith(first) else f"{first}.{suffix or 'mp4'}")
    wanted = known_format(wanted) or wanted
    if path is not None and contradicts(path, wanted):
        name = PurePath(path).name
        right = PurePath(name).with_suffix(f".{wanted.rpartition('.')[2]}")
        raise InvalidRequestError(
            f"the format {wanted} contradicts the file name {name}",
            remedy=f"Name the file {right}, or leave out the format.",
        )
    return wanted


def contradicts(path: str | os.PathLike[str], wanted: str) -> bool:
    """Return whether the path's suffix belongs to a different container than `wanted`."""
    suffix = PurePath(path).suffix.lower().removeprefix(".")
    named = _SAME_CONTAINER.get(suffix) or known_format(suffix)
    known = known_format(wanted)
    return named in FORMATS and known is not None and known.rpartition(".")[2] != named


def result_suffix(path: str | os.PathLike[str]) -> str:
    """Return the suffix that selects a format, in lower case without its dot, or ""."""
    suffixes = [suffix.lower().removeprefix(".") for suffix in PurePath(path).suffixes[-2:]]
    two_parts = len(suffixes) == 2 and suffixes[0] in _KINDS
    return ".".join(suffixes if two_parts else suffixes[-1:])


def default_format(*, still: bool, transparent: bool) -> str:
    """Return the default format of a result; `still` is for a photo."""
    if still:
        return "png"
    return "webm" if transparent else "mp4"


def has_alpha(name: str) -> bool:
    """Return whether a format has transparency."""
    return name in WITH_ALPHA or name.startswith((STACKED, BUNDLE))


def lost_transparency(name: str, otherwise: str) -> str | None:
    """Return the warning about a transparent video in a format without transparency.

    Args:
        name: The format.
        otherwise: What can be done instead of using a different format.
    """
    if has_alpha(name) or name.startswith(MATTE) or "." in name or is_still(name):
        return None
    return (
        f"{name.upper()} files have no transparency: the background is black; use .webm or .mov, "
        f"or {otherwise}."
    )


def is_still(name: str) -> bool:
    """Return whether a format holds exactly one picture."""
    kind = name.rpartition(".")[2]
    return kind in STILLS and kind != "webp"
