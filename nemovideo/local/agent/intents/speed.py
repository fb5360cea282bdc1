"""How fast the picture runs."""

from __future__ import annotations

import re

from nemovideo.local.agent import edits, speech
from nemovideo.local.agent.context import Context, Intent, Outcome, asked, did, refused, told
from nemovideo.local.agent.language import factor, number, percent
from nemovideo.local.agent.message import Clause
from nemovideo.local.agent.stage import nothing_there, stage_for
from nemovideo.local.agent.words import MUCH, MUSIC, SLIGHTLY, TITLE, either, has
from nemovideo.local.timeline import Clip

SLOWEST, FASTEST = 0.25, 4.0

_FAST = either(
    r"fast(?:er|est)?|quick(?:er|ly|en)?|accelerat\w*|speed(?:s|ing)? \w* ?\w* ?up|sped up|"
    r"speed(?:ing)? up|"
    r"time-?lapse|fast[ -]?forward|hurry|double(?: the)? speed|hasten|rapid\w*",
    "加速|加快|快进|快放|快|提速|延时",
)
_SLOW = either(
    r"slow(?:er|ly|ed|ing|s)?|slow[- ]?mo(?:tion)?|slomo|half(?: the)? speed|decelerat\w*",
    "减速|放慢|慢放|慢动作|慢镜头|慢|降速|升格",
)
_SPEED = either(
    r"speed(?:s|ed|ing)?|sped|playback rate|tempo|pace|(?:play|run)(?:s|ning|ing)? (?:it |this |"
    r"the \w+ )?(?:back )?at",
    "速度|倍速|倍播|变速|语速|播放速率|原速|常速",
)
_NORMAL = either(
    r"(?:normal|regular|original|default|real|usual|standard) ?-?(?:speed|pace|tempo|time|rate)|"
    r"speed (?:back )?to normal|reset the speed",
    "正常速度|原速|正常播放|常速|原来的速度|恢复速度|速度恢复|默认速度",
)
_RELATIVE = either(r"%|percent", "%|百分之")


def _matches(clause: Clause) -> bool:
    text = clause.text
    if has(TITLE, text) or has(MUSIC, text):
        return False
    if has(
        either(r"as (?:fast|quickly|soon) as|talk\w* fast|quickly (?:remove|cut|add|make)|volume"),
        text,
    ):
        return False
    if has(f"{_SPEED}|{_NORMAL}", text) or re.fullmatch(r"\W*[\d.]+ ?(?:x|倍)\W*", text):
        return True
    acts = either(
        r"mak\w+|play\w*|run\w*|go|goes|slow\w* down|slow\w* (?:it|this|the \w+)|accelerat\w*|"
        r"slow[- ]?mo\w*|slomo|"
        r"time-?lapse|fast[ -]?forward\w*|slower|faster|quicker|want|need|put|twice as|times as",
        "加速|加快|放慢|慢放|快放|快进|减速|慢动作|慢镜头|提速|降速|[快慢]一?[些点半倍]|"
        "[变调改弄放播][^,。]{0,4}[快慢]|太[快慢]",
    )
    return has(f"{_FAST}|{_SLOW}", text) and has(acts, text)


def _change(clause: Clause, context: Context) -> tuple[Outcome, ...]:
    stage = stage_for(clause, context)
    if not stage:
        return nothing_there("set_speed", context)
    text = clause.text
    current = next((clip.speed for clip in stage.timeline.clips if clip.kind == "video"), None)
    if current is None:
        said = context.say("There is no video whose speed I could change.", "没有可以变速的视频。")
        return refused("set_speed", {}, said)
    new, relative = _speed(text)
    if new is None:
        said = context.say(
            "How fast should it be? Say for example “2x” or “half speed”.",
            "要变成几倍速？例如可以说“2倍速”或“慢放一半”。",
        )
        return asked(said, context.say("change the speed to ", "速度改为"))
    speeds = {clip.speed * new if relative else new for clip in stage.timeline.clips}
    if not all(SLOWEST <= speed <= FASTEST for speed in speeds):
        said = context.say(
            f"I can only set a speed from {SLOWEST}x to {FASTEST:g}x.",
            f"速度只能在 {SLOWEST} 倍到 {FASTEST:g} 倍之间。",
        )
        return refused("set_speed", {"speed": round(max(speeds), 4)}, said)

    def speed_of(clip: Clip) -> float:
        return round(clip.speed * new if relative else new, 4)

    edited = edits.set_speed(stage.timeline, speed_of, stage.only)
    shown = f"{next(iter(speeds)):g}"
    if edited == stage.timeline:
        return told(
            context.say(f"It already plays at {shown}x speed.", f"现在的速度已经是 {shown} 倍了。")
        )
    length = speech.seconds(context, edited.duration_ms)
    said = context.say(
        f"I've set the speed to {shown}x; the video is {length} long now.",
        f"速度已调为 {shown} 倍，现在总长 {length}。",
    )
    return (did("set_speed", {"speed": next(iter(speeds))}, edited, said),)


def _speed(text: str) -> tuple[float | None, bool]:
    """Return the factor that the words mean, and whether it counts from the present speed."""
    fast, slow = has(_FAST, text) or has(_raised, text), has(_SLOW, text) or has(_lowered, text)
    too_fast = has(either("too fast|too quick"), text) or has("太快", text)
    too_slow = has(either("too slow"), text) or has("太慢", text)
    fast, slow = (fast and not too_fast) or too_slow, (slow and not too_slow) or too_fast
    if has(_NORMAL, text):
        return 1.0, False
    share = percent(text)
    if share is not None and has(_RELATIVE, text):
        if has(either(r"by|faster|slower|more|less|quicker"), text) or has(
            "[快慢]了?\\d|[加提]快?速?\\d|[降减放]慢?[速低]?\\d|[快慢]百分|[加减]速百分", text
        ):
            return (1 - share if slow else 1 + share), True
        return share, False
    by = factor(text)
    if by is None and not (too_fast or too_slow):
        by = number(text) if has(_SPEED, text) else None
    if by:
        if slow and by > 1:
            return 1 / by, False
        if fast and not slow and by < 1 and has(either("half"), text) and not has("to half", text):
            return 1.5, True
        return by, False
    if slow or fast:
        step = 1.25 if has(SLIGHTLY, text) else 2.0 if has(MUCH, text) else 1.5
        if has(either("slow[- ]?mo(?:tion)?|slomo", "慢动作|慢放|慢镜头"), text):
            return 0.5, False
        return (1 / step if slow else step), True
    return None, False


_raised = either(
    r"(?:increas|rais|boost|bump|turn)\w* (?:up )?(?:the )?(?:\w+ )?speed",
    "提高[^,。]{0,4}速|增加[^,。]{0,4}速",
)
_lowered = either(
    r"(?:decreas|reduc|lower|drop|turn)\w* (?:down )?(?:the )?(?:\w+ )?speed",
    "降低[^,。]{0,4}速|减小[^,。]{0,4}速",
)

SPEED = Intent("speed", "speed", _matches, _change)
