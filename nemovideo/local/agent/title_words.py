"""Find the words that a title shows: in quotation marks, or after "saying", "called", 写着."""

from __future__ import annotations

import re

from nemovideo.local.agent.colors import find_colors
from nemovideo.local.agent.language import mark_times
from nemovideo.local.agent.message import Clause
from nemovideo.local.agent.timing import mentions_time, position, without_time
from nemovideo.local.agent.words import MARK, has, pattern, source

_ENGLISH = ("saying", "colon", "after_noun", "before_noun", "written")
_EXPLICIT = ("saying", "colon", "is", "write")
"""The entries that are always followed by the title's words: "saying Yellow", 内容是黄色."""
_CHINESE = ("is", "write", "as_title", "add")


def text_of(clause: Clause) -> str | None:
    """Return the words to show, as typed, or None if there are none."""
    if clause.quotes:
        return clause.quotes[-1]
    end = _end(clause)
    for name in (*_ENGLISH, *_CHINESE):
        found = pattern(f"title_words.{name}").search(clause.plain[:end])
        if not found:
            continue
        words = without_time(found["it"])
        if name in _CHINESE:
            words = pattern("title_words.chinese_tail").sub("", words)
            words = pattern("title_words.noun_after").sub("", words)
        words = _without_color(words, clause.raw[found.start("it") : end])
        start = found.start("it")
        shown = clause.raw[start : start + len(words)].strip(" \t\n:：,，。.;；、-")
        if start + len(words) == end:
            shown += _marks(clause)
        if name not in _EXPLICIT and only_describes(clause.plain[start : start + len(words)]):
            continue
        if not re.fullmatch(rf"(?:\W|{source('title_words.filler')})*", shown.lower()):
            return " ".join(shown.split())
    return None


def _end(clause: Clause) -> int:
    """Return the offset of the exclamation and question marks at the end of a clause."""
    return len(clause.plain.rstrip("!? "))


def _marks(clause: Clause) -> str:
    """Return the marks at the end if they are the title's: "Can you add …?" is a request."""
    marks = clause.raw[_end(clause) :].strip()
    return "" if "?" in clause.plain and has(clause.text, "title_words.asking") else marks


def only_describes(text: str) -> bool:
    """Return whether a text says how, where and when a title appears, but not what it says."""
    if pattern("title_words.described").search(text) is None and not any(find_colors(text)):
        return False
    rest = list(text)
    for color in find_colors(text):
        rest[color.start : color.end] = " " * (color.end - color.start)
    marked = re.sub(rf"{MARK}\d+{MARK}", " ", mark_times("".join(rest)))
    return not re.search(r"\w", pattern("title_words.look").sub(" ", marked))


def _without_color(text: str, typed: str) -> str:
    """Return the text without "in yellow" at its end; "Lady in Red" is a title."""
    found = pattern("title_words.colored").search(text)
    if not found or not only_describes(found[0]) or not any(find_colors(found[0])):
        return text
    capital = any(letter.isupper() for letter in typed[found.start() : found.end()])
    return text if capital else text[: found.start()]


def changed_text(clause: Clause) -> str | None:
    """Return the new words of a title, if the clause has any."""
    said = text_of(clause)
    found = pattern("titles.to").search(clause.plain)
    if said is not None or found is None or position(found["it"]) or mentions_time(clause.text):
        return said
    words = without_time(" " + found["it"])[1:]
    first = found.start("it")
    end = min(first + len(words), _end(clause))
    raw = clause.raw[first:end].strip(" .,;。，")
    return raw + _marks(clause) * (end == _end(clause)) if raw else None
