"""Cut the instructions for the screen out of one sentence, and say what they mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from nemovideo._language.gui import words as grammar
from nemovideo._language.gui.sentences import LINK, Sentence
from nemovideo._language.gui.words import PATTERNS, Kind
from nemovideo._support.patterns import lazy
from nemovideo.models import GuiAction


@attrs.frozen
class Cut:
    """A piece of the text to be replaced, by nothing or by a few characters."""

    start: int
    end: int
    replacement: str = ""


@attrs.frozen
class Verdict:
    """What happens to a sentence: nothing, some cuts, or it goes as a whole."""

    cuts: tuple[Cut, ...] = ()
    actions: tuple[GuiAction, ...] = ()
    gone: bool = False
    loose: bool = False
    """Goes if a neighbor goes: "Choose MP4" between two clicks."""


@attrs.frozen
class _Clause:
    """A clause of a sentence: its boundary mark begins at `mark`, its words at `start`."""

    mark: int
    start: int
    end: int
    kind: Kind
    told: bool = False


_KEEP = Verdict()
_MAX_SENTENCE_CHARS = 2000
"""Longer sentences are kept as they are: they are lists or data, not instructions."""
_DEEDS = (Kind.INSTRUCTION, Kind.TAIL)
_STOPS = ".!?。！？…:："
_CLOSERS = " \t\"'”’」』）)]\ufe0f"
_ASIDE = lazy(r"\s{0,4}[(（]([^()（）]{1,300})[)）]")


def judge(text: str, sentence: Sentence) -> Verdict:
    """Decide which clauses of a sentence are instructions, and how to cut them out."""
    words = sentence.words
    if len(words) > _MAX_SENTENCE_CHARS:
        return _KEEP
    if not PATTERNS["trigger"].search(words) and not PATTERNS["trigger"].search(
        text, sentence.start, sentence.end
    ):
        return Verdict(loose=PATTERNS["choice"].match(words) is not None)
    if _ASIDE.fullmatch(words):
        words = f" {words[1:-1]} "
    asides = list(_ASIDE.finditer(words))
    plain = _ASIDE.sub(lambda match: " " * len(match[0]), words)
    closed = plain.rstrip(_CLOSERS)
    end = len(closed.rstrip(_STOPS)) if closed.endswith(tuple(_STOPS)) else len(plain.rstrip())
    clauses = _clauses(plain, end)
    told = [clause for clause in clauses if clause.told]
    if not told and PATTERNS["choice"].match(words):
        return Verdict(loose=True)
    if PATTERNS["asks_consent"].search(words) or (
        words[end:].strip()[:1] in ("?", "？") and _asks(words, told)
    ):
        return _KEEP
    if any(LINK in words[clause.mark : clause.end] for clause in told):
        return _KEEP
    spoken = list(_actions(words, text[sentence.start : sentence.end], clauses))
    if told and len(told) == len(clauses):
        return Verdict((Cut(sentence.start, sentence.end),), tuple(spoken), gone=True)
    cuts = [
        Cut(sentence.start + cut.start, sentence.start + cut.end, cut.replacement)
        for cut in _clause_cuts(words, clauses, end)
    ]
    for aside in asides:
        inner = _clauses(aside[1], len(aside[1]))
        at = sentence.start + aside.start()
        covered = any(cut.start <= at < cut.end for cut in cuts)
        if not covered and inner and all(clause.told for clause in inner):
            cuts.append(Cut(at, sentence.start + aside.end()))
            spoken += _actions(
                aside[1], text[at + aside.start(1) - aside.start() : sentence.end], inner
            )
    return Verdict(tuple(sorted(cuts, key=lambda cut: cut.start)), tuple(spoken))


def _asks(words: str, told: Sequence[_Clause]) -> bool:
    """Whether a sentence with a question mark asks what the person wants: "Export now?"."""
    return all(PATTERNS["offer"].match(words, clause.start) for clause in told)


def _actions(words: str, written: str, clauses: Sequence[_Clause]) -> Iterator[GuiAction]:
    """Yield what the instructions mean; one that hangs on another adds to its meaning."""
    told = [
        clause
        for clause in clauses
        if clause.told
        and (
            clause.kind in _DEEDS
            or PATTERNS["chooses_export"].match(words[clause.start : clause.end])
        )
    ]
    spans: list[tuple[int, int]] = []
    for clause in told:
        link = words[clause.mark : clause.start]
        hangs = (clause.kind is Kind.TAIL or not link) and not PATTERNS["connective"].match(
            words, clause.start
        )
        if spans and hangs and spans[-1][1] == clause.mark and not link.strip():
            spans[-1] = (spans[-1][0], clause.end)
        else:
            spans.append((clause.start, clause.end))
    meant = [(grammar.action(words[start:end], written[start:end]), start) for start, end in spans]
    for action, start in meant:
        merely_chosen = len(meant) > 1 and PATTERNS["choice"].match(words, start)
        if action is not None and not (action is GuiAction.CALL_API and merely_chosen):
            yield action


def _clauses(words: str, end: int) -> list[_Clause]:
    """Take a masked sentence apart, and mark the clauses that are instructions."""
    return _settle(words, list(_split(words, end)))


def _split(words: str, end: int) -> Iterator[_Clause]:
    """Yield the clauses of a sentence, each with what it is by its beginning.

    A conjunction without a comma divides only where an instruction or a remark
    of the agent begins: "music and titles" is one thing.
    """
    marks = [
        (0, 0),
        *((match.start(), match.end()) for match in PATTERNS["boundary"].finditer(words, 0, end)),
    ]
    marks = [mark for mark in marks if mark[1] < end] or [(0, 0)]
    mark, start = marks[0]
    kind, reach = grammar.kind(words, start, end)
    told = False
    for next_mark, next_start in marks[1:]:
        if next_start <= reach:
            continue
        if grammar.quotes_content(words, start, next_mark, next_start):
            break
        next_kind, next_reach = grammar.kind(words, next_start, end)
        told = told or kind in _DEEDS
        if (
            next_kind is Kind.INSTRUCTION
            and not told
            and grammar.is_own_action(words, next_mark, next_start)
        ):
            next_kind = Kind.OTHER
        if words[next_mark:next_start].isspace() or next_mark == next_start:
            divides = next_kind in _DEEDS or (next_kind is Kind.TALK and told)
            if not divides:
                continue
        yield _Clause(mark, start, next_mark, kind)
        mark, start, kind, reach = next_mark, next_start, next_kind, next_reach
    yield _Clause(mark, start, end, kind)


def _settle(words: str, clauses: Sequence[_Clause]) -> list[_Clause]:
    """Decide for each clause whether it goes: an opening goes with what it opens."""
    settled: list[_Clause] = []
    waiting: list[_Clause] = []
    told = False
    for clause in clauses:
        if clause.kind is Kind.OPENING and not PATTERNS["fact"].match(words, clause.start):
            waiting.append(clause)
            continue
        if clause.kind is Kind.OTHER:
            told = told and (
                not _says_anything(words, clause)
                or not grammar.is_news(words, clause.mark, clause.start, clause.end)
            )
        else:
            before, told = told, clause.kind in _DEEDS
            if clause.kind is Kind.TAIL and settled and not before:
                settled += waiting
                waiting = []
        settled += [attrs.evolve(each, told=told) for each in (*waiting, clause)]
        waiting = []
    return settled + [attrs.evolve(each, told=told) for each in waiting]


def _says_anything(words: str, clause: _Clause) -> bool:
    """Whether a clause has words: an answer can break off after "Click Export — and"."""
    link = PATTERNS["connective"].match(words, clause.start, clause.end)
    return bool(words[link.end() if link else clause.start : clause.end].strip())


def _clause_cuts(words: str, clauses: Sequence[_Clause], end: int) -> Iterator[Cut]:
    """Yield the cuts that take the told clauses out of a sentence that keeps others."""
    if not any(clause.told for clause in clauses):
        return
    start = 0
    kept_any = False
    for clause in clauses:
        if clause.told:
            continue
        begin = clause.mark
        if not kept_any:
            begin = clause.start
            connective = PATTERNS["connective"].match(words, begin) if start != begin else None
            fact = PATTERNS["fact"].match(words, begin)
            for skipped in (connective, fact):
                begin = skipped.end() if skipped else begin
            if begin >= clause.end:
                continue
            if begin > start:
                yield Cut(start, begin + 1, words[begin].upper())
        elif begin > start:
            yield Cut(start, begin)
        kept_any = True
        start = clause.end
    if start < end:  # the last clause goes, and a question or an announcement with it
        yield Cut(start, end)
        mark = words[end:].lstrip()[:1]
        if mark and mark in "?:？：":
            at = words.index(mark, end)
            yield Cut(at, at + 1, "." if mark in "?:" else "。")
