"""Split a message into clauses, one for each request.

Commas and "and" do not always separate two requests ("remove the background and replace it with
white", "加背景音乐，音量 35%"). So each piece is matched alone, and a piece without an intent is
merged with its neighbor.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import attrs

from nemovideo.local.agent.backdrops import find_target, resolves
from nemovideo.local.agent.context import Intent
from nemovideo.local.agent.intents import find_intent
from nemovideo.local.agent.intents.shape import rate_and_size
from nemovideo.local.agent.intents.talk import is_negated
from nemovideo.local.agent.leftovers import asks_for_something, is_remark
from nemovideo.local.agent.message import QUOTE, VIDEO, Clause, Message
from nemovideo.local.agent.referents import NOTHING, Referents, resolve_pronoun
from nemovideo.local.agent.timing import mentions_time, position
from nemovideo.local.agent.title_words import text_of
from nemovideo.local.agent.words import has, pattern

_MAX_CLAUSE_CHARS = 600
"""Longer clauses are not extended: each extension matches the whole clause again."""


@attrs.frozen
class Request:
    """A clause and its intent, or None if no intent matches.

    Attributes:
        vague: Whether it may be small talk, if the message has no edit.
    """

    clause: Clause
    intent: Intent | None
    vague: bool = False


def split(message: Message, known: Referents = NOTHING) -> list[Request]:
    """Return the requests of a message in order; small talk counts only if there are no others.

    A piece that is neither understood nor a remark is a request without an intent. `known` is
    what "it" can refer to.
    """
    found: list[Request] = []
    pending: Clause | None = None
    in_remark = False
    for separator, clause in _pieces(message):
        prefixed, intent = clause, find_intent(clause)
        last = found[-1] if found else None
        new = has(separator, "clauses.sentence_end")
        in_remark = intent is None and (
            (in_remark and not new and _is_vague(separator, clause))
            or ((new or not last) and _is_remark(clause, last))
        )
        if in_remark:
            continue
        if intent is None and last and last.intent and has(separator, "clauses.list") and not new:
            prefixed, intent = _with_verb(
                message, clause, _inherited(last.clause, last.intent, clause)
            )
        elif last and last.intent and last.intent.name == "fade_title" and _continues_fade(clause):
            prefixed, intent = _with_verb(message, clause, _lead(last.clause))
        if pending and intent:
            requests = _leading_requests(message, pending, separator, clause, intent)
            found += requests
            pending = None
            if requests and requests[-1].clause.end == clause.end:
                continue
            last = found[-1] if found else None
        merged_chars = clause.end - last.clause.start if last else 0
        merged = None
        if last and merged_chars <= _MAX_CLAUSE_CHARS and _belongs(last, clause, intent):
            merged = message.clause(last.clause.start, clause.end, lead=last.clause.lead)
        if last and merged and not (new and intent is None and _stands_alone(last, clause, merged)):
            found[-1] = Request(merged, _merged_intent(merged, last.intent))
            continue
        about = known.after(last.intent if last else None)
        continues = last is not None and (
            "with" in separator or has(clause.text, "framing.fades_on")
        )
        prefixed, intent = resolve_pronoun(message, prefixed, intent, about, continues=continues)
        if intent or (last and (has(clause.text, "clauses.command") or is_negated(clause))):
            found.append(Request(prefixed, intent))
        elif last and asks_for_something(clause.text):
            found.append(Request(clause, None, _is_vague(separator, clause)))
        elif not last:
            pending = message.clause(pending.start if pending else clause.start, clause.end)
    if not any(wanted.intent and wanted.intent.family != "talk" for wanted in found):
        found = [wanted for wanted in found if not wanted.vague]  # "hello, world"
    found = [_with_marks(message, request) for request in found]
    if not found:
        whole = message.whole
        read = resolve_pronoun(message, whole, find_intent(whole), known)
        return [Request(*read)] if whole.text.strip() else []
    acting = [w for w in found if w.intent is None or w.intent.family != "talk"]
    substantive = [
        w
        for w in found
        if w in acting or (w.intent and w.intent.name in ("export", "preview", "explain"))
    ]
    return substantive if acting else found


def _with_marks(message: Message, request: Request) -> Request:
    """Return the request for a title with the "!" or "?" after it, which may be part of it."""
    clause, intent = request.clause, request.intent
    if intent is None or intent.family != "title" or clause.quotes:
        return request
    after = message.whole.plain[clause.end :]
    end = clause.end + len(after) - len(after.lstrip("!?"))
    return Request(message.clause(clause.start, end, lead=clause.lead), intent)


def _pieces(message: Message) -> Iterator[tuple[str, Clause]]:
    """Yield each piece of a message, with the separator before it."""
    text = message.whole.text
    guarded = pattern("clauses.guarded").sub(lambda found: "\ue020" * len(found[0]), text)
    correction = pattern("clauses.correction").match(text)  # "no, yellow"
    start, separator = correction.end() if correction else 0, ""
    for found in pattern("clauses.separator").finditer(guarded, start):
        if text[start : found.start()].strip():
            yield separator, message.clause(start, found.start())
            separator = ""
        separator += found[0]
        start = found.end()
    if text[start:].strip():
        yield separator, message.clause(start, len(text))


def _inherited(before: Clause, intent: Intent, clause: Clause) -> str:
    """Return the verb of the previous clause for a piece without one: "… and the music"."""
    is_open_text = intent.name == "add_title" and not before.quotes
    has_verb = has(clause.text.replace(" with ", " "), "clauses.lead")
    if is_open_text or has_verb or len(clause.text) > 60:
        return ""
    if intent.family == "title" and has(clause.text, "titles.one"):
        return f"{_lead(before)} title"  # "make the first title red and the second one blue"
    return _lead(before)


def _lead(clause: Clause) -> str:
    found = pattern("clauses.lead").search(clause.text)
    return re.sub(r"\s*\d.*", "", found[0]).strip() if found else ""  # "crop 100 px off"


def _with_verb(message: Message, clause: Clause, verb: str) -> tuple[Clause, Intent | None]:
    """Return a piece prefixed with a verb, and its intent; without one, the piece is unchanged."""
    prefixed = message.clause(clause.start, clause.end, lead=verb)
    intent = find_intent(prefixed) if verb else None
    if intent and intent.family == "talk":
        intent = None  # "keep" would match whatever follows it, understood or not
    if intent and intent.name == "fade" and not has(clause.text, "framing.faded"):
        intent = None
    return (prefixed if intent else clause), intent


def _stands_alone(last: Request, clause: Clause, merged: Clause) -> bool:
    """Return whether a sentence without an intent is not about the previous one.

    It may describe the previous background, or say when or where something is shown.
    """
    if last.intent is None or is_negated(clause):
        return False
    text = clause.text
    if last.intent.family == "background":
        target = find_target(last.clause, ())
        replaced = target is not None and find_target(merged, ()) != target
        return replaced or (target is not None and target.unknown is not None)
    if last.intent.family == "title" and not last.clause.quotes:
        return False  # it may be the title's words
    return not (
        has(text, "leftover.detail") or QUOTE in text or position(text) or mentions_time(text)
    )


def _continues_fade(clause: Clause) -> bool:
    """Return whether a piece only names the music: "fade the title in and the music out"."""
    return pattern("framing.continued_fade").fullmatch(clause.text) is not None


def _leading_requests(
    message: Message, first: Clause, separator: str, clause: Clause, intent: Intent
) -> list[Request]:
    """Return the requests of a first piece without an intent: "in the first 2 seconds, …"."""
    both = message.clause(first.start, clause.end)
    timed = mentions_time(first.text) or position(first.text)
    if intent.family in ("title", "music", "create") and (timed or first.quotes):
        return [Request(both, find_intent(both) or intent)]
    if has(separator, "clauses.list") and len(first.text) <= 24:
        prefixed, own = _with_verb(message, first, _lead(clause))
        if own and own.family in ("title", "music", "background", "look"):
            return [Request(prefixed, own)]
    if first.files and intent.family != "talk":
        return [Request(both, find_intent(both) or intent)]
    if has(first.text, "clauses.command"):
        return [Request(first, None)]
    vague = _is_vague(separator, first)
    return [Request(first, None, vague)] if asks_for_something(first.text) else []


def _is_remark(clause: Clause, last: Request | None) -> bool:
    """Return whether a sentence is only a remark ("It looks better."), not the words of a title."""
    if clause.quotes or clause.files or clause.unknown_files:
        return False
    of_title = last is not None and last.intent is not None and last.intent.family == "title"
    return not of_title and is_remark(clause.text)


def _is_vague(separator: str, clause: Clause) -> bool:
    """Return whether a piece may be small talk: "hello, world", but not "hello, miror it"."""
    return not has(separator, "clauses.sentence_end") and not has(clause.text, "leftover.object")


def _merged_intent(merged: Clause, old: Intent | None) -> Intent | None:
    """Return the intent of an extended clause if its subject is the same, else the old intent.

    "Put me in an office, in the corner" places the person, and replaces the background.
    """
    intent = find_intent(merged) if old else None
    if intent is None or old is None:
        return old
    if old.name.startswith("add_") and intent.name.startswith("remove_"):
        return old  # "add a title 'Hi' and hide it after 2 seconds"
    placed = old.name == "edit_background" and intent.name == "place"
    return intent if placed or intent.family == old.family else old


def _belongs(last: Request, clause: Clause, intent: Intent | None) -> bool:
    """Return whether a piece continues the previous clause."""
    if last.intent is None:
        return intent is None and not has(clause.text, "clauses.command")
    family = last.intent.family
    text = clause.text
    before = last.clause
    if family == "frame" and has(text, "clauses.crop") and is_negated(clause):
        return True  # "make it 9:16, don't crop"
    if is_negated(clause):
        return False
    if intent is None:
        return _refines(family, clause)
    if _is_title_text(before, last.intent, clause, intent):
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


def _is_title_text(title: Clause, of: Intent, clause: Clause, intent: Intent) -> bool:
    """Return whether a clause gives the words of the previous title: "…, saying Hello"."""
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
        if mentions_time(text) or position(text) or QUOTE in text or sized or scored:
            return True
    return not has(text, "clauses.command")
