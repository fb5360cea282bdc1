"""Split an answer into lines and sentences, and mask its quotations, code and links.

The only Markdown that it recognizes is list items, headings, emphasis and code. Masked text is
replaced with characters that no pattern of `words.py` matches, so that a title "Click here" is not
an instruction.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import attrs

from nemovideo._language.quotations import quotations
from nemovideo._support.patterns import lazy

QUOTED = "\ue000"
"""Masks each character inside quotation marks or inline code."""
CODE = "\ue001"
"""Masks each character of a fenced code block, line ends included."""
LINK = "\ue002"
"""Masks each character of a URL."""

QUOTATION = rf"[\"'“‘「『《【`\[]?{QUOTED}"
"""A pattern for the start of quoted words."""

_FENCE = lazy(r"^[ \t]*(`{3,9}|~{3,9})[^\n]*\n.*?(?:^[ \t]*\1[^\n]*|\Z)", re.DOTALL | re.MULTILINE)
_URL = lazy(r"https?://[^\s<>\"'“”‘’()（）\[\]，。！？；、]+")
_APOSTROPHE = lazy(r"(?<=\w)’(?=\w)")
_EMOJI = "[\u2190-\u21ff\u2300-\u27bf\u2b00-\u2bff\ufe0f\u200d\U0001f300-\U0001faff]"
_POINTERS = "👉👇👆☝➡⬇➜→⏬🔽📥📤💾💡🖱▶"
_HANDS = "👉👇👆📥📤💾💡"
_PREFIX = lazy(
    rf"[ \t]*(?:>[ \t]*)*(?:(?:[-*+•·▪●◦‣]|{_EMOJI}+|\d{{1,3}}[.)]|#{{1,6}}|\[[ xX]\])[ \t]+"
    r"|\d{1,3}[、．][ \t]*|[①-⑳][ \t]*|[（(]\d{1,2}[)）][ \t]*)*"
)
_LIST_MARK = lazy(
    r"[ \t]*(?:>[ \t]*)*(?:[-*+•·▪●◦‣][ \t]|\d{1,3}(?:[.)][ \t]|[、．])|[①-⑳]|[（(]\d)"
)
_CLOSERS = r"[\"'”’」』）)\]*_~]*"
_END = lazy(
    rf"(?<![.!?…])(?:[.!?…]+{_CLOSERS}(?=\s|$)|[.!?…]*[。！？]+{_CLOSERS}|[.!?](?=[\u4e00-\u9fff])"
    rf"|(?<![{_POINTERS}])(?![{_POINTERS}]){_EMOJI}(?=[ \t]+(?:[A-Z]|[\u4e00-\u9fff]))"
    rf"|(?<=\s)(?=[{_HANDS}]))"
    rf"(?:[ \t]*(?![{_POINTERS}]){_EMOJI}+)*"
)
_ABBREVIATION = lazy(
    r"(?:^|[\s(])(?:e\.g|i\.e|etc|vs|approx|mr|mrs|ms|dr|st|no|fig|vol|min|max|sec|incl|resp|ca"
    r"|[a-z])\.$",
    re.IGNORECASE,
)
_UNIT = lazy(r"\d\s(?:[a-z]|min|sec)\.$", re.IGNORECASE)
_NEXT_SENTENCE = lazy(r"\s+[\"'“‘(\[]?[A-Z\u4e00-\u9fff]")
_INLINE_NUMBER = lazy(r"(?<=\s)(?:\d{1,2}[.)]\s|[①-⑳]|[（(]\d{1,2}[)）])")
_FIRST_NUMBER = lazy(r"(?:^|\s)1[.)]\s|①|[（(]1[)）]")
_EMPHASIS = lazy(r"[*~]|(?<!\w)_+|_+(?!\w)")


@attrs.frozen
class Sentence:
    """One sentence of an answer.

    Attributes:
        start: Its offset in the text.
        end: The offset of its end, with punctuation and closing marks.
        line: The index of its line.
        words: Its masked text without emphasis marks, of the same length.
    """

    start: int
    end: int
    line: int
    words: str


@attrs.frozen
class Line:
    """One line of an answer, without its line end.

    Attributes:
        start: Its offset in the text.
        end: The offset of its end.
        next: The offset of the next line.
        item: Whether it is an item of a list.
        heading: Whether it is a markdown heading, or a line all in bold.
        sentences: Its sentences, in order; none for a blank line.
    """

    start: int
    end: int
    next: int
    item: bool
    heading: bool
    sentences: tuple[Sentence, ...]

    @property
    def blank(self) -> bool:
        """Whether the line is empty."""
        return not self.sentences


def mask(text: str) -> str:
    """Return the text with quoted words, code and URLs masked, at the same length."""
    text = _FENCE.sub(lambda match: CODE * len(match[0]), text)
    text = _URL.sub(lambda match: LINK * len(match[0]), text)
    text = _APOSTROPHE.sub("'", text)
    masked = list(text)
    for found in quotations(text):
        masked[found.start + 1 : found.end - 1] = QUOTED * len(found.words)
    return "".join(masked)


def lines(text: str) -> list[Line]:
    """Split a text into lines and sentences."""
    masked = mask(text)
    found: list[Line] = []
    start = 0
    for raw in masked.splitlines(keepends=True):
        body = raw.rstrip("\r\n\v\f\x1c\x1d\x1e\x85\u2028\u2029")
        prefix = _PREFIX.match(body)
        skipped = prefix.end() if prefix else 0
        stripped = body.strip()
        found.append(
            Line(
                start=start,
                end=start + len(body),
                next=start + len(raw),
                item=_LIST_MARK.match(body) is not None,
                heading=stripped.startswith("#")
                or (len(stripped) > 4 and stripped[:2] == stripped[-2:] == "**"),
                sentences=tuple(_sentences(body, skipped, start, len(found))),
            )
        )
        start += len(raw)
    return found


def _sentences(body: str, begin: int, offset: int, line: int) -> Iterator[Sentence]:
    numbered = _FIRST_NUMBER.search(body, begin) is not None
    cuts = {
        match.end()
        for match in _END.finditer(body, begin)
        if not _inside(body, match, numbered=numbered)
    }
    if numbered:
        cuts.update(match.start() for match in _INLINE_NUMBER.finditer(body, begin))
    for end in sorted(cuts | {len(body)}):
        piece = body[begin:end]
        start = begin + len(piece) - len(piece.lstrip())
        stop = begin + len(piece.rstrip())
        if start < stop:
            words = _EMPHASIS.sub(lambda match: " " * len(match[0]), body[start:stop])
            yield Sentence(offset + start, offset + stop, line, words)
        begin = end


def _inside(body: str, match: re.Match[str], *, numbered: bool) -> bool:
    """Return whether a period belongs to an abbreviation or, in a `numbered` list, to a number."""
    if body[match.start()] != "." or match[0].startswith(".."):
        return False
    before = body[max(0, match.start() - 12) : match.start() + 1]
    if _UNIT.search(before) and _NEXT_SENTENCE.match(body, match.end()):
        return False  # "… over 1 s. Click …"
    number = numbered and re.search(r"(?:^|\s)\d{1,2}\.$", before)
    return bool(_ABBREVIATION.search(before) or number)
