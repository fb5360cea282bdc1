"""Find the words that a title shows: in quotation marks, or after "saying", "called", 写着."""

from __future__ import annotations

import re

from nemovideo.local.agent.message import Clause
from nemovideo.local.agent.timing import position, says_when, without_when
from nemovideo.local.agent.words import pattern, source

_ENGLISH = ("saying", "colon", "after_noun", "before_noun", "written")
_CHINESE = ("is", "write", "as_title", "add")


def text_of(clause: Clause) -> str | None:
    """Return the words to show, as typed, or None if there are none."""
    if clause.quotes:
        return clause.quotes[-1]
    for name in (*_ENGLISH, *_CHINESE):
        found = pattern(f"title_words.{name}").search(clause.plain)
        if not found:
            continue
        words = without_when(found["it"])
        if name in _CHINESE:
            words = pattern("title_words.chinese_tail").sub("", words)
            words = pattern("title_words.noun_after").sub("", words)
        start = found.start("it")
        shown = clause.raw[start : start + len(words)].strip(" \t\n:：,，。.;；、-")
        if not re.fullmatch(rf"(?:\W|{source('title_words.filler')})*", shown.lower()):
            return " ".join(shown.split())
    return None


def changed_text(clause: Clause) -> str | None:
    """Return the new words of a title, if the clause has any."""
    said = text_of(clause)
    found = pattern("titles.to").search(clause.plain)
    if said is not None or found is None or position(found["it"]) or says_when(clause.text):
        return said
    words = without_when(" " + found["it"])[1:]
    raw = clause.raw[found.start("it") : found.start("it") + len(words)].strip(" .,;!。，")
    return raw or None
