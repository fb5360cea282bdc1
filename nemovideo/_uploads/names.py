"""File names as they are sent: safe in a header, on a screen and on a disk, else as they are."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath

MAX_NAME_BYTES = 255
"""The longest name in UTF-8 that common file systems take."""

_UNPRINTABLE = ("Cc", "Cs", "Zl", "Zp")
# They make a name look as if it ended with another suffix.
_DIRECTION_OVERRIDES = re.compile("[\u202a-\u202e\u2066-\u2069]")
_SUFFIX_BYTES = 16


def safe_name(name: str) -> str:
    """Return the name without what could do harm; empty if nothing of it is left.

    Of a path, only its last part stays. Control characters and undecodable
    bytes become "_", direction overrides go. A name that is too long loses the
    end of its stem. Everything else stays as it was: other scripts, emoji,
    quotation marks, and the way in which accents are composed.
    """
    base = _DIRECTION_OVERRIDES.sub("", re.split(r"[/\\]", name)[-1])
    plain = "".join("_" if unicodedata.category(c) in _UNPRINTABLE else c for c in base).strip()
    if not plain.strip("._"):
        return ""
    return _cut(plain)


def distinct(names: Iterable[str]) -> list[str]:
    """Return the names, each unlike those before it: a second a.mp4 becomes a (2).mp4."""
    found: list[str] = []
    taken: set[str] = set()
    for name in names:
        path, number, free = PurePosixPath(name), 1, name
        while _key(free) in taken:
            number += 1
            free = _cut(path.stem, f" ({number}){path.suffix}")
        taken.add(_key(free))
        found.append(free)
    return found


def _key(name: str) -> str:
    """Return what two names have in common that a person cannot tell apart."""
    return unicodedata.normalize("NFC", name).casefold()


def _cut(name: str, ending: str = "") -> str:
    """Return the name with the ending, at most MAX_NAME_BYTES long, its suffix kept."""
    if len((name + ending).encode()) <= MAX_NAME_BYTES:
        return name + ending
    if not ending:
        suffix = PurePosixPath(name).suffix
        if len(suffix.encode()) <= _SUFFIX_BYTES:
            name, ending = name.removesuffix(suffix), suffix
    room = MAX_NAME_BYTES - len(ending.encode())
    return name.encode()[:room].decode("utf-8", "ignore").rstrip() + ending
