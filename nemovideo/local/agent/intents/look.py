"""Adjust brightness, contrast and saturation of the whole picture."""

from __future__ import annotations

from attrs import evolve

from nemovideo.local.agent import edits
from nemovideo.local.agent.context import Context, Outcomes, answered, applied
from nemovideo.local.agent.language import number, percent
from nemovideo.local.agent.message import Clause
from nemovideo.local.agent.selection import Selection, needs_clips
from nemovideo.local.agent.words import has, pattern
from nemovideo.local.timeline import Clip

_NEUTRAL = {"brightness": 0.0, "contrast": 1.0, "saturation": 1.0}
_GRAY = {"saturation": 0.0}


def matches(clause: Clause) -> bool:
    """Return whether the clause is about the look of the picture."""
    return has(clause.text, "look.gray", "look.reset") or bool(_properties(clause.text))


def _properties(text: str) -> dict[str, str]:
    """Return the named properties, each with the words that apply to it.

    "Increase brightness and contrast by 20%" has the direction before both and the amount
    after both.
    """
    matches = sorted(
        (found.start(), found.end(), name)
        for name in _NEUTRAL
        if (found := pattern(f"properties.{name}").search(text))
    )
    parts: dict[str, str] = {}
    for index, (_start, end, name) in enumerate(matches):
        before = matches[index - 1][1] if index else 0
        after = matches[index + 1][0] if index + 1 < len(matches) else len(text)
        own = text[before:after]
        directed = has(own, "more", "less", "look.bright", "look.dark", "look.too", "look.to")
        if index and not directed:
            own = parts[matches[index - 1][2]] + own
        if percent(own) is None and number(own) is None:
            own += " , " + text[end:]
        parts[name] = own
    return parts


@needs_clips("adjust_color")
def adjust(clause: Clause, context: Context, selection: Selection) -> Outcomes:
    """Adjust the named properties, or reset them."""
    text = clause.text
    named = _properties(text)
    if has(text, "look.reset"):
        values = {name: _NEUTRAL[name] for name in _NEUTRAL if not named or name in named}
    else:
        values = {name: _value(name, part, selection.first) for name, part in named.items()}
        if has(text, "look.gray"):
            values |= _GRAY

    def change(clip: Clip) -> Clip:
        return evolve(
            clip,
            brightness=values.get("brightness", clip.brightness),
            contrast=values.get("contrast", clip.contrast),
            saturation=values.get("saturation", clip.saturation),
        )

    edited = edits.on_clips(selection.timeline, change, selection.only)
    if edited == selection.timeline:
        return answered(context.say("looks_already"))
    if values == _GRAY:
        return applied("adjust_color", values, edited, context.say("look_gray"), silent=True)
    shown = context.say("look.separator").join(
        context.say("look.gray")
        if (name, value) in _GRAY.items()
        else context.say(f"look.{name}", value=f"{value:g}")
        for name, value in values.items()
    )
    said = context.say("look_adjusted", shown=shown)
    return applied("adjust_color", values, edited, said, silent=True)


def _value(name: str, text: str, clip: Clip) -> float:
    """Return the new value of one property: brightness is added, the others are factors."""
    down = has(text, "less", "look.dark") or (name == "saturation" and has(text, "look.dull"))
    if has(text, "look.too", "look.too_dark"):
        down = not down and not has(text, "look.too_pale")
    elif down and has(text, "more", "look.bright"):
        # "More contrast, less dark": the word next to the property decides.
        down = not has(text, "look.less_dark")
    share = percent(text)
    if share is None and (plain := number(text)) is not None:
        share = plain / 100 if abs(plain) > 3 else plain
    absolute = share is not None and has(text, "look.to_figure")
    step = 0.1 if has(text, "slightly") else 0.3 if has(text, "much") else 0.15
    if name == "brightness":
        step = step if share is None else share
        new = clip.brightness + (-step if down else step)
        if share is not None and absolute:
            new = share - 1 if share >= 1 else (-share if "-" in text else share)
        return round(min(1.0, max(-1.0, new)), 4)
    step = 2 * step if share is None else share
    current: float = getattr(clip, name)
    new = current * (1 - step if down else 1 + step)
    if share is not None and absolute:
        new = share
    return round(min(3.0, max(0.0, new)), 4)
