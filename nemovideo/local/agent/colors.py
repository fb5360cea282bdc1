"""Find colors in a text: CSS names and notations, English and Chinese words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs
from PIL import ImageColor

from nemovideo._support.patterns import lazy

SOLID_DEFAULT = "#e8eaed"
"""The default for "a solid color": a light neutral gray."""

GREEN_SCREEN = "#00b140"
BLUE_SCREEN = "#0047bb"

_WORDS = json.loads((Path(__file__).parent / "words" / "colors.json").read_bytes())
_ENGLISH: dict[str, str] = _WORDS["english"]
_CHINESE: dict[str, str] = _WORDS["chinese"]
_TONES: dict[str, float] = _WORDS["english tones"] | _WORDS["chinese tones"]
"""How much white each tone mixes in, or black if negative."""
_SPACED = {
    re.sub(
        r"^(.+?)(red|green|blue|gr[ae]y|white|black|pink|purple|brown|yellow|orange|violet|orchid|"
        r"salmon|coral|turquoise|cyan|magenta|khaki|rose|cream|wood|slate)(?=$|[a-z])",
        r"\1 ?\2",
        name,
    )
    for name in ImageColor.colormap
}
_NAMES = "|".join(sorted({*_SPACED, *_ENGLISH}, key=len, reverse=True))
_TONES_EN, _TONES_ZH = ("|".join(_WORDS[f"{name} tones"]) for name in ("english", "chinese"))
_COLOR = lazy(
    r"(?P<css>#(?:[0-9a-f]{6}|[0-9a-f]{3})(?![0-9a-z])|(?:rgb|hsl)\([^()]{3,40}\))"
    r"|(?P<green>(?<![a-z])(?:green[- ]?screen|chroma[- ]?key(?! green))(?:ed)?(?![a-z])|绿幕|"
    r"绿屏|绿布)"
    r"|(?P<blue>(?<![a-z])blue[- ]?screen(?![a-z])|蓝幕|蓝屏)"
    rf"|(?<![a-z])(?:(?P<tone>{_TONES_EN})(?:er|est|ly)?[ -])??(?P<name>{_NAMES})(?:ish)?(?![a-z])"
    rf"|(?P<zh_tone>{_TONES_ZH})?(?<![美明空表漂])"  # 美白 is an effect
    rf"(?P<zh>{'|'.join(sorted(_CHINESE, key=len, reverse=True))})"
    r"(?:色|的|底|背景|幕|(?=[,。.!;\s]|$))"
    r"|(?P<shade>(?<![a-z])(?:dark|light)(?= (?:back|shade|tone|color|one))|深色|浅色|暗色|亮色)"
)
_SHADES = {"dark": "#222222", "深色": "#222222", "暗色": "#222222"}
# Some CSS colors are places: "in the snow".
_PLACES = lazy(r"(?:in|on|at|inside|to|by) (?:an? |the )$")


@attrs.frozen
class ColorWords:
    """A color in a text: `value` as #rrggbb, and the span of its words."""

    value: str
    start: int
    end: int


def find_colors(text: str) -> Iterator[ColorWords]:
    """Yield the colors of a normalized text, in order."""
    for found in _COLOR.finditer(text):
        if found["name"] and not found["tone"] and _PLACES.search(text[: found.start()]):
            continue
        value = _value(found)
        if value:
            yield ColorWords(value, found.start(), found.end())


def _value(found: re.Match[str]) -> str | None:
    if found["css"]:
        try:
            return _hex(ImageColor.getrgb(found["css"]))
        except ValueError:
            return None
    if found["green"]:
        return GREEN_SCREEN
    if found["blue"]:
        return BLUE_SCREEN
    if found["shade"]:
        return _SHADES.get(found["shade"], "#f2f2f2")
    if found["zh"]:
        return _toned(_CHINESE[found["zh"]], found["zh_tone"])
    name = found["name"]
    value = _ENGLISH.get(name) or _hex(ImageColor.getrgb(name.replace(" ", "")))
    return _toned(value, found["tone"])


def _toned(value: str, tone: str | None) -> str:
    """Return the color mixed with white ("light") or black ("dark")."""
    amount = _TONES.get(tone or "", 0.0)
    lighter, darker = max(0.0, amount), max(0.0, -amount)
    channels = ImageColor.getrgb(value)
    return _hex([round((part + (255 - part) * lighter) * (1 - darker)) for part in channels])


def _hex(channels: Sequence[int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*channels)
