"""Find quotations in text from a user or from the service."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from nemovideo._support.patterns import lazy

_PAIRS = ("“”", "「」", "『』", "《》", "〈〉", "【】", "«»", "``")
_LENGTH = "{1,400}"
_WITHIN_LINE = "|".join(rf"{pair[0]}[^{pair[1]}\n]{_LENGTH}{pair[1]}" for pair in _PAIRS)
_DOUBLE = rf"[\"„＂“][^“”\"＂\n]{_LENGTH}[\"”“＂]"
_SINGLE = (
    rf"(?<![A-Za-z0-9'])['‘’](?=\S)(?:[^'‘’\n]|(?<=\w)['’](?=\w)){_LENGTH}(?<=\S)['’]"
    r"(?![A-Za-z0-9])"
)
_QUOTATION = lazy(rf"{_WITHIN_LINE}|{_DOUBLE}|{_SINGLE}")


class Quotation(NamedTuple):
    """Quoted words, and the span of the quotation with its marks."""

    start: int
    end: int
    words: str


def quotations(text: str) -> Iterator[Quotation]:
    """Yield the quotations of a text in order: up to 400 characters each, within one line.

    An apostrophe inside a word is not a quotation mark.
    """
    for match in _QUOTATION.finditer(text):
        yield Quotation(match.start(), match.end(), match[0][1:-1])
