"""Parse numbers, times and percentages in English and Chinese; detect the language.

The text is that of `message.normalize`: lower case, half-width, simplified characters.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

from nemovideo._support.patterns import lazy
from nemovideo.local.agent.words import MARK, pattern

Language = Literal["en", "zh"]

_CJK = lazy(r"[\u3400-\u9fff\uf900-\ufaff]")
_UNITS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
_UNITS += " fifteen sixteen seventeen eighteen nineteen"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_ENGLISH = {word: value for value, word in enumerate(_UNITS.split())}
_ENGLISH |= {word: 10 * value for value, word in enumerate(_TENS.split(), start=2)}
_SMALL = "|".join(_UNITS.split()[1:10])
_ENGLISH_NUMBER = lazy(
    rf"(?<![a-z])(?:(?P<tens>{'|'.join(_TENS.split())})(?:[- ](?P<ones>{_SMALL}))?"
    rf"|(?P<word>{'|'.join(reversed(_UNITS.split()))}))(?P<hundred> hundred)?(?![a-z])"
)
_CHINESE = {
    **{digit: value for value, digit in enumerate("零一二三四五六七八九")},
    "两": 2,
    "〇": 0,
}
_CHINESE_NUMBER = lazy(r"[零〇一二两三四五六七八九十百千]+(?:点[零〇一二三四五六七八九]+)?")
_UNIT_MS: dict[str, float] = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}
_LONGEST_MS = 24 * 3_600_000
"""Longer times are capped at this."""
_UNIT = (
    r"(?:(?P<ms>ms|milli-?seconds?|毫秒)|(?P<s>s(?:ec(?:ond)?s?)?|秒钟?)"
    r"|(?P<m>m(?:in(?:ute)?s?)?|分钟?)|(?P<h>h(?:rs?|ours?)?|个?小时))(?![a-z])"
)
_AMOUNT = lazy(rf"(?<![\d.:])(\d+(?:\.\d+)?)[ -]?{_UNIT}(?P<half>半)?")
_CLOCK = lazy(r"(?<![\d:])(?:(\d{1,2}):)?(\d{1,3}):(\d{2}(?:\.\d+)?)(?![\d:])")
_BARE = lazy(r"(?<![\d.:])(\d+(?:\.\d+)?)(?![\d.:%倍x]|\s*(?:%|percent|倍|times))")
_MARKED = lazy(rf"{MARK}(\d+){MARK}")
_RUN = lazy(rf"{MARK}\d+{MARK}(?:\s*(?:and\s|零|又)?\s*{MARK}\d+{MARK})+")
_RANGE_SEPARATOR = (
    r"\s*(?:剪|截|保留|留|开始|起)?,?\s*(?:to|until|till|through|and|up to|-|–|—|~|到|"
    r"至|和|直到)\s*(?:the )?(?:第)?"
)


def detect(text: str) -> Language:
    """Return "zh" if the text has a Chinese character, else "en"."""
    return "zh" if _CJK.search(text) else "en"


def digits(text: str) -> str:
    """Return the text with number words, fractions and Chinese numerals as digits."""
    for written, replacement in _PHRASES:
        text = written.sub(replacement, text)
    text = _ENGLISH_NUMBER.sub(_english_value, text)
    return _CHINESE_NUMBER.sub(_chinese_value, text)


def _english_value(found: re.Match[str]) -> str:
    value = _ENGLISH[found["tens"] or found["word"]] + _ENGLISH[found["ones"] or "zero"]
    return str(value * 100 if found["hundred"] else value)


def _chinese_value(found: re.Match[str]) -> str:
    whole, _, fraction = found[0].partition("点")
    total, digit = 0, 0
    if not set(whole) & set("十百千"):
        numeral = "".join(str(_CHINESE[character]) for character in whole)
    else:
        for character in whole:
            if character in _CHINESE:
                digit = _CHINESE[character]
            else:
                total += (digit or 1) * {"十": 10, "百": 100, "千": 1000}[character]
                digit = 0
        numeral = str(total + digit)
    return numeral + (
        "." + "".join(str(_CHINESE[character]) for character in fraction) if fraction else ""
    )


_WORD_START = r"(?<![a-z])"
_NAMED_UNIT = r"(?=(?:milli)?(?:seconds?|secs?|minutes?|mins?|hours?)(?![a-z]))"
_PHRASES: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (
        lazy(
            rf"{_WORD_START}(?:an? |(?<=first )|(?<=last )|(?<=final ))"
            r"(second|minute|hour) and a half(?![a-z])"
        ),
        r"1.5 \1s",
    ),
    (
        lazy(rf"{_WORD_START}({_SMALL}|ten|(?<!\d)\d+) and a half(?![a-z])"),
        lambda found: f"{_ENGLISH.get(found[1], found[1])}.5",
    ),
    (lazy(rf"{_WORD_START}an? (?:and )?a half {_NAMED_UNIT}"), "1.5 "),
    (lazy(rf"{_WORD_START}an? half[- ]{_NAMED_UNIT}"), "0.5 "),
    (lazy(rf"{_WORD_START}half (?:an? |of an? )?{_NAMED_UNIT}"), "0.5 "),
    (lazy(rf"{_WORD_START}a couple(?: of)? {_NAMED_UNIT}"), "2 "),
    (lazy(rf"{_WORD_START}(?:a few|several) {_NAMED_UNIT}"), "3 "),
    (lazy(rf"{_WORD_START}(?:an?|(?<=first )|(?<=last )|(?<=final )) ?{_NAMED_UNIT}"), "1 "),
    (
        lazy(r"百分之([零一二两三四五六七八九十百点\d.]+)"),
        lambda found: digits(found[1]) + "%",
    ),
    (
        lazy(r"([一二两三四五六七八九])成(?![为了功员分本都人品果长立片])"),
        lambda found: f"{10 * _CHINESE[found[1]]}%",
    ),
    (lazy(r"(?<![\d一二两三四五六七八九十])半个?(?=秒|分钟|小时)"), "0.5"),
    (lazy(r"几(?=秒)"), "3"),
    (lazy(r"(\d|[一二两三四五六七八九十])个半(?=小时)"), r"\1.5"),
    (lazy(r"一[点些下](?![零〇一二三四五六七八九\d])"), "些"),
)


def mark_times(text: str) -> str:
    """Return the text with each time as its milliseconds between two `MARK` characters.

    Reads "1m30s", "1 分 30 秒", "0:05", "三秒半", and the two times of "2-6s".
    """
    text = digits(text)
    text = _CLOCK.sub(_clock, text)
    text = re.sub(
        r"(?:sec(?:ond)?s? |第)(\d+(?:\.\d+)?)(?![\d.]|\s*[个张段条只]|\s*秒|\s*s)",
        lambda found: _mark(_seconds(found[1])),
        text,
    )
    text = _AMOUNT.sub(_amount, text)
    # "1 minute 30 seconds" is one time, "2 to 6 seconds" shares one unit.
    text = _RUN.sub(_joined, text)
    text = re.sub(
        rf"(?<![\d.])(\d+(?:\.\d+)?)(?={_RANGE_SEPARATOR}{MARK})",
        lambda n: _mark(_seconds(n[1])),
        text,
    )
    return re.sub(
        rf"({MARK}\d+{MARK}{_RANGE_SEPARATOR})(\d+(?:\.\d+)?)(?![\d%])",
        lambda found: found[1] + _mark(_seconds(found[2])),
        text,
    )


def times(text: str) -> list[int]:
    """Return every time in the text in milliseconds, in order."""
    return [int(found) for found in _MARKED.findall(mark_times(text))]


def time_range(text: str) -> tuple[int, int] | None:
    """Return the first "from … to …" in milliseconds, or None."""
    time = rf"{MARK}(\d+){MARK}"
    found = re.search(rf"{time}(?: ?(?:mark|处|的地方))?{_RANGE_SEPARATOR}{time}", mark_times(text))
    if not found:
        bare = re.search(
            rf"(?:from|between|seconds) (\d+(?:\.\d+)?){_RANGE_SEPARATOR}(\d+(?:\.\d+)?)(?![\d%])",
            digits(text),
        )
        return (_seconds(bare[1]), _seconds(bare[2])) if bare else None
    return int(found[1]), int(found[2])


def find_time(text: str, name: str) -> int | None:
    """Return the time in the first match of the words `name`, in milliseconds."""
    found = pattern(name).search(mark_times(text))
    return next(int(group) for group in found.groups() if group) if found else None


def percent(text: str) -> float | None:
    """Return the first percentage as a fraction: 0.35 for "35%"; "一半" and "half" are 0.5."""
    text = digits(text)
    if found := re.search(r"(?<!\d)(\d+(?:\.\d+)?)\s*(?:%|percent|per cent|个百分点)", text):
        return float(found[1]) / 100
    if re.search(r"(?<![a-z])hal(?:f|ve[sd]?|ving)(?![a-z])|1半|减半", text):
        return 0.5
    if re.search(r"(?<![a-z])(?:a )?quarter(?![a-z])|4分之1", text):
        return 0.25
    return None


def number(text: str) -> float | None:
    """Return the first number that is not a percentage, a time or a factor, or None."""
    found = _BARE.search(digits(text))
    return float(found[1]) if found else None


def factor(text: str) -> float | None:
    """Return the first factor: "2x", "1.5 times", "0.5倍", "double", "twice", "half"."""
    text = digits(text)
    if re.search(r"[快加提慢升大高响][高了大快速升]?1倍", text):
        return 2.0
    unit = r"(?:x(?![a-z])|×|times|-?fold|倍)"
    if found := re.search(
        rf"(?<!\d)(\d+(?:\.\d+)?)\s*{unit}|(?<![a-z0-9])x\s*(\d+(?:\.\d+)?)", text
    ):
        return float(found[1] or found[2])
    if found := re.search(r"(?<!\d)1\s*/\s*(\d)(?!\d)", text):
        return 1 / max(1, int(found[1]))
    for written, value in (
        (r"(?<![a-z])(?:doubl(?:e|ed|ing)|twice)(?![a-z])|加倍|翻倍", 2.0),
        (r"(?<![a-z])(?:tripl(?:e|ed|ing)|thrice)(?![a-z])", 3.0),
        (r"(?<![a-z])(?:quadrupled?)(?![a-z])", 4.0),
        (r"(?<![a-z])(?:half|halve[ds]?)(?![a-z])|1半|减半", 0.5),
        (r"(?<![a-z])quarter(?![a-z])|4分之1", 0.25),
    ):
        if re.search(written, text):
            return value
    return None


def _mark(milliseconds: float) -> str:
    return f"{MARK}{round(min(milliseconds, _LONGEST_MS))}{MARK}"


def _joined(run: re.Match[str]) -> str:
    """Add adjacent times while each is smaller than the previous one: "1 minute 30 seconds"."""
    text, total, end = "", 0, 0
    for found in _MARKED.finditer(run[0]):
        time = int(found[1])
        if end and time <= total:
            total += time
        else:
            text += (_mark(total) if end else "") + run[0][end : found.start()]
            total = time
        end = found.end()
    return text + _mark(total)


def _seconds(figure: str) -> int:
    return round(min(float(figure) * 1000, _LONGEST_MS))


def _clock(found: re.Match[str]) -> str:
    hours, minutes, seconds = found.groups()
    return _mark((int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds)) * 1000)


def _amount(found: re.Match[str]) -> str:
    scale = next(_UNIT_MS[unit] for unit in _UNIT_MS if found[unit])
    return _mark(float(found[1]) * scale + (scale / 2 if found["half"] else 0))
