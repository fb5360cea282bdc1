"""Join clips: "join the two clips", "merge", "play both clips one after the other", 合并视频."""

from __future__ import annotations

from nemovideo.local.agent import edits, files, speech
from nemovideo.local.agent.context import Context, Outcomes, answered, applied, refused
from nemovideo.local.agent.message import IMAGE, VIDEO, Clause
from nemovideo.local.agent.selection import not_on_timeline
from nemovideo.local.agent.words import has


def matches(clause: Clause) -> bool:
    """Return whether the clause asks to play several clips one after the other."""
    text = clause.text
    if has(text, "join.alone"):
        return True
    named = sum(item.kind in ("video", "image") for item in clause.files)
    if has(text, "join.join"):
        return named > 1 or has(text, "join.clips")
    asks_to_join = has(text, "join.in_turn", "join.into_one") and has(text, "join.use")
    if asks_to_join or has(text, "join.use_all"):
        return named > 1 or has(text, "join.clips")
    return False


def join(clause: Clause, context: Context) -> Outcomes:
    """Append the uploads that are not on the timeline yet, in the order of upload.

    These are the videos, and the pictures if the clause mentions them; or the named files.
    """
    mentions_picture = has(clause.text, "picture")
    kinds = ("video", "image") if mentions_picture else ("video",)
    named = files.of_kind(clause.files, ("video", "image"))
    wanted = not_on_timeline(context, kinds)
    if VIDEO in clause.text or IMAGE in clause.text:
        on_timeline = {clip.media for clip in context.timeline.clips}
        wanted = [item for item in named if item.id not in on_timeline]
    if clause.unknown_files:
        what = speech.listed(context, clause.unknown_files)
        return refused("join_clips", {}, context.say("not_uploaded", what=what))
    if not wanted:
        if len(context.timeline.clips) > 1:
            return answered(context.say("joined_already"))
        return refused("join_clips", {}, context.say("nothing_to_join"))
    edited = context.timeline
    for item in wanted:
        if edited.clips:
            edited = edits.append(edited, edits.clip_of(item))
        else:
            edited = edits.timeline_of(item)
    names = speech.listed(context, [item.name for item in wanted])
    length = speech.seconds(context, edited.duration_ms)
    said = context.say("clip_added", name=names, length=length)
    return applied("join_clips", {"media": [item.id for item in wanted]}, edited, said)
