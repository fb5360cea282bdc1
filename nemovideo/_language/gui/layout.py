"""What becomes of the lines around what was cut: introductions, empty items, blank lines."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

from nemovideo._language.gui.cuts import Cut, Verdict
from nemovideo._language.gui.sentences import Line, Sentence
from nemovideo._language.gui.words import PATTERNS
from nemovideo._support.patterns import lazy

_COLON = lazy(r"\s{0,4}[:：]\s{0,4}$")
_BLOCK_LIMIT = 200
_INTRO_LENGTH = 120


def orphans(text: str, page: Sequence[Line], verdicts: dict[int, Verdict]) -> dict[int, Verdict]:
    """Return what happens to introductions all of whose followers are gone.

    "To export:" and "## Next steps" go with their steps; "The video is ready:"
    stays, with a full stop; and so goes "Ready to download?" before "Click Export."
    """
    changed: dict[int, Verdict] = {}
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
                changed[sentence.start] = Verdict(gone=True)
    for index in range(len(sentences) - 1, -1, -1):
        sentence = sentences[index]
        words = sentence.words.strip()
        line = page[sentence.line]
        if gone(sentence) or index + 1 == len(sentences):
            continue
        follower = sentences[index + 1]
        if (
            PATTERNS["leading_question"].match(
                words.lstrip("".join(c for c in words if not c.isalnum()))
            )
            and gone(follower)
            and follower.line == sentence.line
        ):
            changed[sentence.start] = Verdict(gone=True)
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


def _end_introduction(text: str, sentence: Sentence) -> Verdict:
    """Drop an introduction whose list is gone, or let it stand as a sentence if it tells news."""
    written = text[sentence.start : sentence.end]
    if written.rstrip()[-1] not in ":：" or PATTERNS["screen_intro"].match(sentence.words):
        return Verdict(gone=True)
    last = max(0, len(sentence.words) - _INTRO_LENGTH)
    match = PATTERNS["dangling"].search(sentence.words, last) or _COLON.search(sentence.words, last)
    if match is None or match.start() == 0:
        return Verdict(gone=True)
    stop = "。" if match[0].rstrip().endswith("：") else "."
    return Verdict((Cut(sentence.start + match.start(), sentence.end, stop),))


def rewrite(text: str, page: Sequence[Line], verdicts: Mapping[int, Verdict]) -> str:
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


def _rewrite_line(text: str, line: Line, verdicts: Mapping[int, Verdict]) -> str:
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
