"""What the file says of itself: date, location, title, chapters, kept or left out."""

from __future__ import annotations

from attrs import evolve

from nemovideo.local.agent.context import Context, Intent, Outcome, did, told
from nemovideo.local.agent.message import Clause
from nemovideo.local.agent.stage import nothing_there, stage_for
from nemovideo.local.agent.words import REMOVE, either, has

_METADATA = either(
    r"meta-?data|exif|gps(?: data)?|geo-?tags?|location (?:data|info\w*|tags?)|"
    r"(?:recording|creation) date",
    "元数据|元信息|位置信息|定位信息|gps|exif|拍摄(?:日期|时间|地点)",
)
_LEFT_OUT = either(r"anonymi[sz]e|scrub|clean|privacy", "清理|抹")


def _matches(clause: Clause) -> bool:
    return has(_METADATA, clause.text)


def _set(clause: Clause, context: Context) -> tuple[Outcome, ...]:
    stage = stage_for(clause, context)
    if not stage:
        return nothing_there("set_metadata", context)
    keep = not has(REMOVE, clause.text) and not has(_LEFT_OUT, clause.text)
    edited = evolve(stage.timeline, keep_metadata=keep)
    if edited == context.timeline:
        return told(context.say("That is how it is already.", "已经是这样了。"))
    said = context.say(
        "Date, location and title of the recording are kept."
        if keep
        else "Date, location and title of the recording are left out.",
        "保留拍摄日期、位置和标题。" if keep else "不保留拍摄日期、位置和标题。",
    )
    return (did("set_metadata", {"keep": keep}, edited, said),)


METADATA = Intent("metadata", "frame", _matches, _set)
