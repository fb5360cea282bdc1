"""Times, percentages, credits and names as text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

_NAME_LENGTH = 80
_NAMED = 3
"""How many files are named in one line."""


def time_range(start_ms: int, end_ms: int) -> str:
    """Return `0-10s` or `0.4-2.05s`: seconds without trailing zeros."""
    return f"{_in_seconds(start_ms)}-{seconds(end_ms)}"


def seconds(duration_ms: int) -> str:
    """Return `10s` or `0.4s`."""
    return f"{_in_seconds(duration_ms)}s"


def duration_text(duration_s: float) -> str:
    """Return `8 seconds`, `1 minute` or `2.5 minutes`."""
    amount, unit = (duration_s, "second") if duration_s < 59.5 else (duration_s / 60, "minute")
    text = f"{round(amount) if amount >= 10 else round(amount, 1):g}"
    return f"{text} {unit}{'' if text == '1' else 's'}"


def percent(factor: float) -> str:
    """Return a factor as `35%`."""
    return f"{round(factor * 100)}%"


def credits_text(amount: float) -> str:
    """Return an amount of credits with its unit: `1 credit`, `2.5 credits`."""
    return f"{amount:.10g} {'credit' if amount == 1 else 'credits'}"


def size_text(size_bytes: float) -> str:
    """Return a size in the unit that fits: `10 MB`, `1.5 GB` (1 MB is 1024 KB)."""
    unit = "KB"
    size = size_bytes / 1024
    for larger in ("MB", "GB"):
        if size >= 1000:
            size, unit = size / 1024, larger
    return f"{f'{size:.1f}'.removesuffix('.0')} {unit}"


def quoted(text: str, quotes: str = '""') -> str:
    """Return the text on one line in quotes; the same quotes inside it become apostrophes."""
    opening, closing = tuple(quotes)
    line = one_line(text).replace(opening, "'").replace(closing, "'")
    return f"{opening}{line}{closing}"


def capitalized(text: str) -> str:
    """Return the text capitalized, unless it starts with a name or a link."""
    plain = text.partition(" ")[0].isalpha()
    return text[:1].upper() + text[1:] if plain else text


def one_line(text: str) -> str:
    """Return the text without line breaks or invisible characters, truncated to 80 characters."""
    line = " ".join(_invisible().sub(" ", text[: 10 * _NAME_LENGTH]).split())
    return line if len(line) <= _NAME_LENGTH else f"{line[: _NAME_LENGTH - 1].rstrip()}…"


def some_names(paths: Sequence[Path]) -> str:
    """Return the names of the first files, followed by "…" if there are more."""
    more = ", …" if len(paths) > _NAMED else ""
    return ", ".join(path.name for path in paths[:_NAMED]) + more


@cache
def _invisible() -> re.Pattern[str]:
    """Match control characters, bidirectional controls, and lone surrogates."""
    return re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def _in_seconds(time_ms: int) -> str:
    whole, rest = divmod(time_ms, 1000)
    return f"{whole}.{rest:03d}".rstrip("0") if rest else str(whole)
