"""Find the files and URLs in a user's sentence, and the rest of the sentence."""

from __future__ import annotations

import bisect
import os
import re
from collections.abc import Callable, Iterator
from pathlib import PureWindowsPath
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

import attrs

from nemovideo._language.quotations import Quotation, quotations
from nemovideo._support.patterns import lazy
from nemovideo._values.formats import CONTENT_TYPES


@attrs.frozen
class Found:
    """The files in a sentence.

    Attributes:
        paths: Paths, with `~` expanded, and URLs, in order, each once.
        rest: The sentence without them, or with their names if it needs them.
    """

    paths: tuple[str, ...]
    rest: str


@attrs.frozen
class _Place:
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
_LABELLED = lazy(
    r"(?:\b(?:text|title|caption|subtitle|says?|saying|words?|named|called|reads?|reading|heading"
    r"|write|type|rename\w*|(?:title|text|caption) to)|文字|标题|字幕|写着|内容|字样|写上?|打上"
    r"|显示|标题改[成为])[\s:：]*$",
    re.IGNORECASE,
)
_CAPTIONED = lazy(
    r"\s*(?:as\s+(?:an?\s+|the\s+)?(?:caption|title|text|subtitle|heading)\b|这?几个字|字样"
    r"|作为(?:标题|字幕|文字))",
    re.IGNORECASE,
)
_HANDED = lazy(
    r"\b(?:upload|attach|import)\b|\bhere(?:'s| is| are)\b|\bthis is\b|上传|导入"
    r"|这是",
    re.IGNORECASE,
)
_REACH = 240
_TRIES = 60
_LABEL_LENGTH = 24

_FILE = "\ue010"
_FILES = rf"{_FILE}(?:\s*(?:,|;|&|\+|and|、|和|，|及)?\s*{_FILE})*"
_KIND = (
    r"(?:videos?|files?|clips?|photos?|pictures?|images?|songs?|music|footage|recordings?|takes?"
    r"|media|audio|logo|path)"
)
_DELIVERY = lazy(
    r"[^\w~]*(?:(?:please|can|could|would|you|i|want|need|would|like|to|i'd|let|me|hi|hey|hello|ok"
    r"|okay|now|just|so|first|then|also)[\s,!]+){0,8}"
    r"(?:upload(?:ing)?|attach(?:ed|ing)?|import|load|add|here(?:'s|\s+is|\s+are|\s+you\s+go)?"
    r"|this\s+is|these\s+are|i\s+have|i've\s+got|take|use|open|process|input|source)?"
    rf"\s*:?\s*(?:(?:the|my|a|an|this|these|our|your|new|next|second|first|following"
    rf"|is)\s+){{0,4}}(?:{_KIND})?\s*(?:is|are|at|from|called|named)?\s*:?\s*"
    rf"{_FILES}\s*(?:for\s+(?:you|me)\b|please\b|to\s+(?:the|my)\s+(?:project|session|timeline)\b)?"
    r"|[^\w~]*(?:请|帮我|帮忙|我想|我要|想要|要|麻烦|先|你好|好的|把|将|这是|这里是|这个是|给你|用"
    r"|上传|导入|发送|发|处理|视频|文件|素材|图片|照片|音乐|我的|的|一下|[：:，,\s]){0,12}"
    rf"{_FILES}\s*(?:上传|传上去|发给你|上来|给你|一下|这个|这段|视频|文件){{0,3}}",
    re.IGNORECASE,
)
_NEEDS_FILE = lazy(
    r"\s*(?:(?:as|for|in|on|to|into|behind|with|at|is|are|by|from|after|before|instead|needs?|has"
    r"|should|looks?|over|under|of|was|will)\b|的|作为|做|当|放|里|中|为|是|换|替|设|太|有|需要"
    r"|当作|加|变|改|剪|裁|调)",
    re.IGNORECASE,
)
_JOINT = lazy(
    r"(?:[\s,.;:!，。；：！—–-]|(?:and then|and|then|please)\b|然后|再|并且|并|接着|谢谢)+",
    re.IGNORECASE,
)
_APPENDED = lazy(rf"\s*(?:[:：]\s*|[(（]\s*){_FILES}\s*[)）]?\s*$")


def find_paths(text: str, is_file: Callable[[str], bool]) -> Found | None:
    """Find the files in a sentence; None without any.

    A file counts if it exists, or if the sentence hands it over ("upload talk.mp4"): then a typo
    in its name is reported. Quoted words to show ("add the text 'talk.mp4'") do not count.
    """
    places = sorted(_places(text, is_file), key=lambda place: place.start)
    if not places:
        return None
    return Found(tuple(dict.fromkeys(place.path for place in places)), _rest(text, places))


def _places(text: str, is_file: Callable[[str], bool]) -> Iterator[_Place]:
    for path in _readings(text.strip()):
        if _looks_like_path(path) and is_file(path):
            yield _Place(0, len(text), path)
            return
    handed = _HANDED.search(text) is not None or len(text.split()) == 1
    taken: list[tuple[int, int]] = []
    for match in _URL.finditer(text):
        taken.append(match.span())
        url = match[0].rstrip(".,;:!?)）")
        path = _from_url(url)
        if handed or path != url or _SUFFIX.search(urlsplit(url).path):
            yield _Place(match.start(), match.start() + len(url), path)
    urls = list(taken)
    for found in quotations(text):
        if _overlaps(urls, found.start, found.end) or not _looks_like_path(found.words):
            continue
        taken.append((found.start, found.end))
        if not _is_shown(text, found.start, found.end):
            yield from _quoted(found, is_file, handed=handed)
    yield from _bare(text, sorted(taken), is_file, handed=handed)


def _bare(
    text: str, taken: list[tuple[int, int]], is_file: Callable[[str], bool], *, handed: bool
) -> Iterator[_Place]:
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
        begin = max(floor, end - _REACH, text.rfind("\n", max(0, end - _REACH), end) + 1)
        place = _ending_at(text, begin, end, is_file, handed=handed)
        if place is not None:
            floor = end
            yield place


def _is_shown(text: str, start: int, end: int) -> bool:
    """Whether quoted words are shown in the video: "add the text 'talk.mp4'"."""
    return bool(
        _LABELLED.search(text, max(0, start - _LABEL_LENGTH), start) or _CAPTIONED.match(text, end)
    )


def _quoted(found: Quotation, is_file: Callable[[str], bool], *, handed: bool) -> Iterator[_Place]:
    existing = next((path for path in _readings(found.words) if is_file(path)), None)
    if existing is not None:
        yield _Place(found.start, found.end, existing)
    elif handed and _SUFFIX.search(found.words):
        yield _Place(found.start, found.end, _expand(found.words))


def _ends(text: str) -> list[int]:
    """Return the offsets at which a file name can end."""
    rooted = (match.start() + len(match[0].rstrip(".,:!?)")) for match in _PATH.finditer(text))
    return sorted({*rooted, *(match.end() for match in _SUFFIX.finditer(text))})


def _ending_at(
    text: str, begin: int, end: int, is_file: Callable[[str], bool], *, handed: bool
) -> _Place | None:
    """Return the longest existing file that ends at `end`, or one that is handed over."""
    starts = [match.start() for match in _WORD_START.finditer(text, begin, end)][-_TRIES:]
    for start in starts:
        if start == starts[-1] and _LABELLED.search(text, max(0, start - _LABEL_LENGTH), start):
            return None
        for path in _readings(text[start:end]):
            if _looks_like_path(path) and is_file(path):
                return _Place(start, end, path)
    spoken = re.compile(rf"[^\s\"'“”‘’:：，。{_CJK}]").search
    if handed and starts and _SUFFIX.search(text, max(begin, end - 6), end):
        alone = [start for start in starts if " " not in text[start:end] and spoken(text[start])]
        rooted = [match.start() for match in _PATH.finditer(text, begin, end) if match.end() >= end]
        start = (rooted or alone or starts[-1:])[0]
        return _Place(start, end, _expand(text[start:end].replace("\\ ", " ")))
    return None


def _rest(text: str, places: list[_Place]) -> str:
    pieces: list[str] = []
    at = 0
    for place in places:
        pieces += [text[at : place.start], _FILE]
        at = place.end
    marked = "".join([*pieces, text[at:]])
    names = [_name(place.path) for place in places]
    delivery = _DELIVERY.match(marked)
    if delivery is not None and _FILE not in marked[delivery.end() :]:
        rest = marked[delivery.end() :]
        if not _NEEDS_FILE.match(rest):
            joint = _JOINT.match(rest)
            return rest[joint.end() :].strip() if joint else rest.strip()
    appended = _APPENDED.search(marked)
    if appended is not None and marked.count(_FILE) == marked[appended.start() :].count(_FILE):
        return marked[: appended.start()].strip()
    for name in names:
        marked = marked.replace(_FILE, name, 1)
    return marked.strip()


def _name(path: str) -> str:
    """Return the file name in a path of any operating system, or in a URL."""
    local = urlsplit(path).path if path.startswith(("http:", "https:")) else path
    return PureWindowsPath(local).name or path


def _readings(written: str) -> tuple[str, ...]:
    """Return the possible readings of a path: as written, and unescaped."""
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
    return url2pathname(unquote(urlsplit(url).path))


def _looks_like_path(path: str) -> bool:
    """Whether a text looks like a file: it has a folder or a suffix."""
    return bool(re.search(r"[\\/]|\.[A-Za-z0-9]{2,5}$", path)) and "\n" not in path


def _overlaps(spans: list[tuple[int, int]], start: int, end: int) -> bool:
    """Whether one of these sorted, disjoint spans overlaps this one."""
    before = bisect.bisect_left(spans, (end,)) - 1
    return before >= 0 and spans[before][1] > start
