"""Repeat the video."""

from __future__ import annotations

import re

from nemovideo.local.agent import edits, speech
from nemovideo.local.agent.context import Context, Outcomes, applied, refused
from nemovideo.local.agent.language import digits, factor
from nemovideo.local.agent.message import Clause
from nemovideo.local.agent.selection import Selection, needs_clips
from nemovideo.local.agent.words import has

OTHER_SUBJECTS = ("title", "music", "sound", "background", "logo.logo", "talk.formats")
_MAX_TIMES = 10
_TIMES = re.compile(r"(\d+) ?[次遍回]")


def matches(clause: Clause) -> bool:
    """Return whether the clause asks to play the video several times."""
    text = clause.text
    return has(text, "repeat.repeat") or (has(text, "repeat.play") and _times(text) is not None)


def _times(text: str) -> float | None:
    found = _TIMES.search(digits(text))
    return float(found[1]) if found else factor(text)


@needs_clips("repeat_clip")
def repeat(clause: Clause, context: Context, selection: Selection) -> Outcomes:
    """Play the video, or one clip, several times: twice by default."""
    count = max(2, round(_times(clause.text) or 2))
    if count > _MAX_TIMES:
        return refused(
            "repeat_clip", {"times": count}, context.say("repeat_limit", most=_MAX_TIMES)
        )
    edited = edits.repeat(selection.timeline, count, selection.only)
    length = speech.seconds(context, edited.duration_ms)
    sentence = "repeated" if selection.only is None else "repeated_clip"
    names = speech.listed(context, [clip.name for clip in selection.clips])
    said = context.say(sentence, names=names, times=count, length=length)
    return applied("repeat_clip", {"times": count}, edited, said)
