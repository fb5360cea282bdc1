"""Normalize a message, and mask its quotations and file names.

Every character keeps its offset, so that words found in `text` can be taken from `raw` as typed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

import attrs

from nemovideo._language.quotations import quotations
from nemovideo._support.patterns import lazy
from nemovideo.local.media.probe import MediaItem

QUOTE = "\ue000"
VIDEO = "\ue001"
IMAGE = "\ue002"
AUDIO = "\ue003"
UNKNOWN_FILE = "\ue004"
_PLACEHOLDERS = {"video": VIDEO, "image": IMAGE, "audio": AUDIO}

_TRADITIONAL = (
    "換换圖图頻频視视樂乐標标題题靜静聲声調调飽饱對对顏颜鐘钟從从後后開开頭头結结個个張张檔档為为設设變变綠绿藍蓝紅红黃黄淺浅純纯灘滩邊边辦办內内錄录攝摄長长時时間间還还刪删"
    "減减動动虛虚體体廳厅場场鏡镜復复銷销輸输導导幫帮請请這这兩两節节畫画腦脑無无麼么給给讓让轉转裡里裏里貼贴寫写顯显應应該该單单雙双點点與与關关閉闭強强縮缩會会進进過过選选"
    "雜杂濾滤鮮鲜艷艳擋挡棄弃幾几現现話话說说麗丽豎竖橫横幹干別别亂乱幀帧歸归圍围樣样號号飛飞熱热暈晕實实嗎吗攏拢來来將将裝装淨净暫暂條条機机門门語语編编輯辑創创製制簡简試试"
    "謝谢陽阳庫库級级鋪铺總总詞词緩缓沒没併并於于塊块員员連连"
)
_TO_SIMPLIFIED = str.maketrans(_TRADITIONAL[::2], _TRADITIONAL[1::2])
_APOSTROPHES = str.maketrans("’‘ʼ`´", "'''''")
_FILE_CHARACTERS = lazy(r"[\w\-.()]+", re.ASCII)
_FILE_SUFFIX = lazy(
    r"(?<=\w)\.(?:mp4|mov|avi|webm|mkv|jpe?g|png|gif|webp|mp3|wav|m4a|aac|ogg|flac|bmp|heic)"
    r"(?![a-z0-9])",
    re.ASCII,
)


@attrs.frozen
class Clause:
    """A part of the message with one request.

    `raw` is the text as typed. `plain` is normalized, with file names masked; in `text`,
    quotations are masked too. All three have the same length. `quotes` and `files` are the masked
    parts, in order. `start` and `end` are its offsets in the message; `lead` is a verb
    prefixed to it.
    """

    text: str
    plain: str
    raw: str
    quotes: tuple[str, ...] = ()
    files: tuple[MediaItem, ...] = ()
    unknown_files: tuple[str, ...] = ()
    start: int = 0
    end: int = 0
    lead: str = ""

    def without(self, start: int, end: int) -> Clause:
        """Return the clause without a part of its text, which has no quotations or files."""
        text, plain, raw = (
            words[:start] + words[end:] for words in (self.text, self.plain, self.raw)
        )
        return attrs.evolve(self, text=text, plain=plain, raw=raw)

    def part(self, start: int, end: int) -> Clause:
        """Return a part of the clause, which has no quotations or files."""
        text, plain, raw = (words[start:end] for words in (self.text, self.plain, self.raw))
        return Clause(text, plain, raw)


@attrs.frozen
class Message:
    """The whole message, to be sliced into clauses; quotations and files come with offsets."""

    _text: str
    _plain: str
    _raw: str
    _quotes: Sequence[tuple[int, str]]
    _files: Sequence[tuple[int, MediaItem]]
    _unknown_files: Sequence[tuple[int, str]]

    @property
    def whole(self) -> Clause:
        """The message as one clause."""
        return self.clause(0, len(self._raw))

    def clause(self, start: int, end: int, *, lead: str = "") -> Clause:
        """Return the clause from `start` to `end`, prefixed with the verb `lead`."""
        front = f"{lead} " if lead else ""
        return Clause(
            text=front + self._text[start:end],
            plain=front + self._plain[start:end],
            raw=front + self._raw[start:end],
            quotes=tuple(words for at, words in self._quotes if start <= at < end),
            files=tuple(item for at, item in self._files if start <= at < end),
            unknown_files=tuple(name for at, name in self._unknown_files if start <= at < end),
            start=start,
            end=end,
            lead=lead,
        )


def normalize(text: str) -> str:
    """Return the text in lower case, half-width, simplified characters; offsets do not change."""
    return "".join(map(_normal, text)).translate(_TO_SIMPLIFIED).translate(_APOSTROPHES)


def read_message(text: str, media: Sequence[MediaItem]) -> Message:
    """Parse a message; `media` are the uploads."""
    plain = list(normalize(text))
    files: list[tuple[int, MediaItem]] = []
    unknown: list[tuple[int, str]] = []
    joined = "".join(plain)
    # Longer names first: "a.mp4" can be the end of "b a.mp4". Of two equal names, the last counts.
    for _, item in sorted(enumerate(media), key=lambda pair: (-len(pair[1].name), -pair[0])):
        for start in _offsets(normalize(item.name), joined):
            files.append((start, item))
            plain[start : start + len(item.name)] = _PLACEHOLDERS[item.kind] * len(item.name)
            joined = "".join(plain)
    for start, end in _file_like(joined):
        unknown.append((start, text[start:end]))
        plain[start:end] = UNKNOWN_FILE * (end - start)
    masked = list(plain)
    quotes: list[tuple[int, str]] = []
    quoted: set[int] = set()
    for found in quotations(text):
        inside = "".join(plain[found.start + 1 : found.end - 1])
        words = " ".join(found.words.split())
        if not words or set(inside.strip()) <= {VIDEO, IMAGE, AUDIO, UNKNOWN_FILE}:
            continue
        quotes.append((found.start, words))
        masked[found.start : found.end] = QUOTE * (found.end - found.start)
        quoted.update(range(found.start, found.end))
    return Message(
        text="".join(masked),
        plain="".join(plain),
        raw=text,
        quotes=quotes,
        files=sorted(files, key=lambda pair: pair[0]),
        unknown_files=[pair for pair in unknown if pair[0] not in quoted],
    )


def _normal(character: str) -> str:
    folded = unicodedata.normalize("NFKC", character).lower()
    return folded if len(folded) == 1 else character


def _file_like(text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans that look like names of media files."""
    for run in _FILE_CHARACTERS.finditer(text):
        ends = [found.end() for found in _FILE_SUFFIX.finditer(text, *run.span())]
        if ends:
            yield run.start(), ends[-1]


def _offsets(name: str, text: str) -> list[int]:
    """Return the offsets of the name as a whole word."""
    if name not in text:
        return []  # faster than the pattern, which Python would compile for every file
    pattern = rf"(?<![a-z0-9_.\-]){re.escape(name)}(?![a-z0-9_\-])"
    return [found.start() for found in re.finditer(pattern, text)] if name else []
