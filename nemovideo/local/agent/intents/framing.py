"""The picture's own frame: cropped, rotated, mirrored, and faded in and out."""

from __future__ import annotations

import re

from attrs import evolve

from nemovideo._support.patterns import lazy
from nemovideo.local.agent import edits, speech
from nemovideo.local.agent.context import Context, Intent, Outcome, asked, did, refused, told
from nemovideo.local.agent.language import digits, number, percent, times
from nemovideo.local.agent.message import Clause
from nemovideo.local.agent.stage import nothing_there, stage_for
from nemovideo.local.agent.words import BACKGROUND, MUSIC, REMOVE, SOUND, TITLE, either, has
from nemovideo.local.timeline import Crop

FADE_MS = 1000
_LEAST_SHARE = 0.05

_ROTATE = either(
    r"rotat\w*|(?:turn|tilt|tip)\w* (?:\w+ ){0,3}?(?:\d+|ninety|left|right|sideways|(?:counter-?)?"
    r"clockwise|upside)|upside[ -]?down|sideways|(?:counter|anti)-?clockwise|clockwise",
    "旋转|转\\d|转九十|转一百八|转两百七|顺时针|逆时针|上下颠倒|颠倒|倒过来|转正",
)
_LEFTWARDS = either(r"(?:counter|anti)-?clockwise|ccw|(?:to the )?left", "逆时针|向左|往左")
_OVER = either(r"upside[ -]?down", "颠倒|倒过来")
_FLIP = either(r"flip\w*|mirror\w*", "翻转|镜像|反转画面|左右对调|对称")
_UPRIGHT = either(
    r"vertical\w*|upside|top to bottom|up(?:-|\s)?(?:and|/)?(?:-|\s)?down", "上下|垂直"
)

_CROP = either(
    r"crop\w*|(?:cut|trim)(?:ting|ming)? (?:off )?(?:\w+ ){0,4}?"
    r"(?:top|bottom|left|right|sides?|edges?)",
    "裁|切掉|剪掉[上下左右]|去掉[上下左右](?:边|方|半)|只(?:保留|留|要)[^,。;]{0,4}[上下左右](?:半|边|侧)",
)
_SIDES = {
    "left": either(r"left|(?:the |both )sides", "左"),
    "top": either(r"top|upper", "上|顶"),
    "right": either(r"right|(?:the |both )sides", "右"),
    "bottom": either(r"bottom|lower", "下|底"),
}
_ALL_SIDES = either(
    r"edges?|each side|every side|all (?:the |four )?sides?|around|borders?|margins?",
    "[四4][周边]|每边|边缘|各边|周围",
)
_KEPT = either(r"to|keep\w*|only|just", "只|保留|留下|裁到|裁成|裁剪到|裁剪成")
_DROPPED = either(r"out|off|away|remov\w*", "掉|去")
_MIDDLE = either(r"middle|cent(?:er|re)", "中间|中央|中部|中心")
_PIXELS = lazy(r"(?<!\d)(\d+) ?(?:px|pixels?|像素)")

_FADE = either(r"fad(?:e|es|ed|ing)(?:-?(?:in|out))?", "淡入|淡出|渐入|渐出|渐显|渐隐|渐黑|淡化")
_FADE_IN = either(
    r"in|from black|(?:at |from )?(?:the )?(?:start|beginning|opening)|fade-?in",
    "淡入|渐入|渐显|开头|开始",
)
_FADE_OUT = either(
    r"out|to black|(?:at |to )?(?:the )?(?:end|ending|close)|fade-?out",
    "淡出|渐出|渐隐|渐黑|结尾|最后|末尾|结束",
)


def _rotates(clause: Clause) -> bool:
    return has(_ROTATE, clause.text) and not has(TITLE, clause.text) and not _mirrors(clause)


def _rotate(clause: Clause, context: Context) -> tuple[Outcome, ...]:
    text = digits(clause.text)
    degrees = number(text.replace("°", " "))
    if degrees is None:
        degrees = 180 if has(_OVER, text) else 90
    if degrees not in (90, 180, 270, 360):
        said = context.say(
            "I can rotate the picture by 90, 180 or 270 degrees.",
            "画面只能旋转 90、180 或 270 度。",
        )
        return refused("rotate", {"degrees": degrees}, said)
    turn = int(-degrees if has(_LEFTWARDS, text) else degrees)
    stage = stage_for(clause, context)
    if not stage:
        return nothing_there("rotate", context)
    edited = edits.turn(stage.timeline, turn, stage.only)
    if edited == stage.timeline:
        return told(context.say("That is how it stands already.", "画面已经是这个方向了。"))
    said = context.say(
        f"I've rotated the picture by {turn % 360} degrees clockwise.",
        f"画面已顺时针旋转 {turn % 360} 度。",
    )
    return (did("rotate", {"degrees": turn % 360}, edited, said),)


def _mirrors(clause: Clause) -> bool:
    text = clause.text
    return (
        has(_FLIP, text) and not has(TITLE, text) and not re.search(r"\d{2,3} ?(?:度|°|deg)", text)
    )


def _mirror(clause: Clause, context: Context) -> tuple[Outcome, ...]:
    stage = stage_for(clause, context)
    if not stage:
        return nothing_there("flip", context)
    axis = "y" if has(_UPRIGHT, clause.text) else "x"

    edited = edits.flip(stage.timeline, axis, stage.only)
    said = context.say(
        "I've flipped the picture upside down." if axis == "y" else "I've mirrored the picture.",
        "画面已上下翻转。" if axis == "y" else "画面已左右翻转。",
    )
    return (did("flip", {"axis": axis}, edited, said),)


def _crops(clause: Clause) -> bool:
    text = clause.text
    if not has(_CROP, text) or times(text) or has(TITLE, text) or has(MUSIC, text):
        return False
    return not has(BACKGROUND, text) and (
        _names_part(text) or has(either(r"crop\w*", "裁剪?画面"), text)
    )


def _names_part(text: str) -> bool:
    sides = any(has(words, text) for words in _SIDES.values())
    return sides or has(_ALL_SIDES, text) or has(_MIDDLE, text)


def _crop(clause: Clause, context: Context) -> tuple[Outcome, ...]:
    stage = stage_for(clause, context)
    if not stage:
        return nothing_there("crop", context)
    timeline = stage.timeline
    wanted = crop_for(clause.text, timeline.width, timeline.height)
    if wanted is None:
        said = context.say(
            "How should I crop it? Say for example “crop 10% off the top” or “crop it to 9:16”.",
            "怎么裁剪画面？例如“裁掉上面10%”或“裁成9:16”。",
        )
        return asked(said, context.say("crop ", "裁掉"))
    if min(wanted.right - wanted.left, wanted.bottom - wanted.top) < _LEAST_SHARE:
        said = context.say("That would leave next to nothing.", "这样几乎什么都不剩了。")
        return refused("crop", {}, said)
    edited = edits.crop(timeline, wanted, stage.only)
    size = f"{edited.width}×{edited.height}"
    said = context.say(
        f"I've cropped the picture; it is {size} now.", f"已裁剪画面，现在是 {size}。"
    )
    args: dict[str, object] = {
        "left": wanted.left,
        "top": wanted.top,
        "right": wanted.right,
        "bottom": wanted.bottom,
    }
    return (did("crop", args, edited, said),)


def crop_for(text: str, width: int, height: int) -> Crop | None:
    """Return what is kept of a picture of this size, None where the text does not say."""
    text = digits(text)
    sides = [side for side, words in _SIDES.items() if has(words, text)]
    share = _third(text) or percent(text) or (0.5 if has("[上下左右]半", text) else None)
    kept = {"left": 0.0, "top": 0.0, "right": 1.0, "bottom": 1.0}
    pixels = _PIXELS.search(text)
    if not sides and not has(_ALL_SIDES, text) and not has(_MIDDLE, text):
        return None
    if has(_MIDDLE, text) and not sides:
        rest = (1 - (share or 0.5)) / 2
        return Crop(rest, rest, 1 - rest, 1 - rest)
    if has(_ALL_SIDES, text) and not sides:
        sides = list(kept)
    if not sides or (share is None and pixels is None):
        return None
    keeps = has(_KEPT, text) and not has(_DROPPED, text)
    for side in sides:
        across = side in ("left", "right")
        part = int(pixels[1]) / (width if across else height) if pixels else share or 0.0
        if keeps:  # "crop to the left third": the other end goes
            other = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}[side]
            kept[other] = part if other in ("right", "bottom") else 1 - part
        else:
            kept[side] = part if side in ("left", "top") else 1 - part
    return Crop(**{side: round(value, 4) for side, value in kept.items()})


def _third(text: str) -> float | None:
    if has(either(r"two thirds", "3分之2|2/3"), text):
        return 2 / 3
    return 1 / 3 if has(either(r"(?:a |one )?third", "3分之1|1/3"), text) else None


def _fades(clause: Clause) -> bool:
    return has(_FADE, clause.text) and not has(TITLE, clause.text)


def _fade(clause: Clause, context: Context) -> tuple[Outcome, ...]:
    text = clause.text
    if has(MUSIC, text) or has(SOUND, text):
        said = context.say(
            "I can fade picture and sound together, not the sound alone.",
            "只能画面和声音一起淡入淡出，不能单独处理声音。",
        )
        return refused("fade", {}, said)
    stage = stage_for(clause, context)
    if not stage:
        return nothing_there("fade", context)
    given = times(text)
    length = min(given[0] if given else FADE_MS, stage.timeline.duration_ms)
    ends = {"fade_in_ms": has(_FADE_IN, text), "fade_out_ms": has(_FADE_OUT, text)}
    if not any(ends.values()):
        ends = dict.fromkeys(ends, True)
    gone = has(REMOVE, text) and not has(either("out"), text.split("fad")[-1])
    if gone:
        length = 0
    edited = evolve(
        stage.timeline,
        fade_in_ms=length if ends["fade_in_ms"] else stage.timeline.fade_in_ms,
        fade_out_ms=length if ends["fade_out_ms"] else stage.timeline.fade_out_ms,
    )
    if edited == context.timeline:
        return told(context.say("It fades like that already.", "已经是这样淡入淡出的了。"))
    names = [
        context.say(*words)
        for words, meant in zip((("in", "淡入"), ("out", "淡出")), ends.values(), strict=True)
        if meant
    ]
    shown = speech.listed(context, names)
    if gone:
        said = context.say("I've removed the fade.", "已取消淡入淡出。")
    else:
        span = speech.seconds(context, length)
        said = context.say(
            f"The video fades {shown} over {span} now.", f"已添加{shown}（{span}）。"
        )
    args: dict[str, object] = {name: length for name, meant in ends.items() if meant}
    return (did("fade", args, edited, said),)


ROTATE = Intent("rotate", "frame", _rotates, _rotate)
FLIP = Intent("flip", "frame", _mirrors, _mirror)
CROP = Intent("crop", "frame", _crops, _crop)
FADE = Intent("fade", "frame", _fades, _fade)
