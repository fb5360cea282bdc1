"""Recognize a request for an export, the credits, the timeline or an upload.

The words are in `english.ini` and `chinese.ini`. A section such as `english.export` lists the only
words that such a request may contain, a pattern that it must match (`key`), and one that it must
not match (`veto`).
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from nemovideo._language.gui.sentences import QUOTED
from nemovideo._language.tables import Table, spaced
from nemovideo._support.patterns import lazy

FILE = "\ue010"
"""Placeholder for a file name in the patterns of `paths`."""
PATTERNS = Table(
    Path(__file__).parent,
    symbols={"quoted": QUOTED, "file": FILE},
    flags=re.IGNORECASE,
    rewrite=spaced,
)
_MAX_CHARS = 300
_CJK = lazy("[\u4e00-\u9fff]")
_MARKS = r".,!?…;:~\-–—/\ufe0f\u200d\u2600-\u27bf\U0001f300-\U0001faff"
_TOKEN = lazy(rf"[a-z0-9']+|[^\s\w{_MARKS}]|[^\W\da-z_]+")
_PUNCTUATION = lazy(rf"[\s{_MARKS}，。！？；：、～（）()]+")


def asks_for(request: str, masked: str) -> bool:
    """Return whether a masked text only asks for "export", "credits", "state" or "upload"."""
    if len(masked) > _MAX_CHARS:
        return False
    text = PATTERNS["enough"].sub("enough credits", masked.lower().strip())
    chinese = _CJK.search(text) is not None
    tokens = _TOKEN.findall(text)
    plain = _PUNCTUATION.sub("", text) if chinese else " ".join(tokens)
    section = f"{'chinese' if chinese else 'english'}.{request}"
    if not PATTERNS[f"{section}.key"].search(plain) or PATTERNS[f"{section}.veto"].search(plain):
        return False
    return (
        _chinese(request).sub("", plain) == "" if chinese else _english(request).issuperset(tokens)
    )


def is_small_talk(text: str) -> bool:
    """Return whether a text asks for nothing: "please", "thanks"."""
    lowered = _PUNCTUATION.sub(" ", text.lower()).strip()
    if _CJK.search(lowered):
        return _chinese("polite").sub("", lowered).strip() == ""
    return _english("polite").issuperset(lowered.split())


@cache
def _english(request: str) -> frozenset[str]:
    return frozenset(
        PATTERNS.words("english.polite.words") + PATTERNS.words(f"english.{request}.words")
    )


@cache
def _chinese(request: str) -> re.Pattern[str]:
    """Return a pattern of the words, the longest first."""
    words = PATTERNS.words("chinese.polite.words") + PATTERNS.words(f"chinese.{request}.words")
    return re.compile("|".join(sorted(set(words), key=len, reverse=True)))
