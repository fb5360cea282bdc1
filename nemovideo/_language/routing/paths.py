"""Find the files and URLs in a user's sentence, and the rest of the sentence."""

from __future__ import annotations

import bisect
import os
import re
from collections.abc import Callable, Iterator
from pathlib import PureWindowsPath
from urllib.parse import unquote
from urllib.request import url2pathname

import attrs

from nemovideo._language.quotations import Quotation, quotations
from nemovideo._language.routing.words import FILE, PATTERNS
from nemovideo._support.patterns import lazy
from nemovideo._support.urls import path_of
from nemovideo._values.formats import CONTENT_TYPES


@attrs.frozen
class Found:
    """The files in a sentence.

    Attributes:
        paths: Paths, with `~` expanded, and URLs, in order, without duplicates.
        rest: The sentence without them, or with their names if it needs them.
    """

    paths: tuple[str, ...]
    rest: str


@attrs.frozen
class _Mention:
    start: int
    end: int
    path: str


_MEDIA = "(?:" + "|".join(CONTENT_TYPES) + ")"
_CJK = "\u4e00-\u9fff"
_URL = lazy(r"(?:https?|file)://[^\s<>\"'“”‘’，。！？；、]+", re.IGNORECASE)
_SUFFIX = lazy(rf"\.{_MEDIA}(?![A-Za-z0-9_])(?!\.\w)", re.IGNORECASE)
_PATH = lazy(
    r"(?:~[\\/]|\.{1,2}[\\/]|/(?=\w)|[A-Za-z]:[\\/]|\\\\\w)(?:\\ |[^\s\"'“”‘’，。；！？])+"
)
_WORD_START = lazy(rf"(?<![^\s\"'“”‘’(（:：,，。=；;{_CJK}])\S|(?<=[{_CJK}])[~/\\.A-Za-z0-9]")
_MAX_CHARS = 240
_MAX_STARTS = 60
_LABEL_LENGTH = 24


def find_paths(text: str, is_file: Callable[[str], bool]) -> Found | None:
    """Find the files in a sentence; None if there are none.

    A file counts if it exists, or if the sentence asks to use it ("upload talk.mp4"): then a typo
    in its name is reported. Quoted words to display ("add the text 'talk.mp4'") do not count.
    """
    mentions = sorted(_mentions(text, is_file), key=lambda mention: mention.start)
    if not mentions:
        return None
    return Found(tuple(dict.fromkeys(mention.path for mention in mentions)), _rest(text, mentions))


def _mentions(text: str, is_file: Callable[[str], bool]) -> Iterator[_Mention]:
    for path in _readings(text.strip()):
        if _looks_like_path(path) and is_file(path):
            yield _Mention(0, len(text), path)
            return
    requested = PATTERNS["paths.requested"].search(text) is not None or len(text.split()) == 1
    taken: list[tuple[int, int]] = []
    for match in _URL.finditer(text):
        taken.append(match.span())
        url = match[0].rstrip(".,;:!?)）")
        path = _from_url(url)
        if requested or path != url or _SUFFIX.search(path_of(url)):
            yield _Mention(match.start(), match.start() + len(url), path)
    urls = list(taken)
    for found in quotations(text):
        if _overlaps(urls, found.start, found.end) or not _looks_like_path(found.words):
            continue
        taken.append((found.start, found.end))
        if not _is_shown(text, found.start, found.end):
            yield from _quoted(found, is_file, requested=requested)
    yield from _bare(text, sorted(taken), is_file, requested=requested)


def _bare(
    text: str, taken: list[tuple[int, int]], is_file: Callable[[str], bool], *, requested: bool
) -> Iterator[_Mention]:
    """Yield the files outside quotations and URLs, whose spans are `taken`."""
    spans = iter(taken)
    span = next(spans, None)
    floor = 0
    for end in _ends(text):
        while span is not None and span[0] < end:
            floor = max(floor, span[1])
            span = next(spans, None)
        if floor >= end:
            continue
        begin = max(floor, end - _MAX_CHARS, text.rfind("\n", max(0, end - _MAX_CHARS), end) + 1)
        mention = _ending_at(text, begin, end, is_file, requested=requested)
        if mention is not None:
            floor = end
            yield mention


def _is_shown(text: str, start: int, end: int) -> bool:
    """Return whether quoted words are shown in the video: "add the text 'talk.mp4'"."""
    return bool(
        PATTERNS["paths.label"].search(text, max(0, start - _LABEL_LENGTH), start)
        or PATTERNS["paths.captioned"].match(text, end)
    )


def _quoted(
    found: Quotation, is_file: Callable[[str], bool], *, requested: bool
) -> Iterator[_Mention]:
    existing = next((path for path in _readings(found.words) if is_file(path)), None)
    if existing is not None:
        yield _Mention(found.start, found.end, existing)
    elif requested and _SUFFIX.search(found.words):
        yield _Mention(found.start, found.end, _expand(found.words))


def _ends(text: str) -> list[int]:
    """Return the offsets at which a file name can end."""
    rooted = (match.start() + len(match[0].rstrip(".,:!?)")) for match in _PATH.finditer(text))
    return sorted({*rooted, *(match.end() for match in _SUFFIX.finditer(text))})


def _ending_at(
    text: str, begin: int, end: int, is_file: Callable[[str], bool], *, requested: bool
) -> _Mention | None:
    """Return the longest existing file that ends at `end`, or one that the sentence asks to use."""
    starts = [match.start() for match in _WORD_START.finditer(text, begin, end)][-_MAX_STARTS:]
    for start in starts:
        if start == starts[-1] and PATTERNS["paths.label"].search(
            text, max(0, start - _LABEL_LENGTH), start
        ):
            return None
        for path in _readings(text[start:end]):
            if _looks_like_path(path) and is_file(path):
                return _Mention(start, end, path)
    is_plain = re.compile(rf"[^\s\"'“”‘’:：，。{_CJK}]").search
    if requested and starts and _SUFFIX.search(text, max(begin, end - 6), end):
        alone = [start for start in starts if " " not in text[start:end] and is_plain(text[start])]
        rooted = [match.start() for match in _PATH.finditer(text, begin, end) if match.end() >= end]
        start = (rooted or alone or starts[-1:])[0]
        return _Mention(start, end, _expand(text[start:end].replace("\\ ", " ")))
    return None


def _rest(text: str, mentions: list[_Mention]) -> str:
    pieces: list[str] = []
    at = 0
    for mention in mentions:
        pieces += [text[at : mention.start], FILE]
        at = mention.end
    marked = "".join([*pieces, text[at:]])
    names = [_name(mention.path) for mention in mentions]
    delivery = PATTERNS["paths.delivery"].match(marked)
    if delivery is not None and FILE not in marked[delivery.end() :]:
        rest = marked[delivery.end() :]
        if not PATTERNS["paths.needs_file"].match(rest):
            connective = PATTERNS["paths.connective"].match(rest)
            return rest[connective.end() if connective else 0 :].strip()
    appended = PATTERNS["paths.appended"].search(marked)
    if appended is not None and marked.count(FILE) == marked[appended.start() :].count(FILE):
        return marked[: appended.start()].strip()
    for name in names:
        marked = marked.replace(FILE, name, 1)
    return marked.strip()


def _name(path: str) -> str:
    """Return the file name in a path of any operating system, or in a URL."""
    local = path_of(path) if path.startswith(("http:", "https:")) else path
    return PureWindowsPath(local).name or path


def _readings(written: str) -> tuple[str, ...]:
    """Return the possible interpretations of a path: as written, and unescaped."""
    stripped = written.strip().strip("\"'“”‘’`")
    if stripped.lower().startswith("file://"):
        return (_from_url(stripped),)
    plain = _expand(stripped)
    if "\\" not in stripped:
        return (plain,)
    unescaped = _expand(re.sub(r"\\([ ()&'])", r"\1", stripped))
    return (plain,) if plain == unescaped else (plain, unescaped)


def _expand(path: str) -> str:
    return os.path.expanduser(path) if path.startswith("~") else path  # noqa: PTH111 - it is faster


def _from_url(url: str) -> str:
    if not url.lower().startswith("file://"):
        return url
    return url2pathname(unquote(path_of(url)))


def _looks_like_path(path: str) -> bool:
    """Return whether a text looks like a file: it has a folder or a suffix."""
    return bool(re.search(r"[\\/]|\.[A-Za-z0-9]{2,5}$", path)) and "\n" not in path


def _overlaps(spans: list[tuple[int, int]], start: int, end: int) -> bool:
    """Return whether one of these sorted, disjoint spans overlaps this one."""
    before = bisect.bisect_left(spans, (end,)) - 1
    return before >= 0 and spans[before][1] > start
