"""Find colors in a text: CSS names and notations, English and Chinese words."""

from __future__ import annotations

import re
from collections.abc import Iterator

import attrs
from PIL import ImageColor

from nemovideo._support.patterns import lazy

SOLID_DEFAULT = "#e8eaed"
"""The default for "a solid color": a light neutral gray."""

GREEN_SCREEN = "#00b140"

_CHINESE = {
    "白": "#ffffff", "黑": "#000000", "红": "#ff0000", "绿": "#008000", "蓝": "#0000ff",
    "黄": "#ffd700", "橙": "#ffa500", "橘": "#ffa500", "紫": "#800080", "粉": "#ffc0cb",
    "粉红": "#ffc0cb", "灰": "#808080", "棕": "#a52a2a", "褐": "#8b4513", "咖啡": "#6f4e37",
    "青": "#00ffff", "金": "#ffd700", "银": "#c0c0c0", "米": "#f5f5dc", "米白": "#faf5e6",
    "天蓝": "#87ceeb", "海军蓝": "#000080", "藏青": "#000080", "宝蓝": "#4169e1", "墨绿": "#004225",
    "草绿": "#7cfc00", "酒红": "#800020", "玫红": "#e3256b", "玫瑰": "#e3256b", "卡其": "#c3b091",
    "象牙": "#fffff0", "奶白": "#fffdd0", "奶油": "#fffdd0", "湖蓝": "#30a5c8", "薄荷": "#98ff98",
    "薄荷绿": "#98ff98", "品红": "#ff00ff", "洋红": "#ff00ff", "橄榄": "#808000", "橘红": "#ff4500",
    "橙红": "#ff4500", "紫罗兰": "#ee82ee", "靛蓝": "#4b0082", "深空灰": "#4b4e53",
}  # fmt: skip
_ENGLISH_EXTRA = {
    "navy blue": "#000080", "sky blue": "#87ceeb", "royal blue": "#4169e1", "baby blue": "#89cff0",
    "off-white": "#faf9f6", "off white": "#faf9f6", "cream": "#fffdd0", "charcoal": "#36454f",
    "burgundy": "#800020", "mint": "#98ff98", "rose": "#ff007f", "mustard": "#ffdb58",
    "chroma green": GREEN_SCREEN, "chroma key green": GREEN_SCREEN, "chromakey green": GREEN_SCREEN,
    "peach": "#ffe5b4", "lilac": "#c8a2c8", "emerald": "#50c878", "amber": "#ffbf00",
}  # fmt: skip
_LIGHTER = {
    "light": 0.5,
    "pale": 0.6,
    "pastel": 0.55,
    "soft": 0.45,
    "浅": 0.5,
    "淡": 0.55,
    "亮": 0.2,
}
_DARKER = {"dark": 0.45, "deep": 0.35, "深": 0.45, "暗": 0.45}
_NEUTRAL = {"bright": 0.0, "pure": 0.0, "plain": 0.0, "vivid": 0.0, "纯": 0.0, "大": 0.0, "正": 0.0}
_SPACED = {
    re.sub(
        r"^(.+?)(red|green|blue|gr[ae]y|white|black|pink|purple|brown|yellow|orange|violet|orchid|"
        r"salmon|coral|turquoise|cyan|magenta|khaki|rose|cream|wood|slate)(?=$|[a-z])",
        r"\1 ?\2",
        name,
    )
    for name in ImageColor.colormap
}
_NAMES = "|".join(sorted({*_SPACED, *_ENGLISH_EXTRA}, key=len, reverse=True))
_TONES_EN = "|".join(tone for tone in (*_LIGHTER, *_DARKER, *_NEUTRAL) if tone.isascii())
_TONES_ZH = "|".join(tone for tone in (*_LIGHTER, *_DARKER, *_NEUTRAL) if not tone.isascii())
_COLOR = lazy(
    r"(?P<css>#(?:[0-9a-f]{6}|[0-9a-f]{3})(?![0-9a-z])|(?:rgb|hsl)\([^()]{3,40}\))"
    r"|(?P<green>(?<![a-z])(?:green[- ]?screen|chroma[- ]?key(?! green))(?:ed)?(?![a-z])|绿幕|"
    r"绿屏|绿布)"
    r"|(?P<blue>(?<![a-z])blue[- ]?screen(?![a-z])|蓝幕|蓝屏)"
    rf"|(?<![a-z])(?:(?P<tone>{_TONES_EN})(?:er|est|ly)?[ -])??(?P<name>{_NAMES})(?:ish)?(?![a-z])"
    rf"|(?P<zh_tone>{_TONES_ZH})?(?P<zh>{'|'.join(sorted(_CHINESE, key=len, reverse=True))})"
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
    words: str
    start: int
    end: int


def find_colors(text: str) -> Iterator[ColorWords]:
    """Yield the colors of a normalized text, in order."""
    for found in _COLOR.finditer(text):
        if found["name"] and not found["tone"] and _PLACES.search(text[: found.start()]):
            continue
        value = _value(found)
        if value:
            yield ColorWords(value, found[0].strip(), found.start(), found.end())


def _value(found: re.Match[str]) -> str | None:
    if found["css"]:
        try:
            red, green, blue = ImageColor.getrgb(found["css"])[:3]
        except ValueError:
            return None
        return f"#{red:02x}{green:02x}{blue:02x}"
    if found["green"]:
        return GREEN_SCREEN
    if found["blue"]:
        return "#0047bb"
    if found["shade"]:
        return _SHADES.get(found["shade"], "#f2f2f2")
    if found["zh"]:
        return _toned(_CHINESE[found["zh"]], found["zh_tone"])
    name = found["name"]
    value = _ENGLISH_EXTRA.get(name) or ImageColor.colormap[name.replace(" ", "")]
    return _toned(
        value if isinstance(value, str) else "#{:02x}{:02x}{:02x}".format(*value), found["tone"]
    )


def _toned(value: str, tone: str | None) -> str:
    """Return the color mixed with white ("light") or black ("dark")."""
    lighter, darker = _LIGHTER.get(tone or "", 0.0), _DARKER.get(tone or "", 0.0)
    channels = (int(value[place : place + 2], 16) for place in (1, 3, 5))
    mixed = (round((part + (255 - part) * lighter) * (1 - darker)) for part in channels)
    return "#{:02x}{:02x}{:02x}".format(*mixed)
