"""Take the talk of buttons and panels out of what the agent says, and keep what it means.

The cloud agent thinks that it speaks to a person in front of an editor
(protocol.md §9). `clean` cuts its instructions for the screen out of an answer,
clause by clause, and returns them as actions; what it says of the video stays.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence

import attrs

from nemovideo import _gui_words as grammar
from nemovideo._gui_sentences import LINK, Line, Sentence, lines
from nemovideo._gui_words import GuiAction, Kind

__all__ = ["GuiAction", "Spoken", "clean"]


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
    """Take the GUI instructions out of an answer, English or Chinese (protocol.md §9).

    Instructions are cut by the clause, so that what else a sentence says stays,
    whole and grammatical; list items and headings that are left empty go too.
    A text without instructions comes back unchanged, byte for byte. Quoted
    words, code and sentences with a URL are never touched. Takes linear time.
    """
    if not grammar.TRIGGER.search(text):
        return Spoken(text)
    page = lines(text)
    verdicts = {
        sentence.start: _judge(text, sentence) for line in page for sentence in line.sentences
    }
    if not any(verdict.cuts for verdict in verdicts.values()):
        return Spoken(text)
    actions = [action for verdict in verdicts.values() for action in verdict.actions]
    verdicts |= _orphans(text, page, verdicts)
    return Spoken(_rewrite(text, page, verdicts), tuple(dict.fromkeys(actions)))


@attrs.frozen
class _Cut:
    """A piece of the text to be replaced, by nothing or by a few characters."""

    start: int
    end: int
    replacement: str = ""


@attrs.frozen
class _Verdict:
    """What happens to a sentence: nothing, some cuts, or it goes as a whole."""

    cuts: tuple[_Cut, ...] = ()
    actions: tuple[GuiAction, ...] = ()
    gone: bool = False
    loose: bool = False
    """Goes if a neighbour goes: "Choose MP4" between two clicks."""


@attrs.frozen
class _Clause:
    """A clause of a sentence: its boundary mark begins at `mark`, its words at `start`."""

    mark: int
    start: int
    end: int
    kind: Kind
    told: bool = False


_KEEP = _Verdict()
_COLON = re.compile(r"\s*[:：]\s*$")
_BLOCK_LIMIT = 200
_TERMINAL = re.compile(r"\s*[.!?。！？…:：]*[\"'”’」』）)\]\s\ufe0f]*$")
_DEEDS = (Kind.INSTRUCTION, Kind.TAIL)
_ASIDE = re.compile(r"\s*[(（]([^()（）]{1,300})[)）]")
_LEADING_QUESTION = re.compile(
    r"(?!.*(?:\bme\b|\bI\b|我|要不要|还有|还要))(?:ready|want|need|happy|like|satisfied|looks?|looking|all|would you like|do you|not|prefer|how"
    r"|想|不[满喜合]|准备|满意|要|如何|怎么|(?:是否)?需要(?=导出|下载|预览|修改|调整|更改|编辑|保存))[^\n]{0,80}[?？]$",
    re.IGNORECASE,
)
_OFFER = re.compile(r"[，,](?:您|你)?(?:还|是否)?(?:需要|要|好|可以|行)(?:的|么)?[吗么]?[?？]$")
_SCREEN_INTRO = re.compile(
    r"[\W\d]*(?:(?:to|how|next|what's|what you|steps?|then|from here|here's how|here are|follow|you can|in the|if you"
    r"|instructions|when|now|for|options|tips?|quick|export|download|preview|getting|where|using|"
    r"actions?|remaining|finally)\b|[^，。]{0,20}(?:步骤|操作|方法|方式|接下来|下一步|如何|怎么|您可以|你可以|指南|提示|如下|若|如需|想要|后续|导出|下载|预览))",
    re.IGNORECASE,
)
_DANGLING = re.compile(
    r"(?:[\s,，;；]*(?:(?:and|so|but)\s+)?(?:now\s+)?(?:(?:you|here's how you)\s+can(?:\s+\w+){0,3}|(?:please\s+)?follow\s+these\s+steps[^,]{0,40}"
    r"|to\s+(?:export|download|preview|edit)[^,]{0,30}|next\s+steps?|here's\s+(?:how|what)[^,]{0,30})"
    r"|[，,；;]?(?:并且?)?(?:接下来|现在)?(?:您|你)?(?:还|也)?(?:可以|可)(?:进行)?(?:以下|如下)?(?:操作)?)\s*[:：]\s*$",
    re.IGNORECASE,
)


def _judge(text: str, sentence: Sentence) -> _Verdict:
    """Decide which clauses of a sentence are instructions, and how to cut them out."""
    words = sentence.words
    if _ASIDE.fullmatch(words):
        words = f" {words[1:-1]} "
    asides = list(_ASIDE.finditer(words))
    plain = _ASIDE.sub(lambda match: " " * len(match[0]), words)
    body_end = _TERMINAL.search(plain)
    end = body_end.start() if body_end else len(plain)
    clauses = _clauses(plain, end)
    told = [clause for clause in clauses if clause.told]
    if not told and grammar.CHOICE.match(words):
        return _Verdict(loose=True)
    if _OFFER.search(words) or words[end:].strip()[:1] in ("?", "？") and _asks(words, told):
        return _KEEP
    if any(LINK in words[clause.mark : clause.end] for clause in told):
        return _KEEP
    spoken = list(_actions(words, text[sentence.start : sentence.end], clauses))
    if told and len(told) == len(clauses):
        return _Verdict((_Cut(sentence.start, sentence.end),), tuple(spoken), gone=True)
    cuts = [
        _Cut(sentence.start + cut.start, sentence.start + cut.end, cut.replacement)
        for cut in _clause_cuts(words, clauses, end)
    ]
    for aside in asides:
        inner = _clauses(aside[1], len(aside[1]))
        at = sentence.start + aside.start()
        covered = any(cut.start <= at < cut.end for cut in cuts)
        if not covered and inner and all(clause.told for clause in inner):
            cuts.append(_Cut(at, sentence.start + aside.end()))
            spoken += _actions(aside[1], text[at:][aside.start(1) - aside.start() :], inner)
    return _Verdict(tuple(sorted(cuts, key=lambda cut: cut.start)), tuple(spoken))


def _asks(words: str, told: Sequence[_Clause]) -> bool:
    """Whether a sentence with a question mark asks what the person wants: "Export now?"."""
    return all(grammar.is_offer(words, clause.start) for clause in told)


def _actions(words: str, written: str, clauses: Sequence[_Clause]) -> Iterator[GuiAction]:
    """Yield what the instructions mean; one that hangs on another adds to its meaning."""
    told = [clause for clause in clauses if clause.told and clause.kind in _DEEDS]
    spans: list[tuple[int, int]] = []
    for clause in told:
        link = words[clause.mark : clause.start]
        hangs = (clause.kind is Kind.TAIL or not link) and not grammar.CONNECTIVE.match(
            words, clause.start
        )
        if spans and hangs and spans[-1][1] == clause.mark and not link.strip():
            spans[-1] = (spans[-1][0], clause.end)
        else:
            spans.append((clause.start, clause.end))
    meant = [(grammar.action(words[start:end], written[start:end]), start) for start, end in spans]
    for action, start in meant:
        merely_chosen = len(meant) > 1 and grammar.CHOICE.match(words, start)
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
        *((match.start(), match.end()) for match in grammar.BOUNDARY.finditer(words, 0, end)),
    ]
    marks = [mark for mark in marks if mark[1] < end] or [(0, 0)]
    mark, start = marks[0]
    kind, reach = grammar.kind(words, start, end)
    told = False
    for next_mark, next_start in marks[1:]:
        if next_start <= reach:
            continue
        if grammar.CONTENT_LABEL.search(words, max(start, next_mark - 40), next_mark):
            if words[next_mark:next_start].strip() in (":", "："):
                break
        next_kind, next_reach = grammar.kind(words, next_start, end)
        told = told or kind in (Kind.INSTRUCTION, Kind.TAIL)
        if (
            next_kind is Kind.INSTRUCTION
            and not told
            and grammar.is_own_deed(words, next_mark, next_start)
        ):
            next_kind = Kind.OTHER
        if words[next_mark:next_start].isspace() or next_mark == next_start:
            divides = next_kind in (Kind.INSTRUCTION, Kind.TAIL) or (
                next_kind is Kind.TALK and told
            )
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
        if clause.kind is Kind.OPENING and not grammar.FACT.match(words, clause.start):
            waiting.append(clause)
            continue
        if clause.kind is Kind.OTHER:
            told = told and not grammar.is_news(words, clause.mark, clause.start, clause.end)
        else:
            before, told = told, clause.kind in _DEEDS
            if clause.kind is Kind.TAIL and settled and not before:
                settled += waiting
                waiting = []
        settled += [attrs.evolve(each, told=told) for each in (*waiting, clause)]
        waiting = []
    return settled + [attrs.evolve(each, told=told) for each in waiting]


def _clause_cuts(words: str, clauses: Sequence[_Clause], end: int) -> Iterator[_Cut]:
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
            connective = grammar.CONNECTIVE.match(words, begin) if start != begin else None
            fact = grammar.FACT.match(words, begin)
            for skipped in (connective, fact):
                begin = skipped.end() if skipped else begin
            if begin > start:
                yield _Cut(start, begin + 1, words[begin].upper())
        elif begin > start:
            yield _Cut(start, begin)
        kept_any = True
        start = clause.end
    if start < end:
        yield _Cut(start, end)
    mark = words[end:].lstrip()[:1]
    if mark and mark in "?:？：":
        at = words.index(mark, end)
        yield _Cut(at, at + 1, "." if mark in "?:" else "。")


def _orphans(text: str, page: Sequence[Line], verdicts: dict[int, _Verdict]) -> dict[int, _Verdict]:
    """Return what happens to introductions all of whose followers are gone.

    "To export:" and "## Next steps" go with their steps; "The video is ready:"
    stays, with a full stop; and so goes "Ready to download?" before "Click Export."
    """
    changed: dict[int, _Verdict] = {}
    sentences = [sentence for line in page for sentence in line.sentences]

    def gone(sentence: Sentence) -> bool:
        return changed.get(sentence.start, verdicts[sentence.start]).gone

    for order in (sentences, sentences[::-1]):
        for before, sentence in itertools.pairwise(order):
            if (
                verdicts[sentence.start].loose
                and gone(before)
                and abs(before.line - sentence.line) < 2
            ):
                changed[sentence.start] = _Verdict(gone=True)
    for index in range(len(sentences) - 1, -1, -1):
        sentence = sentences[index]
        words = sentence.words.strip()
        line = page[sentence.line]
        if gone(sentence) or index + 1 == len(sentences):
            continue
        follower = sentences[index + 1]
        if (
            _LEADING_QUESTION.match(words.lstrip("".join(c for c in words if not c.isalnum())))
            and gone(follower)
            and follower.line == sentence.line
        ):
            changed[sentence.start] = _Verdict(gone=True)
            continue
        introduces = words.endswith((":", "：")) or line.heading
        if not introduces or not gone(follower):
            continue
        if all(gone(each) for each in _followers(page, sentence)):
            changed[sentence.start] = _end_introduction(text, sentence)
    return changed


def _followers(page: Sequence[Line], sentence: Sentence) -> Iterator[Sentence]:
    """Yield what an introduction introduces: the rest of its line, else the block below."""
    line = page[sentence.line]
    rest = [each for each in line.sentences if each.start > sentence.start]
    if rest:
        yield from rest
        return
    below = itertools.islice(page, sentence.line + 1, sentence.line + 1 + _BLOCK_LIMIT)
    in_list: bool | None = None
    for each in below:
        if each.blank:
            if in_list is False and not line.heading:
                return
            continue
        if in_list is None:
            in_list = each.item
        if each.heading if line.heading else each.item is not in_list:
            return
        yield from each.sentences


def _end_introduction(text: str, sentence: Sentence) -> _Verdict:
    """Drop an introduction whose list is gone, or let it stand as a sentence if it tells news."""
    written = text[sentence.start : sentence.end]
    if written.rstrip()[-1] not in ":：" or _SCREEN_INTRO.match(sentence.words):
        return _Verdict(gone=True)
    match = _DANGLING.search(sentence.words) or _COLON.search(sentence.words)
    if match is None or match.start() == 0:
        return _Verdict(gone=True)
    stop = "。" if match[0].rstrip().endswith("：") else "."
    return _Verdict((_Cut(sentence.start + match.start(), sentence.end, stop),))


def _rewrite(text: str, page: Sequence[Line], verdicts: Mapping[int, _Verdict]) -> str:
    """Return the text without its cuts, and without the empty lines that they would leave."""
    written: list[tuple[str, str]] = []  # the lines and their line ends
    lost = False  # whether lines were dropped since the last one with words
    for line in page:
        end_of_line = text[line.end : line.next]
        if line.blank:
            if not (lost and (not written or not written[-1][0].strip())):
                written.append((text[line.start : line.end], end_of_line))
            continue
        if all(verdicts[sentence.start].gone for sentence in line.sentences):
            lost = True
            continue
        lost = False
        written.append((_rewrite_line(text, line, verdicts), end_of_line))
    if lost:
        while written and not written[-1][0].strip():
            written.pop()
        if written and not text.endswith(("\n", "\r")):
            written[-1] = (written[-1][0], "")
    return "".join(words + end for words, end in written)


def _rewrite_line(text: str, line: Line, verdicts: Mapping[int, _Verdict]) -> str:
    first = line.sentences[0].start
    pieces = [text[line.start : first]]  # the mark of the list item, the indent
    at = first
    for sentence in line.sentences:
        verdict = verdicts[sentence.start]
        if not verdict.gone:
            at = at if len(pieces) > 1 else sentence.start
            for cut in verdict.cuts:
                pieces += [text[at : cut.start], cut.replacement]
                at = cut.end
            pieces.append(text[at : sentence.end])
        at = sentence.end
    return "".join(pieces) + (
        "" if verdicts[line.sentences[-1].start].gone else text[at : line.end]
    )
