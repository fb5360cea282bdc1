"""Split untrusted URLs in linear time."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

_MAX_CHARS = 16_000
_MAX_AUTHORITY_CHARS = 300
_STRIPPED = "".join(map(chr, range(0x21)))
_REMOVED = str.maketrans("", "", "\t\r\n")
_PARTS = re.compile(r"(?:[^:/?#]*:)?(?P<authority>//[^/?#]*)?(?P<path>[^?#]*)", re.DOTALL)


def split(url: str) -> SplitResult:
    """Split a URL with `urlsplit`, unless it is very long.

    `urlsplit` normalizes the authority, which takes quadratic time, and caches URLs.

    Raises:
        ValueError: The URL is invalid or longer than 16,000 characters, or its authority is longer
            than 300.
    """
    if len(url) > _MAX_CHARS:
        raise ValueError("the URL is too long")
    url = url.lstrip(_STRIPPED).translate(_REMOVED)  # as `urlsplit` does
    if len(_part(url, "authority")) > _MAX_AUTHORITY_CHARS:
        raise ValueError("the host is too long")
    return urlsplit(url)


def path_of(url: str) -> str:
    """Return the path of a URL, valid or not."""
    return _part(url, "path")


def host_of(url: str) -> str:
    """Return the host of a URL; empty if it has none, or is invalid."""
    try:
        return split(url).hostname or ""
    except ValueError:
        return ""


def is_valid(url: str) -> bool:
    """Return whether a URL can be split, and has a host and a usable port, if any."""
    try:
        return bool(split(url).hostname) and split(url).port != 0
    except ValueError:
        return False


def _part(url: str, name: str) -> str:
    found = _PARTS.match(url.lstrip(_STRIPPED))
    assert found is not None  # every part is optional
    return found[name] or ""
