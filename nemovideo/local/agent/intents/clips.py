"""Add, remove and replace clips."""

from __future__ import annotations

from nemovideo.local.agent import edits, files, speech
from nemovideo.local.agent.context import Context, Outcomes, answered, applied, refused
from nemovideo.local.agent.intents import logo
from nemovideo.local.agent.language import times
from nemovideo.local.agent.message import VIDEO, Clause
from nemovideo.local.agent.places import find_spot
from nemovideo.local.agent.selection import how_to_add
from nemovideo.local.agent.timing import mentions_time
from nemovideo.local.agent.words import has, pattern
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.timeline import Timeline

OTHER_SUBJECTS = ("background", "title", "music")


def matches_removal(clause: Clause) -> bool:
    """Return whether the clause is about a whole clip, not a part given by its times."""
    rest, numbered = pattern("clips.numbered").subn(" ", clause.text)  # "last" is not a time here
    return (numbered > 0 or VIDEO in rest) and not mentions_time(rest)


def remove(clause: Clause, context: Context) -> Outcomes:
    """Remove a clip."""
    timeline = context.timeline
    index = _meant(clause, timeline)
    if index is None:
        return refused("remove_clip", {}, context.say("clip_not_there") + how_to_add(context))
    if len(timeline.clips) == 1:
        return refused("remove_clip", {}, context.say("only_clip"))
    left = [clip for i, clip in enumerate(timeline.clips) if i != index]
    said = context.say("removed", names=timeline.clips[index].name)
    return applied("remove_clip", {"index": index}, edits.with_clips(timeline, left), said)


def _meant(clause: Clause, timeline: Timeline) -> int | None:
    ids = {item.id for item in clause.files}
    by_name = [i for i, clip in enumerate(timeline.clips) if clip.media in ids]
    if by_name:
        return by_name[-1]
    return files.index_in(timeline.clips, clause.text)


def add(clause: Clause, context: Context) -> Outcomes:
    """Add an upload to the timeline, at its end or its start."""
    if logo.is_shown(clause, context) and find_spot(clause.text):
        return logo.edit(clause, context)  # 把logo.png放到中间
    item = _item(clause, context)
    if item is None:
        return _missing("add_clip", clause, context)
    given = times(clause.text)
    timeline = context.timeline
    if not timeline.clips:
        edited = edits.timeline_of(item)
    else:
        clip = edits.clip_of(item, given[0] if given and item.kind == "image" else None)
        if has(clause.text, "clips.front") and not has(clause.text, "clips.after"):
            edited = edits.prepend(timeline, clip)
        else:
            edited = edits.append(timeline, clip)
    length = speech.seconds(context, edited.duration_ms)
    said = context.say("clip_added", name=item.name, length=length)
    return applied("add_clip", {"media": item.id}, edited, said)


def matches_use(clause: Clause) -> bool:
    """Return whether the clause asks to edit another upload instead."""
    text = clause.text
    named = VIDEO in text or (has(text, "clips.described") and has(text, "video_noun"))
    return named and has(text, "clips.switch", "instead")


def use(clause: Clause, context: Context) -> Outcomes:
    """Replace the timeline with another upload."""
    item = _item(clause, context)
    if item is None:
        return _missing("use_clip", clause, context)
    edited = edits.timeline_of(item)
    if edited == context.timeline:
        return answered(context.say("clip_already", name=item.name))
    return applied("use_clip", {"media": item.id}, edited, context.say("clip_used", name=item.name))


def _item(clause: Clause, context: Context) -> MediaItem | None:
    if clause.unknown_files:
        return None
    named = files.of_kind(clause.files, ("video", "image"))
    if named:
        return named[-1]
    mentions_picture = has(clause.text, "picture") and not has(clause.text, "video_noun")
    return files.choose(
        clause, files.of_kind(context.media, ("image",) if mentions_picture else ("video",))
    )


def _missing(tool: str, clause: Clause, context: Context) -> Outcomes:
    what = speech.listed(context, clause.unknown_files) or context.say("a_file")
    return refused(tool, {}, context.say("not_uploaded", what=what))
