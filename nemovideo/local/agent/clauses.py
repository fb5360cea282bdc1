"""A message taken apart: one clause for each thing that is asked for.

Commas and "and" do not always part two wishes ("remove the background and
replace it with white", "加背景音乐，音量 35%"). So every piece is asked what it
means alone: a piece that means nothing of its own belongs to its neighbor.
"""

from __future__ import annotations

import re

import attrs

from nemovideo._support.patterns import lazy
from nemovideo.local.agent.backdrops import resolves
from nemovideo.local.agent.context import Intent
from nemovideo.local.agent.intents import find_intent
from nemovideo.local.agent.intents.talk import is_negated
from nemovideo.local.agent.message import QUOTE, VIDEO, Clause, Message
from nemovideo.local.agent.places import BIGGER, SMALLER
from nemovideo.local.agent.timing import position, says_when
from nemovideo.local.agent.words import (
    ADD,
    BACKGROUND,
    LESS,
    MAKE,
    MORE,
    MUSIC,
    REMOVE,
    REPLACE,
    SOUND,
    either,
    has,
)

_GUARDED = lazy(
    r"\bin (?:and|&) (?:fade )?out\b|"
    r"(?:start|begin)\w* [^,.;]{1,30}? and (?=(?:end|stop|finish))|black (?:and|&|n) white|"
    r"b ?& ?w|黑和白|\band a half\b|\b(?:rgb|hsl)a?\([^()]*\)"
    r"|between [^,.;]{1,30}? and|(?<!\d)\d+ ?(?:m|min|minutes?) and \d|more and more|over and over|"
    r"(?<=\d),(?=\d)|a\.m\.|p\.m\.|e\.g\.|i\.e\."
)
_SEPARATOR = lazy(
    r"[。;；!！?？\n]+|[.,、，](?=\s|$|[^\w\s])|(?<=[^\x00-\x7f])[.,]|,(?=[^\d\s])|、"
    r"|(?<![a-z])(?:and then|and also|as well as|along with|together with|after that|afterwards|"
    r"and|then|also|plus|but|next"
    r"(?! \w+ second)|finally|while you're at it|&)(?![a-z])|\s\+\s"
    r"|然后|接着|接下来|随后|并且|而且|同时|另外|还有|顺便|以及|"
    r"最后(?![\d一二两三四五六七八九十几半1个张段的])|但是?|不过|再(?=[加把给调剪去换设配来放将做])"
    r"|并(?=[^不列])|(?<![暖柔温缓])和(?!谐|平)|还要|也要?(?=[加把给调剪去换设配])|与|跟(?=背|音|"
    r"标|字)"
)
_LIST = lazy(r"^\W*(?:and|and also|also|as well as|和|以及|与|、|,|&|plus|跟)?\W*$")
_COMMENT = lazy(
    r"^\W*(?:it'?s|it is|this is|that'?s|because|since|as it|the (?:video|clip|background) (?:is|"
    r"was|looks)|i'?m|i am|i was|i look|he|she|"
    r"they|we'?re|so that|so it|for my|if possible|if you can|thank|please|因为|这是|它是|这样|"
    r"方便|谢|麻烦|拜托|我在|我是|好吗|可以吗|行吗)"
)
_COMMAND = lazy(
    r"^\W*(?:(?:please|can you|could you|would you|i want to|i want you to|i'd like to|i want|"
    r"i need|just|let's|also|now|kindly|to|you|"
    r"请|帮我|给我|麻烦|再|也|把|将|我想|我要|让|给|对)\s*)*"
    r"(?:add|apply|insert|make|create|generate|put|change|turn|set|use|show|give|rotate|crop|"
    r"zoom|flip|stabili[sz]e|translate|write|"
    r"replace|convert|increase|reduce|fix|improve|enhance|sharpen|upscale|remove|delete|animate|"
    r"detect|track|draw|mirror|reverse|loop|"
    r"freeze|split|record|transcribe|dub|fade|resize|clean|smooth|beautify|retouch|send|email|"
    r"post|publish|share|"
    r"加|添|插|做|旋转|翻转|缩放|放大|稳定|翻译|写|换|转|改|变|调|修|美|锐化|去|删|生成|制作|画|"
    r"倒放|循环|分享|发布|发送|导入|镜像|磨皮|瘦)"
)
_PRONOUN = lazy(
    r"(?<![a-z])(?:replac|swap|chang|switch|turn|mak|set|fill|put|blur|us|add|insert|plac)(?:e|"
    r"es|ing|s|ting)?(?![a-z])"
    r"|^\W*(?:换|改|变|替换|用|设|弄|加上?|放)"
)
_THERE = either(
    "instead|there|behind|its place|place of it|with|as the (?:background|backdrop)",
    "换|改成|变成|代替|替换|后面",
)
_TRIM = either(r"trim\w*|cut\w*|crop\w*|keep\w*", "剪|裁|截|保留")
_LEAD = lazy(f"{REMOVE}|{_TRIM}|{REPLACE}|{ADD}|{MAKE}|{MORE}|{LESS}")

_MAX_CLAUSE_CHARS = 600
"""A clause that has grown to this length takes no more pieces: each makes it be read again."""


@attrs.frozen
class Wanted:
    """A clause and the intent that it has; None where nothing understands it."""

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


def split(message: Message) -> list[Wanted]:
    """Return what the message asks for, in its order; talk is left out where there is more."""
    whole = message.whole
    drafts: list[_Draft] = []
    waiting: _Piece | None = None
    for piece in _pieces(whole.text):
        clause = message.clause(piece.start, piece.end)
        intent = find_intent(clause)
        last = drafts[-1] if drafts else None
        lead = ""
        if intent is None and last and last.intent and _LIST.match(piece.separator):
            lead = _inherited(message, last, clause)
            intent = (
                find_intent(message.clause(piece.start, piece.end, lead=lead)) if lead else None
            )
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
        elif intent or (last and _COMMAND.match(clause.text)) or (last and is_negated(clause)):
            drafts.append(_Draft(piece.start, piece.end, lead, intent))
        elif not last:
            start = waiting.start if waiting else piece.start
            waiting = _Piece(start, piece.end, piece.separator)
    if not drafts:
        return [Wanted(whole, find_intent(whole))] if whole.text.strip() else []
    found = [Wanted(message.clause(d.start, d.end, lead=d.lead), d.intent) for d in drafts]
    acting = [w for w in found if w.intent is None or w.intent.family != "talk"]
    serious = [
        w for w in found if w in acting or (w.intent and w.intent.name in ("export", "explain"))
    ]
    return serious if acting else found


def _pieces(text: str) -> list[_Piece]:
    guarded = _GUARDED.sub(lambda found: "\ue020" * len(found[0]), text)
    pieces: list[_Piece] = []
    start, separator = 0, ""
    for found in _SEPARATOR.finditer(guarded):
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
    """Return the verb that a bare "… and the music" takes from the clause before it."""
    before = message.clause(last.start, last.end, lead=last.lead)
    is_open_text = last.intent is not None and last.intent.name == "add_title" and not before.quotes
    if is_open_text or _LEAD.search(clause.text.replace(" with ", " ")) or len(clause.text) > 60:
        return ""
    found = _LEAD.search(before.text)
    return found[0].strip() if found else ""


def _front(message: Message, waiting: _Piece, piece: _Piece, intent: Intent) -> list[_Draft]:
    """Decide what a beginning means that meant nothing alone: "in the first 2 seconds, …"."""
    front = message.clause(waiting.start, waiting.end)
    both = message.clause(waiting.start, piece.end)
    timed = says_when(front.text) or position(front.text)
    if intent.family in ("title", "music", "create") and (timed or front.quotes):
        return [_Draft(waiting.start, piece.end, "", find_intent(both) or intent)]
    if _LIST.match(piece.separator) and len(front.text) <= 24:
        verb = _LEAD.search(message.clause(piece.start, piece.end).text)
        own = (
            find_intent(message.clause(waiting.start, waiting.end, lead=verb[0].strip()))
            if verb
            else None
        )
        if own and verb and own.family in ("title", "music", "background", "look"):
            return [_Draft(waiting.start, waiting.end, verb[0].strip(), own)]
    if front.files and intent.family != "talk":
        return [_Draft(waiting.start, piece.end, "", find_intent(both) or intent)]
    if _COMMAND.match(front.text):
        return [_Draft(waiting.start, waiting.end, "", None)]
    return []


def _again(merged: Clause, last: _Draft) -> Intent | None:
    """Return the intent of a clause that has grown: of the same family, or the one it had."""
    intent = find_intent(merged)
    return intent if intent and last.intent and intent.family == last.intent.family else last.intent


def _belongs(message: Message, last: _Draft, clause: Clause, intent: Intent | None) -> bool:
    """Return whether a piece only goes on with the clause before it."""
    if last.intent is None:
        return intent is None and not _COMMAND.match(clause.text)
    family = last.intent.family
    text = clause.text
    before = message.clause(last.start, last.end, lead=last.lead)
    if family == "frame" and has(either(r"crop\w*|cut\w*", "裁"), text) and is_negated(clause):
        return True  # "make it 9:16, don't crop"
    if is_negated(clause):
        return False
    if intent is None:
        return _goes_on(family, clause)
    if family == "background" and intent.name == "keep" and VIDEO in before.text:
        return has(SOUND, text)  # "… with waves.mp4 and keep its sound"
    if family == "talk" or intent.family == "talk":
        return False
    if family == intent.family:
        match family:
            case "background":
                return intent.name == last.intent.name
            case "title":
                return not before.quotes and bool(clause.quotes) and intent.name != "remove_title"
            case "music":
                return intent.name == "music_volume"
            case "look":
                return not _LEAD.search(text) or not _LEAD.search(before.text)
            case "create":
                return True
            case "trim":
                ends = re.match(r"\W*(?:end|stop|finish|到|在)", text)
                return ends is not None and has(
                    either(r"start\w*|begin\w*", "开始|起"), before.text
                )
            case _:
                return False
    if family == "music" and intent.family == "sound":
        return not has(either("original|video|clip|voice|mute\\w*", "原声|视频|人声|静音"), text)
    if family in ("title", "music") and intent.family == "trim":
        return not _COMMAND.match(text) and not has(REMOVE, text)
    if family == "title" and intent.family == "background":
        return not _COMMAND.match(text) and not has(BACKGROUND, text)  # "smaller and blue"
    if family == "logo" and intent.family == "background":
        return not _COMMAND.match(text) and not has(BACKGROUND, text)  # "…, semi-transparent"
    if family == "create" and intent.family == "title":
        return not before.quotes and bool(clause.quotes)
    if family == "background" and intent.family == "clips":
        return resolves(clause)
    return (
        family == "create"
        and intent.family == "trim"
        and has(either("long|seconds|each", "秒|长"), text)
    )


def _goes_on(family: str, clause: Clause) -> bool:
    text = clause.text
    if family == "talk" or (_COMMENT.match(text) and family != "title"):
        return False
    if family == "background":
        if not _COMMAND.match(text):
            return True
        return _PRONOUN.search(text) is not None and (has(_THERE, text) or resolves(clause))
    if family in ("title", "music", "create"):
        told_how = says_when(text) or position(text) or QUOTE in text
        if family == "title":
            told_how = told_how or has(f"{BIGGER}|{SMALLER}", text)
        if family == "create" and has(MUSIC, text):
            return True
        return bool(told_how) or not _COMMAND.match(text)
    return not _COMMAND.match(text)
