"""Safe and distinct file names for uploads."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath

MAX_NAME_BYTES = 255
"""The limit of common file systems, in bytes of UTF-8."""

_UNPRINTABLE = ("Cc", "Cs", "Zl", "Zp")
# These can make a name appear to end in another suffix.
_DIRECTION_OVERRIDES = re.compile("[\u202a-\u202e\u2066-\u2069]")
_MAX_SUFFIX_BYTES = 16


def safe_name(name: str) -> str:
    """Return a name that is safe in a header, on a screen and on a disk; it may be empty.

    Folders and direction overrides are removed, control characters and undecodable bytes
    replaced with "_", and the stem is shortened if needed. Other scripts, emoji, quotation marks
    and the normalization form are preserved.
    """
    base = _DIRECTION_OVERRIDES.sub("", re.split(r"[/\\]", name)[-1])
    plain = "".join("_" if unicodedata.category(c) in _UNPRINTABLE else c for c in base).strip()
    if not plain.strip("._"):
        return ""
    return _shortened(plain)


def distinct(names: Iterable[str]) -> list[str]:
    """Return the names without duplicates: a second a.mp4 becomes a (2).mp4."""
    found: list[str] = []
    taken: set[str] = set()
    for name in names:
        path, number, free = PurePosixPath(name), 1, name
        while _key(free) in taken:
            number += 1
            free = _shortened(path.stem, f" ({number}){path.suffix}")
        taken.add(_key(free))
        found.append(free)
    return found


def _key(name: str) -> str:
    """Return a key that is equal for names that look the same."""
    return unicodedata.normalize("NFC", name).casefold()


def _shortened(name: str, ending: str = "") -> str:
    """Return the name with the ending, shortened to MAX_NAME_BYTES; the suffix is kept."""
    if len((name + ending).encode()) <= MAX_NAME_BYTES:
        return name + ending
    if not ending:
        suffix = PurePosixPath(name).suffix
        if len(suffix.encode()) <= _MAX_SUFFIX_BYTES:
            name, ending = name.removesuffix(suffix), suffix
    room = MAX_NAME_BYTES - len(ending.encode())
    return name.encode()[:room].decode("utf-8", "ignore").rstrip() + ending
