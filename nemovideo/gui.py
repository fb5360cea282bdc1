"""Take the talk of buttons and panels out of what the agent says, and keep what it means.

The cloud agent thinks that it speaks to a person in front of an editor
(docs/protocol.md §9). `clean` cuts its instructions for the screen out of an answer,
clause by clause, and returns them as actions; what it says of the video stays.
"""

from __future__ import annotations

import logging

import attrs

from nemovideo._language.gui import words as grammar
from nemovideo._language.gui.cuts import judge
from nemovideo._language.gui.layout import orphans, rewrite
from nemovideo._language.gui.sentences import lines
from nemovideo.models import GuiAction

__all__ = ["GuiAction", "Spoken", "clean"]

_log = logging.getLogger("nemovideo")


@attrs.frozen
class Spoken:
    """What the agent said, ready for a person.

    Attributes:
        text: The words without instructions for the screen.
        actions: What those instructions mean, each once, in the order of their appearance.
    """

    text: str
    actions: tuple[GuiAction, ...] = ()


def clean(text: str) -> Spoken:
    """Remove the GUI instructions from an answer, English or Chinese (docs/protocol.md §9).

    Instructions are cut clause by clause, so that the rest of a sentence stays
    whole and grammatical; list items and headings that are left empty go too.
    A text without instructions comes back unchanged, byte for byte. Quoted
    words, code and sentences with a URL are never touched. Takes linear time.
    Where the cutting itself fails, the text comes back as it was: an answer
    that was paid for is never lost to this.
    """
    try:
        return _clean(text)
    except Exception:  # noqa: BLE001 - whatever it is, the raw answer is worth more
        _log.debug("could not remove GUI instructions", exc_info=True)
        return Spoken(text)


def _clean(text: str) -> Spoken:
    if not grammar.TRIGGER.search(text):
        return Spoken(text)
    page = lines(text)
    verdicts = {
        sentence.start: judge(text, sentence) for line in page for sentence in line.sentences
    }
    if not any(verdict.cuts for verdict in verdicts.values()):
        return Spoken(text)
    actions = [action for verdict in verdicts.values() for action in verdict.actions]
    verdicts |= orphans(text, page, verdicts)
    return Spoken(rewrite(text, page, verdicts), tuple(dict.fromkeys(actions)))
