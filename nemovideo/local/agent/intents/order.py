"""The order of the clips: "swap the two clips", "put the second clip first", 交换两个片段."""

from __future__ import annotations

import re
from collections.abc import Sequence

from nemovideo.local.agent import edits, files, speech
from nemovideo.local.agent.context import Context, Outcomes, answered, applied, asked, refused
from nemovideo.local.agent.intents import clips
from nemovideo.local.agent.language import digits
from nemovideo.local.agent.message import IMAGE, VIDEO, Clause
from nemovideo.local.agent.selection import clip_count_sentence, how_to_add
from nemovideo.local.agent.words import has, pattern
from nemovideo.local.timeline import Timeline


def matches(clause: Clause) -> bool:
    """Return whether the clause asks for a different order of the clips."""
    text = clause.text
    named = len(pattern("order.clip").findall(text))
    if has(text, "order.swap"):
        return named > 1 or has(text, "order.several")
    if has(text, "order.reverse"):
        return True
    rest = pattern("order.clip").sub(" ", text)
    targeted = has(rest, "order.front", "order.back", "order.behind")
    return named > 0 and targeted and has(text, "order.move")


def reorder(clause: Clause, context: Context) -> Outcomes:
    """Swap two clips, move one, or reverse them all."""
    text = clause.text
    timeline = context.timeline
    indexes = _indexes(clause, timeline)
    moves = not has(text, "order.swap", "order.reverse")
    if not timeline.clips or (moves and clause.files and indexes[0] is None):
        return clips.add(clause, context)  # "put rain.mp4 first", which is not there yet
    count = len(timeline.clips)
    if count == 1:
        return refused("reorder_clips", {}, context.say("only_one_clip") + how_to_add(context))
    if None in indexes:
        return refused("reorder_clips", {}, clip_count_sentence(context, timeline))
    order = list(range(count))
    named = [index for index in indexes if index is not None]
    if moves:
        order = _moved(text, count, named)
    elif has(text, "order.pair"):
        first = count - 2 if has(text, "order.back") else 0
        order[first : first + 2] = reversed(order[first : first + 2])
    elif len(named) > 1:
        first, second = named[:2]
        order[first], order[second] = order[second], order[first]
    elif count == 2 or has(text, "order.reverse"):
        order.reverse()
    else:
        return asked(context, "which_clips")
    names = speech.listed(context, [timeline.clips[index].name for index in order])
    if order == list(range(count)):
        return answered(context.say("order_already", names=names))
    edited = edits.with_clips(timeline, [timeline.clips[index] for index in order])
    return applied("reorder_clips", {"order": order}, edited, context.say("reordered", names=names))


def _indexes(clause: Clause, timeline: Timeline) -> list[int | None]:
    """Return the index of each clip that a clause mentions; None if it is not on the timeline."""
    named = iter(files.of_kind(clause.files, ("video", "image")))
    indexes: list[int | None] = []
    for found in pattern("order.clip").finditer(clause.text):
        if found[0][0] in (VIDEO, IMAGE):
            item = next(named, None)
            ids = [clip.media for clip in timeline.clips]
            indexes.append(ids.index(item.id) if item and item.id in ids else None)
        else:
            indexes.append(_numbered(digits(found[0]), len(timeline.clips)))
    return indexes


def _numbered(text: str, count: int) -> int | None:
    """Return the index of "second", "clip 2" or "最后一个", or None beyond the last clip."""
    index = files.ordinal(f"{text} clip")
    if index is None:
        index = int(re.sub(r"\D", "", text)) - 1
    return index % count if index < count else None


def _moved(text: str, count: int, named: Sequence[int]) -> list[int]:
    """Return the new order after moving the first clip: to an end, or next to the second clip."""
    moved = named[0]
    order = [index for index in range(count) if index != moved]
    rest = pattern("order.clip").sub(" ", text)
    if len(named) > 1 and named[1] != moved:
        at = order.index(named[1]) + (0 if has(rest, "order.front") else 1)
    else:
        at = 0 if has(rest, "order.front") else len(order)
    order.insert(at, moved)
    return order
