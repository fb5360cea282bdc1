"""Remove GUI instructions from the agent's text.

The cloud agent writes for users of a graphical editor (docs/protocol.md §9). `clean` removes its
instructions to use buttons and panels, clause by clause, and returns them as actions.
"""

from __future__ import annotations

import logging

import attrs

from nemovideo._language.gui.cuts import decide
from nemovideo._language.gui.layout import remove_introductions, rewrite
from nemovideo._language.gui.sentences import lines
from nemovideo._language.gui.words import PATTERNS
from nemovideo.models import GuiAction

__all__ = ["CleanedText", "GuiAction", "clean"]

_log = logging.getLogger("nemovideo")


@attrs.frozen
class CleanedText:
    """The agent's text without GUI instructions.

    Attributes:
        text: The remaining text.
        actions: The actions that the instructions asked for, in order, without duplicates.
    """

    text: str
    actions: tuple[GuiAction, ...] = ()


def clean(text: str) -> CleanedText:
    """Remove the GUI instructions from an English or Chinese answer (docs/protocol.md §9).

    Instructions are removed clause by clause, so that the rest of a sentence stays grammatical;
    list items and headings that become empty are removed too. A text without instructions is
    returned unchanged. Quoted words, code and sentences with a URL are never changed. The time is
    linear in the length of the text. If this function itself fails, the text is returned unchanged.
    """
    try:
        return _clean(text)
    except Exception:  # noqa: BLE001 - a bug here must not lose a paid answer
        _log.debug("could not remove GUI instructions", exc_info=True)
        return CleanedText(text)


def _clean(text: str) -> CleanedText:
    if not PATTERNS["trigger"].search(text):
        return CleanedText(text)
    page = lines(text)
    decisions = {
        sentence.start: decide(text, sentence) for line in page for sentence in line.sentences
    }
    if not any(decision.cuts for decision in decisions.values()):
        return CleanedText(text)
    actions = [action for decision in decisions.values() for action in decision.actions]
    decisions |= remove_introductions(text, page, decisions)
    return CleanedText(rewrite(text, page, decisions), tuple(dict.fromkeys(actions)))
