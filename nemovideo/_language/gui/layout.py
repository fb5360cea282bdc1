"""Remove what the cuts leave behind: introductions without steps, empty items, blank lines."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

from nemovideo._language.gui.cuts import Cut, Decision
from nemovideo._language.gui.sentences import Line, Sentence
from nemovideo._language.gui.words import PATTERNS
from nemovideo._support.patterns import lazy

_COLON = lazy(r"\s{0,4}[:：]\s{0,4}$")
_BLOCK_LIMIT = 200
_INTRO_LENGTH = 120


def remove_introductions(
    text: str, page: Sequence[Line], decisions: dict[int, Decision]
) -> dict[int, Decision]:
    """Return the decisions that change because other sentences are removed.

    "To export:" and "## Next steps" are removed with their steps, "Ready to download?" with
    "Click Export.". "The video is ready:" stays, and ends in a period.
    """
    changed: dict[int, Decision] = {}
    sentences = [sentence for line in page for sentence in line.sentences]

    def removed(sentence: Sentence) -> bool:
        return changed.get(sentence.start, decisions[sentence.start]).removed

    for order in (sentences, sentences[::-1]):
        for before, sentence in itertools.pairwise(order):
            if (
                decisions[sentence.start].optional
                and removed(before)
                and abs(before.line - sentence.line) < 2
            ):
                changed[sentence.start] = Decision(removed=True)
    for index in range(len(sentences) - 1, -1, -1):
        sentence = sentences[index]
        words = sentence.words.strip()
        line = page[sentence.line]
        if removed(sentence) or index + 1 == len(sentences):
            continue
        follower = sentences[index + 1]
        if (
            PATTERNS["leading_question"].match(
                words.lstrip("".join(c for c in words if not c.isalnum()))
            )
            and removed(follower)
            and follower.line == sentence.line
        ):
            changed[sentence.start] = Decision(removed=True)
            continue
        introduces = words.endswith((":", "：")) or line.heading
        if not introduces or not removed(follower):
            continue
        if all(removed(each) for each in _followers(page, sentence)):
            changed[sentence.start] = _end_introduction(text, sentence)
    return changed


def _followers(page: Sequence[Line], sentence: Sentence) -> Iterator[Sentence]:
    """Yield the sentences after an introduction: those on its line, else in the block below."""
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


def _end_introduction(text: str, sentence: Sentence) -> Decision:
    """Remove an introduction without a list, or end it as a sentence if it reports something."""
    written = text[sentence.start : sentence.end]
    if written.rstrip()[-1] not in ":：" or PATTERNS["screen_intro"].match(sentence.words):
        return Decision(removed=True)
    last = max(0, len(sentence.words) - _INTRO_LENGTH)
    match = PATTERNS["dangling"].search(sentence.words, last) or _COLON.search(sentence.words, last)
    if match is None or match.start() == 0:
        return Decision(removed=True)
    stop = "。" if match[0].rstrip().endswith("：") else "."
    return Decision((Cut(sentence.start + match.start(), sentence.end, stop),))


def rewrite(text: str, page: Sequence[Line], decisions: Mapping[int, Decision]) -> str:
    """Return the text without its cuts and the empty lines that they leave."""
    written: list[tuple[str, str]] = []  # the lines and their line ends
    dropped = False  # whether lines were removed since the last one with words
    for line in page:
        end_of_line = text[line.end : line.next]
        if line.blank:
            if not (dropped and (not written or not written[-1][0].strip())):
                written.append((text[line.start : line.end], end_of_line))
            continue
        if all(decisions[sentence.start].removed for sentence in line.sentences):
            dropped = True
            continue
        dropped = False
        written.append((_rewrite_line(text, line, decisions), end_of_line))
    if dropped:
        while written and not written[-1][0].strip():
            written.pop()
        if written and not text.endswith(("\n", "\r")):
            written[-1] = (written[-1][0], "")
    return "".join(words + end for words, end in written)


def _rewrite_line(text: str, line: Line, decisions: Mapping[int, Decision]) -> str:
    first = line.sentences[0].start
    pieces = [text[line.start : first]]  # the mark of the list item, the indent
    at = first
    for sentence in line.sentences:
        decision = decisions[sentence.start]
        if not decision.removed:
            at = at if len(pieces) > 1 else sentence.start
            for cut in decision.cuts:
                pieces += [text[at : cut.start], cut.replacement]
                at = cut.end
            pieces.append(text[at : sentence.end])
        at = sentence.end
    return "".join(pieces) + (
        "" if decisions[line.sentences[-1].start].removed else text[at : line.end]
    )
