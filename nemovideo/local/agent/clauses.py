"""Split a message into clauses, one for each request.

Commas and "and" do not always separate two requests ("remove the background and replace it with
white", "加背景音乐，音量 35%"). So each piece is matched alone, and a piece without an intent of
its own is merged with its neighbor.
"""

from __future__ import annotations

import re

import attrs

from nemovideo.local.agent.backdrops import resolves
from nemovideo.local.agent.context import Intent
from nemovideo.local.agent.intents import find_intent
from nemovideo.local.agent.intents.shape import rate_and_size
from nemovideo.local.agent.intents.talk import is_negated
from nemovideo.local.agent.message import QUOTE, VIDEO, Clause, Message
from nemovideo.local.agent.timing import position, says_when
from nemovideo.local.agent.title_words import text_of
from nemovideo.local.agent.words import has, pattern

_MAX_CLAUSE_CHARS = 600
"""Longer clauses are not extended: each extension matches the whole clause again."""


@attrs.frozen
class Request:
    """A clause and its intent, or None if no intent matches."""

    clause: Clause
    intent: Intent | None


@attrs.frozen
class _Piece:
    start: int
    end: int
    separator: str


@attrs.frozen
class _Draft:
    start: int
    end: int
    lead: str
    intent: Intent | None


def split(message: Message) -> list[Request]:
    """Return the requests of a message in order; small talk counts only if there are no others."""
    whole = message.whole
    drafts: list[_Draft] = []
    waiting: _Piece | None = None
    for piece in _pieces(whole.text):
        clause = message.clause(piece.start, piece.end)
        intent = find_intent(clause)
        last = drafts[-1] if drafts else None
        lead = ""
        if intent is None and last and last.intent and has(piece.separator, "clauses.list"):
            lead = _inherited(message, last, clause)
            intent = _with_lead(message, piece, lead)
            lead = lead if intent else ""
        if waiting and intent:
            drafts += _front(message, waiting, piece, intent)
            if drafts and drafts[-1] is not last and drafts[-1].end == piece.end:
                waiting = None
                continue
            waiting = None
            last = drafts[-1] if drafts else None
        grown = piece.end - last.start if last else 0
        if last and grown <= _MAX_CLAUSE_CHARS and _belongs(message, last, clause, intent):
            merged = message.clause(last.start, piece.end, lead=last.lead)
            drafts[-1] = _Draft(last.start, piece.end, last.lead, _again(merged, last))
        elif intent or (last and (has(clause.text, "clauses.command") or is_negated(clause))):
            drafts.append(_Draft(piece.start, piece.end, lead, intent))
        elif not last:
            start = waiting.start if waiting else piece.start
            waiting = _Piece(start, piece.end, piece.separator)
    if not drafts:
        return [Request(whole, find_intent(whole))] if whole.text.strip() else []
    found = [Request(message.clause(d.start, d.end, lead=d.lead), d.intent) for d in drafts]
    acting = [w for w in found if w.intent is None or w.intent.family != "talk"]
    serious = [
        w
        for w in found
        if w in acting or (w.intent and w.intent.name in ("export", "preview", "explain"))
    ]
    return serious if acting else found


def _pieces(text: str) -> list[_Piece]:
    guarded = pattern("clauses.guarded").sub(lambda found: "\ue020" * len(found[0]), text)
    pieces: list[_Piece] = []
    start, separator = 0, ""
    for found in pattern("clauses.separator").finditer(guarded):
        if text[start : found.start()].strip():
            pieces.append(_Piece(start, found.start(), separator))
            separator = found[0]
        else:
            separator += found[0]
        start = found.end()
    if text[start:].strip():
        pieces.append(_Piece(start, len(text), separator))
    return pieces


def _inherited(message: Message, last: _Draft, clause: Clause) -> str:
    """Return the verb of the previous clause for a piece without one: "… and the music"."""
    before = message.clause(last.start, last.end, lead=last.lead)
    is_open_text = last.intent is not None and last.intent.name == "add_title" and not before.quotes
    has_verb = has(clause.text.replace(" with ", " "), "clauses.lead")
    if is_open_text or has_verb or len(clause.text) > 60:
        return ""
    if last.intent is not None and last.intent.family == "title" and has(clause.text, "titles.one"):
        return f"{_lead(before)} title"  # "make the first title red and the second one blue"
    return _lead(before)


def _lead(clause: Clause) -> str:
    found = pattern("clauses.lead").search(clause.text)
    return re.sub(r"\s*\d.*", "", found[0]).strip() if found else ""  # "crop 100 px off"


def _with_lead(message: Message, piece: _Piece, lead: str) -> Intent | None:
    """Return the intent of a piece with a verb put before it, or None."""
    return find_intent(message.clause(piece.start, piece.end, lead=lead)) if lead else None


def _front(message: Message, waiting: _Piece, piece: _Piece, intent: Intent) -> list[_Draft]:
    """Interpret a first piece without an intent: "in the first 2 seconds, …"."""
    front = message.clause(waiting.start, waiting.end)
    both = message.clause(waiting.start, piece.end)
    timed = says_when(front.text) or position(front.text)
    if intent.family in ("title", "music", "create") and (timed or front.quotes):
        return [_Draft(waiting.start, piece.end, "", find_intent(both) or intent)]
    if has(piece.separator, "clauses.list") and len(front.text) <= 24:
        lead = _lead(message.clause(piece.start, piece.end))
        own = _with_lead(message, waiting, lead)
        if own and own.family in ("title", "music", "background", "look"):
            return [_Draft(waiting.start, waiting.end, lead, own)]
    if front.files and intent.family != "talk":
        return [_Draft(waiting.start, piece.end, "", find_intent(both) or intent)]
    if has(front.text, "clauses.command"):
        return [_Draft(waiting.start, waiting.end, "", None)]
    return []


def _again(merged: Clause, last: _Draft) -> Intent | None:
    """Return the intent of an extended clause if its subject is the same, else the old intent.

    "Put me in an office, in the corner" places the person, and replaces the background.
    """
    intent = find_intent(merged)
    if intent is None or last.intent is None:
        return last.intent
    if last.intent.name.startswith("add_") and intent.name.startswith("remove_"):
        return last.intent  # "add a title 'Hi' and hide it after 2 seconds"
    placed = last.intent.name == "edit_background" and intent.name == "place"
    return intent if placed or intent.family == last.intent.family else last.intent


def _belongs(message: Message, last: _Draft, clause: Clause, intent: Intent | None) -> bool:
    """Return whether a piece continues the previous clause."""
    if last.intent is None:
        return intent is None and not has(clause.text, "clauses.command")
    family = last.intent.family
    text = clause.text
    before = message.clause(last.start, last.end, lead=last.lead)
    if family == "frame" and has(text, "clauses.crop") and is_negated(clause):
        return True  # "make it 9:16, don't crop"
    if is_negated(clause):
        return False
    if intent is None:
        return _refines(family, clause)
    if _is_text_of(before, last.intent, clause, intent):
        return True
    if family == "background" and intent.name == "keep" and VIDEO in before.text:
        return has(text, "sound")  # "… with waves.mp4 and keep its sound"
    if family == "talk" or intent.family == "talk":
        return False
    if family == intent.family:
        match family:
            case "frame":
                return rate_and_size(before, clause)
            case "background":
                return intent.name == last.intent.name
            case "title":
                return not before.quotes and bool(clause.quotes) and intent.name != "remove_title"
            case "music":
                return intent.name == "music_volume"
            case "look":
                return not (has(text, "clauses.lead") and has(before.text, "clauses.lead"))
            case "create":
                return True
            case "trim":
                return has(text, "clauses.ends") and has(before.text, "clauses.start")
            case _:
                return False
    if family == "music" and intent.family == "sound":
        return not has(text, "clauses.own_sound")
    if family in ("title", "music") and intent.family == "trim":
        return not has(text, "clauses.command", "remove")
    if family == "logo" and intent.family == "trim":
        return has(text, "clauses.only") and not has(text, "clauses.trim", "video_noun")
    if family in ("title", "logo") and intent.family == "background":
        return not has(text, "clauses.command", "background")  # "smaller and blue", "…, faint"
    if family == "create" and intent.family == "title":
        return not before.quotes and bool(clause.quotes)
    if family == "background" and intent.family == "clips":
        return resolves(clause)
    return family == "create" and intent.family == "trim" and has(text, "clauses.length")


def _is_text_of(title: Clause, of: Intent, clause: Clause, intent: Intent) -> bool:
    """Return whether a clause says what the title before it says: "…, saying Hello"."""
    if of.name != "add_title" or text_of(title) is not None or text_of(clause) is None:
        return False
    said_only = intent.name in ("greet", "welcome") or intent.family == "title"
    return said_only and not has(clause.text, "titles.adding", "remove")


def _refines(family: str, clause: Clause) -> bool:
    text = clause.text
    if family == "talk" or (has(text, "clauses.comment") and family != "title"):
        return False
    if family == "title" and has(text, "titles.one"):
        return False
    if family == "background":
        if not has(text, "clauses.command"):
            return True
        return has(text, "clauses.pronoun") and (has(text, "clauses.there") or resolves(clause))
    if family in ("title", "logo", "music", "create"):
        sized = family in ("title", "logo") and has(text, "places.bigger", "places.smaller")
        scored = family == "create" and has(text, "music")
        if says_when(text) or position(text) or QUOTE in text or sized or scored:
            return True
    return not has(text, "clauses.command")
