"""The words that the rules of `intents/` look for, in English and Chinese.

Rules ask for the presence of words ("a word for removing, and the background"), not for
sentences, so that word order and politeness do not matter. The words are in `english.ini`,
as whole words, and in `chinese.ini`; a value that begins with "re: " is a regular expression.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from nemovideo._language.tables import Table
from nemovideo.local.agent.message import AUDIO, IMAGE, QUOTE, VIDEO

MARK = "\ue010"
"""Delimits the milliseconds of a time; see `language.mark_times`."""

TABLE = Table(
    Path(__file__).parent,
    english=r"(?<![a-z0-9])(?:{})(?![a-z0-9])",
    symbols={
        "audio": AUDIO,
        "image": IMAGE,
        "quote": QUOTE,
        "video": VIDEO,
        "mark": MARK,
        "time": rf"{MARK}(\d+){MARK}",
    },
)


def has(text: str, *names: str) -> bool:
    """Return whether the text has words of any of these entries."""
    return any(TABLE[name].search(text) for name in names)


pattern: Callable[[str], re.Pattern[str]] = TABLE.__getitem__
source: Callable[[str], str] = TABLE.source
