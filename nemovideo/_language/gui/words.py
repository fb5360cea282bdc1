"""How GUI instructions are worded; the patterns are in `english.ini` and `chinese.ini`.

Every pattern is matched against one clause of a masked sentence (`sentences.py`), most of them
at its start: a clause counts if it *tells the user to do* something on a screen, not if it only
contains a word such as "click". Quantifiers over free text are bounded, so that the time is linear.
"""

from __future__ import annotations

import enum
import re
from pathlib import Path

from nemovideo._language.gui.sentences import LINK, QUOTATION, QUOTED
from nemovideo._language.tables import Table, spaced
from nemovideo._support.patterns import lazy
from nemovideo.models import GuiAction

PATTERNS = Table(
    Path(__file__).parent,
    symbols={"link": LINK, "quoted": QUOTED, "quotation": QUOTATION},
    flags=re.IGNORECASE,
    rewrite=spaced,
)


class Kind(enum.Enum):
    """The kind of a clause, determined by its first words."""

    INSTRUCTION = "instruction"
    TAIL = "tail"
    """A phrase that depends on the clause before it: "by clicking Export"."""
    OPENING = "opening"
    """Depends on the clause after it: "When you are ready, …", "Choose MP4, …"."""
    TALK = "talk"
    """The agent speaks about itself or to the user: "I also …", "let me know …"."""
    OTHER = "other"


_MAX_CHARS = 400
"""Only this many characters of a clause are examined."""
_NO_WORDS = lazy(rf"[^\w{QUOTED}{LINK}]{{60}}")


def kind(words: str, start: int, end: int) -> tuple[Kind, int]:
    """Classify the clause that starts at `start`, in a sentence that ends at `end`.

    Returns:
        Its kind, and the offset where the words that determine it end; a boundary before that
        offset does not start another clause.
    """
    if _NO_WORDS.match(words, start):
        return Kind.OTHER, start
    clause = words[start : min(end, start + _MAX_CHARS)]
    if not _is(clause, "not_an_instruction", "chinese.noun_context"):
        for found, name in ((Kind.TAIL, "tail"), (Kind.INSTRUCTION, "instruction")):
            if match := PATTERNS[name].match(clause):
                return found, start + match.end()
    if _is(clause, "talk"):
        return Kind.TALK, start
    if _is(clause, "statement_first"):
        return Kind.OTHER, start
    if _is(clause, "opening", "chinese.opening_clause"):
        return Kind.OPENING, start
    return Kind.OTHER, start


def _is(clause: str, *names: str) -> bool:
    return any(PATTERNS[name].match(clause) for name in names)


def _has(text: str, name: str) -> bool:
    return PATTERNS[name].search(text) is not None


def quotes_content(words: str, start: int, mark: int, after: int) -> bool:
    """Return whether a colon introduces the words of a title or a scene: "Title: Click here"."""
    return words[mark:after].strip() in (":", "：") and _has(
        words[max(start, mark - 40) : mark], "content_label"
    )


def is_own_action(words: str, mark: int, start: int) -> bool:
    """Return whether the verb after a conjunction is an action of someone other than the user.

    The agent itself acts in "I'll add music and export the video"; "how to open the app and
    click the icon" is the subject of a video.
    """
    before = words[max(0, mark - _MAX_CHARS) : mark]
    if _has(before, "chinese.own_action"):
        return not PATTERNS["chinese.addressed"].match(words, start)
    if not PATTERNS["bare"].match(words, start):
        return False
    return _has(before, "own_action") or (
        words[mark:start].isspace() and _has(before, "others_act")
    )


def is_statement(words: str, mark: int, start: int, end: int) -> bool:
    """Return whether a clause after an instruction reports a fact, not what will happen next."""
    clause = words[start : min(end, start + _MAX_CHARS)]
    if _has(clause, "future"):
        return False
    return _has(words[mark:start], "hard_break") or _has(clause, "finite")


_VERBS = (
    ("means_click", GuiAction.CALL_API),
    ("means_drag", GuiAction.EDIT),
    ("means_open", GuiAction.SHOW_STATE),
)


def action(words: str, raw: str) -> GuiAction | None:
    """Return the action that an instruction means, if any (docs/protocol.md §9).

    `raw` is the clause as it was written, since the names of buttons are often quoted.
    """
    raw = PATTERNS["before_export"].sub("", raw)
    if _has(words, "means_drag") and _has(words, "drags"):
        return GuiAction.EDIT
    if _has(raw, "means_credits"):
        return GuiAction.CREDITS
    if _has(raw, "means_export"):
        return GuiAction.EXPORT
    if _has(raw, "means_summary") and not _is(words, "opens_first"):
        return GuiAction.SUMMARY
    if _has(words, "place_only"):
        return None
    verbs = [
        (match.start(), found) for name, found in _VERBS if (match := PATTERNS[name].search(words))
    ]
    return min(verbs, key=lambda verb: verb[0])[1] if verbs else GuiAction.CALL_API
