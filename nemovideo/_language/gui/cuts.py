"""Find the GUI instructions in a sentence: the cuts that remove them, and their actions."""

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
    """A span of the text to remove, or to replace with a few characters."""

    start: int
    end: int
    replacement: str = ""


@attrs.frozen
class Decision:
    """What happens to a sentence: it is kept, shortened, or removed."""

    cuts: tuple[Cut, ...] = ()
    actions: tuple[GuiAction, ...] = ()
    removed: bool = False
    optional: bool = False
    """Whether it is removed along with its neighbor: "Choose MP4" between two clicks."""


@attrs.frozen
class _Clause:
    """A clause: its boundary mark starts at `mark`, its words at `start`."""

    mark: int
    start: int
    end: int
    kind: Kind
    instructs: bool = False


_KEEP = Decision()
_MAX_SENTENCE_CHARS = 2000
"""Longer sentences are lists or data, and are kept."""
_INSTRUCTIONS = (Kind.INSTRUCTION, Kind.TAIL)
_STOPS = ".!?。！？…:："
_CLOSERS = " \t\"'”’」』）)]\ufe0f"
_ASIDE = lazy(r"\s{0,4}[(（]([^()（）]{1,300})[)）]")


def decide(text: str, sentence: Sentence) -> Decision:
    """Decide what happens to a sentence: find its instructions and the cuts that remove them."""
    words = sentence.words
    if len(words) > _MAX_SENTENCE_CHARS:
        return _KEEP
    if not PATTERNS["trigger"].search(words) and not PATTERNS["trigger"].search(
        text, sentence.start, sentence.end
    ):
        return Decision(optional=PATTERNS["choice"].match(words) is not None)
    if _ASIDE.fullmatch(words):
        words = f" {words[1:-1]} "
    asides = list(_ASIDE.finditer(words))
    plain = _ASIDE.sub(lambda match: " " * len(match[0]), words)
    closed = plain.rstrip(_CLOSERS)
    end = len(closed.rstrip(_STOPS)) if closed.endswith(tuple(_STOPS)) else len(plain.rstrip())
    clauses = _clauses(plain, end)
    instructions = [clause for clause in clauses if clause.instructs]
    if not instructions and PATTERNS["choice"].match(words):
        return Decision(optional=True)
    if PATTERNS["asks_consent"].search(words) or (
        words[end:].strip()[:1] in ("?", "？")
        and all(PATTERNS["offer"].match(words, clause.start) for clause in instructions)
    ):
        return _KEEP  # a question that asks for consent: "Export now?"
    if any(LINK in words[clause.mark : clause.end] for clause in instructions):
        return _KEEP
    actions = list(_actions(words, text[sentence.start : sentence.end], clauses))
    if instructions and len(instructions) == len(clauses):
        return Decision((Cut(sentence.start, sentence.end),), tuple(actions), removed=True)
    cuts = [
        Cut(sentence.start + cut.start, sentence.start + cut.end, cut.replacement)
        for cut in _clause_cuts(words, clauses, end)
    ]
    for aside in asides:
        inner = _clauses(aside[1], len(aside[1]))
        at = sentence.start + aside.start()
        covered = any(cut.start <= at < cut.end for cut in cuts)
        if not covered and inner and all(clause.instructs for clause in inner):
            cuts.append(Cut(at, sentence.start + aside.end()))
            actions += _actions(
                aside[1], text[at + aside.start(1) - aside.start() : sentence.end], inner
            )
    return Decision(tuple(sorted(cuts, key=lambda cut: cut.start)), tuple(actions))


def _actions(words: str, written: str, clauses: Sequence[_Clause]) -> Iterator[GuiAction]:
    """Yield the actions of the instructions; a dependent clause adds to the previous one."""
    instructions = [
        clause
        for clause in clauses
        if clause.instructs
        and (
            clause.kind in _INSTRUCTIONS
            or PATTERNS["chooses_export"].match(words[clause.start : clause.end])
        )
    ]
    spans: list[tuple[int, int]] = []
    for clause in instructions:
        link = words[clause.mark : clause.start]
        depends = (clause.kind is Kind.TAIL or not link) and not PATTERNS["connective"].match(
            words, clause.start
        )
        if spans and depends and spans[-1][1] == clause.mark and not link.strip():
            spans[-1] = (spans[-1][0], clause.end)
        else:
            spans.append((clause.start, clause.end))
    meant = [(grammar.action(words[start:end], written[start:end]), start) for start, end in spans]
    for action, start in meant:
        only_chooses = len(meant) > 1 and PATTERNS["choice"].match(words, start)
        if action is not None and not (action is GuiAction.CALL_API and only_chooses):
            yield action


def _split(words: str, end: int) -> Iterator[_Clause]:
    """Yield the clauses of a sentence, each classified by its first words.

    A conjunction without a comma only splits before an instruction or a remark of the agent:
    "music and titles" is one clause.
    """
    marks = [
        (0, 0),
        *((match.start(), match.end()) for match in PATTERNS["boundary"].finditer(words, 0, end)),
    ]
    marks = [mark for mark in marks if mark[1] < end] or [(0, 0)]
    mark, start = marks[0]
    kind, reach = grammar.kind(words, start, end)
    instructed = False
    for next_mark, next_start in marks[1:]:
        if next_start <= reach:
            continue
        if grammar.quotes_content(words, start, next_mark, next_start):
            break
        next_kind, next_reach = grammar.kind(words, next_start, end)
        instructed = instructed or kind in _INSTRUCTIONS
        if (
            next_kind is Kind.INSTRUCTION
            and not instructed
            and grammar.is_own_action(words, next_mark, next_start)
        ):
            next_kind = Kind.OTHER
        if words[next_mark:next_start].isspace() or next_mark == next_start:
            divides = next_kind in _INSTRUCTIONS or (next_kind is Kind.TALK and instructed)
            if not divides:
                continue
        yield _Clause(mark, start, next_mark, kind)
        mark, start, kind, reach = next_mark, next_start, next_kind, next_reach
    yield _Clause(mark, start, end, kind)


def _clauses(words: str, end: int) -> list[_Clause]:
    """Split a masked sentence into clauses, and mark those that are instructions.

    An opening is an instruction if the clause after it is one.
    """
    marked: list[_Clause] = []
    openings: list[_Clause] = []
    removing = False
    for clause in _split(words, end):
        if clause.kind is Kind.OPENING and not PATTERNS["fact"].match(words, clause.start):
            openings.append(clause)
            continue
        if clause.kind is Kind.OTHER:
            removing = removing and (
                not _says_anything(words, clause)
                or not grammar.is_statement(words, clause.mark, clause.start, clause.end)
            )
        else:
            before, removing = removing, clause.kind in _INSTRUCTIONS
            if clause.kind is Kind.TAIL and marked and not before:
                marked += openings
                openings = []
        marked += [attrs.evolve(each, instructs=removing) for each in (*openings, clause)]
        openings = []
    return marked + [attrs.evolve(each, instructs=removing) for each in openings]


def _says_anything(words: str, clause: _Clause) -> bool:
    """Return whether a clause has words after its connective; an answer can end with "— and"."""
    link = PATTERNS["connective"].match(words, clause.start, clause.end)
    return bool(words[link.end() if link else clause.start : clause.end].strip())


def _clause_cuts(words: str, clauses: Sequence[_Clause], end: int) -> Iterator[Cut]:
    """Yield the cuts that remove instructions from a sentence that keeps other clauses."""
    if not any(clause.instructs for clause in clauses):
        return
    start = 0
    kept_any = False
    for clause in clauses:
        if clause.instructs:
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
    if start < end:  # the last clause is removed, so its colon or question mark is replaced
        yield Cut(start, end)
        mark = words[end:].lstrip()[:1]
        if mark and mark in "?:？：":
            at = words.index(mark, end)
            yield Cut(at, at + 1, "." if mark in "?:" else "。")
