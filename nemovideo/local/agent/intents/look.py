"""Brightness, contrast and saturation of the whole picture."""

from __future__ import annotations

import re

from attrs import evolve

from nemovideo.local.agent import edits
from nemovideo.local.agent.context import Context, Intent, Outcome, did, refused, told
from nemovideo.local.agent.language import number, percent
from nemovideo.local.agent.message import Clause
from nemovideo.local.agent.stage import nothing_there, stage_for
from nemovideo.local.agent.words import BACKGROUND, LESS, MORE, MUCH, SLIGHTLY, TITLE, either, has
from nemovideo.local.timeline import Clip

_WORDS = {
    "brightness": either(
        r"brightness|bright(?:er|en|ened|ening)?|dark(?:er|en|ened|ening)?|dim(?:mer|med|ming)?|"
        r"lighter|lighten\w*|exposure|overexposed|underexposed|luminosity|gloomy|light it up",
        "亮度|[调变弄提]亮|亮[一些点度]|更亮|太亮|[调变弄]暗|暗[一些点]|更暗|太暗|曝光|明亮|昏暗|"
        "亮堂|偏[亮暗]",
    ),
    "contrast": either(r"contrast\w*|punchier|washed[ -]?out", "对比"),
    "saturation": either(
        r"(?:de|over|under)?-?saturat\w*|vivid\w*|vibran\w*|colou?rful\w*|colou?r intensity|"
        r"(?:richer|stronger|brighter|bolder|muted|duller|weaker|deeper|punchier|more|less|"
        r"fewer) colou?rs?|"
        r"colou?rs? (?:\w+ ){0,2}(?:pop|richer|stronger|bolder|weaker|muted|duller)|"
        r"dull|drab|muted",
        "饱和|鲜艳|艳丽|鲜明|色彩[更浓丰]|颜色[更浓深淡]|素雅|艳[一些点]",
    ),
}
GREY = either(
    r"black[ -]?(?:and|&|n|'n')[ -]?white|b ?& ?w|b/w|gr[ae]y-?\s?scale|monochrom\w+|"
    r"desaturat\w+ (?:completely|fully|entirely)|"
    r"(?:completely|fully|entirely) desaturat\w+|remove (?:all )?(?:the )?colou?rs?|no colou?rs?|"
    r"noir",
    "黑白|灰度|单色画面|去色",
)
_RESET = either(
    r"(?:reset|restore|undo|original|normal|default|neutral)(?: \w+){0,3} (?:colou?rs?|look|"
    r"brightness|contrast|saturation|adjustments?)|"
    r"(?:colou?rs?|look|brightness|contrast|saturation) (?:back )?to (?:normal|default|original|"
    r"neutral)|back to colou?r|in colou?r again",
    "(?:恢复|还原|重置)[^,。]{0,6}(?:颜色|色彩|亮度|对比度|饱和度|彩色)|(?:颜色|色彩|亮度|对比度|"
    "饱和度)[^,。]{0,3}(?:恢复|还原|重置)|变回彩色",
)
_DARK = either(r"dark(?:er|en|ened|ening)?|dim(?:mer|med|ming)?", "暗")
_BRIGHT = either(r"bright(?:er|en|ened|ening)?|lighter|lighten\w*|light it up", "亮(?!度)|明亮")
_DULL = either(r"desaturat\w*|muted|duller|weaker|dull(?:ed)?", "素|淡")
_TOO = either(r"too|overly|over|not so|not as|isn't so", "太|过于|别那么|不要那么|别太|偏")


def _matches(clause: Clause) -> bool:
    text = clause.text
    if has(TITLE, text) or has(BACKGROUND, text):
        return False
    if has(
        either("lights? (?:blue|green|red|pink|grey|gray)|music|volume|voice|sound", "音|声"), text
    ):
        return False
    return has(GREY, text) or has(_RESET, text) or bool(_properties(text))


def _properties(text: str) -> dict[str, str]:
    """Return the named properties, each with the words that are about it.

    "Increase brightness and contrast by 20%" says the direction before both,
    and the amount after both.
    """
    places = sorted(
        (found.start(), found.end(), name)
        for name, pattern in _WORDS.items()
        if (found := re.search(pattern, text))
    )
    parts: dict[str, str] = {}
    for index, (_start, end, name) in enumerate(places):
        before = places[index - 1][1] if index else 0
        after = places[index + 1][0] if index + 1 < len(places) else len(text)
        own = text[before:after]
        if not _directed(own) and index:
            own = parts[places[index - 1][2]] + own
        if not _amount(own):
            own += " , " + text[end:]
        parts[name] = own
    return parts


def _directed(text: str) -> bool:
    return any(has(words, text) for words in (MORE, LESS, _BRIGHT, _DARK, _TOO)) or has(
        either("to|at", "到|为|成"), text
    )


def _amount(text: str) -> bool:
    return percent(text) is not None or number(text) is not None


def _adjust(clause: Clause, context: Context) -> tuple[Outcome, ...]:
    stage = stage_for(clause, context)
    if not stage:
        return nothing_there("adjust_color", context)
    text = clause.text
    clips = stage.timeline.clips
    first = clips[stage.only[0] if stage.only else 0]
    if has(_RESET, text):
        values = {"brightness": 0.0, "contrast": 1.0, "saturation": 1.0}
        named = _properties(text)
        values = {name: value for name, value in values.items() if not named or name in named}
    else:
        values = {name: _value(name, part, first) for name, part in _properties(text).items()}
        if has(GREY, text):
            values["saturation"] = 0.0

    def change(clip: Clip) -> Clip:
        return evolve(
            clip,
            brightness=values.get("brightness", clip.brightness),
            contrast=values.get("contrast", clip.contrast),
            saturation=values.get("saturation", clip.saturation),
        )

    edited = edits.on_clips(stage.timeline, change, stage.only)
    if edited == stage.timeline:
        return told(context.say("That is how it looks already.", "画面已经是这样了。"))
    shown = ", ".join(f"{name} {value:g}" for name, value in values.items())
    args: dict[str, object] = dict(values.items())
    said = context.say(f"I've adjusted the picture: {shown}.", f"已调整画面：{shown}。")
    if not values:
        return refused("adjust_color", {}, said)
    return (did("adjust_color", args, edited, said, silent=True),)


def _value(name: str, text: str, clip: Clip) -> float:
    """Return the new value of one property: brightness is added, the others are factors."""
    down = has(LESS, text) or has(_DARK, text) or (name == "saturation" and has(_DULL, text))
    up = has(MORE, text) or has(_BRIGHT, text)
    if has(_TOO, text) or has("washed|underexposed", text):
        down = not down
        if has(either("washed[ -]?out|underexposed|dull"), text):
            down = False
    elif down and up:
        # "More contrast, less dark": the word next to the property was looked at already.
        down = not has(
            either(
                "less dark|increase\\w*|more|raise\\w*|brighter", "提高|增加|增强|调高|[调变]亮"
            ),
            text,
        )
    share = percent(text)
    if share is None and (plain := number(text)) is not None:
        share = plain / 100 if abs(plain) > 3 else plain
    absolute = has(either(r"(?:to|at|=|of)\W*[\d.]+", r"(?:到|为|成|至)\W*[\d.百]+"), text)
    if name == "brightness":
        if share is not None and absolute:
            new = share - 1 if share >= 1 else (-share if "-" in text else share)
        else:
            step = share if share is not None else _step(text)
            new = clip.brightness + (-step if down else step)
        return round(min(1.0, max(-1.0, new)), 4)
    current: float = getattr(clip, name)
    if share is not None and absolute:
        new = share
    else:
        step = share if share is not None else 2 * _step(text)
        new = current * (1 - step if down else 1 + step)
    return round(min(3.0, max(0.0, new)), 4)


def _step(text: str) -> float:
    return 0.1 if has(SLIGHTLY, text) else 0.3 if has(MUCH, text) else 0.15


LOOK = Intent("look", "look", _matches, _adjust)
