"""Change the speed."""

from __future__ import annotations

import re

from nemovideo.local.agent import edits, speech
from nemovideo.local.agent.context import Context, Outcomes, answered, applied, asked, refused
from nemovideo.local.agent.language import factor, number, percent, times
from nemovideo.local.agent.message import Clause
from nemovideo.local.agent.selection import Selection, needs_clips
from nemovideo.local.agent.words import has
from nemovideo.local.timeline import Clip

SLOWEST, FASTEST = 0.25, 4.0


def matches(clause: Clause) -> bool:
    """Return whether the clause is about the speed."""
    text = clause.text
    if has(text, "speed.speed", "speed.normal") or re.fullmatch(r"\W*[\d.]+ ?(?:x|倍)\W*", text):
        return True
    return has(text, "speed.fast", "speed.slow") and has(text, "speed.acting")


@needs_clips("set_speed")
def change(clause: Clause, context: Context, selection: Selection) -> Outcomes:
    """Set the speed of the videos."""
    if not any(clip.kind == "video" for clip in selection.timeline.clips):
        return refused("set_speed", {}, context.say("no_video_to_speed"))
    if times(clause.text) or has(clause.text, "speed.part"):
        return refused("set_speed", {}, context.say("no_partial_speed"))
    new, relative = _speed(clause.text)
    if new is None:
        return asked(context, "how_fast")
    speeds = {clip.speed * new if relative else new for clip in selection.timeline.clips}
    if not all(SLOWEST <= speed <= FASTEST for speed in speeds):
        said = context.say("speed_limits", slowest=SLOWEST, fastest=FASTEST)
        return refused("set_speed", {"speed": round(max(speeds), 4)}, said)

    def speed_of(clip: Clip) -> float:
        return round(clip.speed * new if relative else new, 4)

    edited = edits.set_speed(selection.timeline, speed_of, selection.only)
    speed = next(iter(speeds))
    shown = f"{speed:g}"
    if edited == selection.timeline:
        return answered(context.say("speed_already", shown=shown))
    length = speech.seconds(context, edited.duration_ms)
    said = context.say("speed", shown=shown, length=length)
    return applied("set_speed", {"speed": speed}, edited, said)


def _speed(text: str) -> tuple[float | None, bool]:
    """Return the factor, and whether it is relative to the current speed."""
    too_fast, too_slow = has(text, "speed.too_fast"), has(text, "speed.too_slow")
    fast = (has(text, "speed.fast", "speed.raised") and not too_fast) or too_slow
    slow = (has(text, "speed.slow", "speed.lowered") and not too_slow) or too_fast
    if has(text, "speed.normal"):
        return 1.0, False
    share = percent(text)
    if share is not None and has(text, "speed.relative"):
        if has(text, "speed.by"):
            return (1 - share if slow else 1 + share), True
        return share, False
    by = factor(text)
    if by is None and not (too_fast or too_slow) and has(text, "speed.speed"):
        by = number(text)
    if by:
        if slow and by > 1:
            return 1 / by, False
        half_faster = has(text, "speed.half") and not has(text, "speed.to_half")
        if fast and not slow and by < 1 and half_faster:
            return 1.5, True
        return by, False
    if not (slow or fast):
        return None, False
    if has(text, "speed.slow_motion"):
        return 0.5, False
    step = 1.25 if has(text, "slightly") else 2.0 if has(text, "much") else 1.5
    return (1 / step if slow else step), True
