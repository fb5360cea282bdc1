"""The person's place and size: "put me in the bottom right corner at 40 %", 把我放到右下角."""

from __future__ import annotations

import re

from attrs import evolve

from nemovideo._support.patterns import lazy
from nemovideo.local.agent import edits, speech
from nemovideo.local.agent.backdrops import resolves
from nemovideo.local.agent.context import Context, Intent, Outcome, did, told
from nemovideo.local.agent.intents.background import EDIT_BACKGROUND
from nemovideo.local.agent.language import percent
from nemovideo.local.agent.message import Clause
from nemovideo.local.agent.places import BIGGER, SMALLER, Spot, find_spot, new_size, nudge
from nemovideo.local.agent.stage import nothing_there, stage_for
from nemovideo.local.agent.words import MUSIC, SOUND, TITLE, either, has
from nemovideo.local.timeline import Background, Clip, Place

_LEAST, _MOST = 0.05, 4.0
_PERSON_EN = (
    r"(?:me|us|myself|him|her|them|(?:the|my) (?:person|people|speaker|subject|presenter|man|"
    r"woman|host|figure|cut-?out|talking head|body|foreground))"
)
_PERSON_ZH = "(?:我|[他她](?!的)|人物|人像|主体|主播|讲者|人(?!声|像))"
_MOVED = lazy(
    rf"(?<![a-z])(?:put|mov|plac|shift|position|bring|slid|push|keep|stand|set|align|have|want|"
    rf"drag|pin|anchor|get|stick|pop|tuck|drop|cent(?:er|re))\w* (?:of )?{_PERSON_EN}(?![a-z])"
    r"|(?<![a-z])(?:i (?:want|would like|should|need|must)(?: to)? (?:be|appear|stand|sit)|"
    r"i'd like to be)"
    rf"|(?:把|让|将|给)?{_PERSON_ZH}[^,。;]{{0,6}}?(?:放|移|挪|置|站|摆|靠|居|在|到|往|向|坐)"
)
_SIZED = lazy(
    rf"(?<![a-z])(?:mak|scal|shrink|enlarg|resiz|zoom|grow|blow|want|show|put|keep|reduc|increas|"
    r"set|turn|doubl|halv)\w*(?: (?:in|out|up|down))?(?: on)?(?: the size of)? "
    rf"{_PERSON_EN}(?![a-z]| an? (?!bit|little|lot|tad|touch))"
    r"|(?<![a-z])zoom(?:ed|ing)? (?:in|out)|(?<![a-z])my size(?![a-z])"
    r"|(?<![a-z])i(?:'m| am| look| should be| want to be) (?:too |much |a (?:bit|little) )*"
    r"(?:big|small|large)"
    rf"|{_PERSON_ZH}[^,。;]{{0,6}}?(?:放大|缩小|变大|变小|大一|小一|调大|调小|缩|太[大小]|的?大小)"
    rf"|(?:放大|缩小){_PERSON_ZH}|(?:拉近|拉远|推近)(?:镜头|画面)?|镜头(?:拉近|拉远|推近)"
    "|(?:画面|视频)(?:放大|缩小|拉近|拉远)|(?:放大|缩小)(?:画面|镜头|视频)"
)
_RESET = lazy(
    r"(?<![a-z])(?:reset|restore|undo) (?:my|the) (?:position|place|size|zoom)|"
    rf"(?:back )?(?:where|as) (?:i was|{_PERSON_EN} was)|"
    r"(?:my|the) (?:original|normal) (?:position|place|size)"
    "|(?:恢复|还原|重置)(?:我的|人物)?的?(?:位置|大小)|放回原[来位处]"
)
_NOT_OF_PLACE = either(
    r"logo|watermark|sticker|city cent(?:er|re)|desk|flip\w*|mirror\w*|speed|volume|fade\w*",
    "水印|标志|logo|翻转|速",
)


def _matches(clause: Clause) -> bool:
    text = clause.text
    if any(has(words, text) for words in (TITLE, MUSIC, SOUND, _NOT_OF_PLACE)):
        return False
    if _RESET.search(text):
        return True
    if _SIZED.search(text) and (has(BIGGER, text) or has(SMALLER, text) or _says_share(text)):
        return True
    if not _MOVED.search(text):
        return False
    moved = find_spot(_without_scene(text)) is not None or nudge(text) != (0, 0)
    return moved or (_says_share(text) and not resolves(clause))


def _place(clause: Clause, context: Context) -> tuple[Outcome, ...]:
    text = clause.text
    if _MOVED.search(text) and not _RESET.search(text) and resolves(clause):
        # "Put me in the bottom right corner of an office" wants both.
        first = EDIT_BACKGROUND.carry_out(clause, context)
        if first[-1].timeline is not None:
            context = evolve(context, timeline=first[-1].timeline)
            return (*first, *_moved(clause, context))
    return _moved(clause, context)


def _moved(clause: Clause, context: Context) -> tuple[Outcome, ...]:
    stage = stage_for(clause, context)
    if not stage or all(clip.kind == "card" for clip in stage.timeline.clips):
        return nothing_there("place_person", context)
    text = clause.text
    current = stage.timeline.clips[stage.only[0] if stage.only else 0].place or Place()
    place = None if _RESET.search(text) else _new_place(text, current)
    blurred: list[str] = []

    def change(clip: Clip) -> Clip:
        if clip.kind == "card":
            return clip
        if place is None:
            return evolve(clip, place=None)
        if clip.background is not None:
            return evolve(clip, place=place)
        if place.x is None and place.y is None and place.scale >= 1:
            return evolve(clip, place=place, fit="cover")  # a zoom into the picture itself
        blurred.append(clip.name)
        return evolve(clip, place=place, background=Background("blur"))

    edited = edits.on_clips(stage.timeline, change, stage.only)
    if edited == context.timeline:
        return told(context.say("The person is there already.", "人物已经在那里了。"))
    if place is None:
        said = context.say("The person is back in their place.", "人物已回到原来的位置。")
        return (did("place_person", {"place": "original"}, edited, said),)
    args: dict[str, object] = {"x": place.x, "y": place.y, "scale": place.scale}
    size = speech.percentage(place.scale)
    if place.x is None and place.y is None:
        said = context.say(f"The person is shown at {size} now.", f"人物大小已改为 {size}。")
    elif {place.x, place.y} <= {0.0, 0.5, 1.0, None}:
        where = speech.position_name(context, Spot(place.x, place.y).position)
        sized = context.say(f", at {size}", f"，大小 {size}") if place.scale != 1 else ""
        said = context.say(
            f"I've put the person at the {where}{sized}.", f"已把人物放到{where}{sized}。"
        )
    else:
        said = context.say("I've moved the person.", "已移动人物。")
    if blurred:
        said += context.say(
            " Behind is a blur of the original background; name another at any time.",
            "背后是虚化的原背景，可随时换成别的。",
        )
    return (did("place_person", args, edited, said),)


def _new_place(text: str, current: Place) -> Place:
    spot = find_spot(_without_scene(text))
    right, down = nudge(text)
    x, y = current.x, current.y
    if spot is not None and not right:
        x = spot.x if spot.x is not None else x
        y = spot.y if spot.y is not None else y
        if spot == Spot(0.5, 0.5) and not has(either("middle|very center"), text):
            y = current.y  # "center me" is meant across; feet stay on the ground
    if right:
        x = _share((0.5 if x is None else x) + right)
    if down and (spot is None or spot.y is None):
        y = _share((0.5 if y is None else y) + down)
    scale = new_size(text, current.scale) if _says_size(text) else None
    scale = current.scale if scale is None else min(_MOST, max(_LEAST, round(scale, 4)))
    return Place(x, y, scale)


def _share(value: float) -> float:
    return round(min(1.0, max(0.0, value)), 4)


def _says_size(text: str) -> bool:
    return has(BIGGER, text) or has(SMALLER, text) or _says_share(text)


def _says_share(text: str) -> bool:
    share = percent(re.sub(r"(?:left|right|top|bottom|upper|lower)[ -]?half", " ", text))
    return share is not None or (
        has(either(r"half|twice|double"), text)
        and "half" in text
        and has(either("size|big|large|small"), text)
    )


def _without_scene(text: str) -> str:
    """Return the text without "in the middle of the beach", where "middle" is no place of ours."""
    return re.sub(r"(?:in )?(?:the )?(?:middle|cent(?:er|re)) of (?:a|an|the|my) \w+", " ", text)


PLACE = Intent("place", "frame", _matches, _place)
