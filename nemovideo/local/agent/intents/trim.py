"""Trim: keep a part of the video or of one clip, or cut it out.

Times are those of the timeline, or count from the start of the clip.
"""

from __future__ import annotations

import attrs

from nemovideo.local.agent import edits, speech
from nemovideo.local.agent.context import Context, Outcomes, answered, applied, asked, refused
from nemovideo.local.agent.language import find_time, mark_times, percent, time_range, times
from nemovideo.local.agent.message import Clause
from nemovideo.local.agent.selection import Selection, needs_clips, without_number
from nemovideo.local.agent.words import has, pattern

_TOLERANCE_MS = 50
"""How far a part may extend beyond the end, since durations in frames are not round numbers."""


@attrs.frozen
class _Cut:
    """A part of the timeline, and whether it is kept or cut out."""

    start_ms: int
    end_ms: int
    keeps: bool


def matches(clause: Clause) -> bool:
    """Return whether the clause asks to shorten the video."""
    text = clause.text
    if pattern("trim.unspecified").match(text):
        return True
    at_end = has(text, "trim.first", "trim.last")
    half = has(text, "trim.half") and (at_end or has(text, "trim.in_half"))
    part = half or (percent(text) is not None and at_end)
    if not part and not times(text) and time_range(text) is None:
        return False
    elsewhere = has(text, "trim.other_subject") and not has(text, "trim.both_ends")
    if elsewhere or has(text, "music", "title"):
        return False
    if has(text, "trim.cut", "trim.keep"):
        return True
    sets_length = has(text, "trim.making") and has(text, "trim.length")
    return sets_length or has(mark_times(text), "trim.starts", "trim.make_it")


@needs_clips("trim_clip")
def trim(clause: Clause, context: Context, selection: Selection) -> Outcomes:
    """Keep a part or cut it out, or ask which part."""
    only = selection.only[0] if selection.only and len(selection.only) == 1 else None
    total = selection.timeline.duration_ms if only is None else selection.first.duration_ms
    cut = _read(without_number(clause.text), total)
    length = speech.seconds(context, total)
    if cut is None:
        return asked(context, "which_part", length=length)
    start, end = cut.start_ms, cut.end_ms
    action = "keep" if cut.keeps else "cut"
    args = {"action": action, "start_ms": start, "end_ms": end}
    if only is not None:
        args["index"] = only
    if total < end <= total + _TOLERANCE_MS:
        end = total
    if end <= start and end <= total:  # "trim 5s to 2s"
        return asked(context, "which_part", length=length)
    if not 0 <= start < end <= total:
        return refused("trim_clip", args, _beyond(context, cut, total, selection, only))
    if (start, end) == (0, total):
        if cut.keeps:
            return answered(context.say("trim_already", length=length))
        return refused("trim_clip", args, context.say("not_everything"))
    edited = edits.trim(selection.timeline, start, end, keeps=cut.keeps, only=only)
    left = speech.seconds(context, edited.duration_ms)
    part = speech.part(context, start, end, total)
    if only is not None:
        part = context.say("part_of", part=part, name=selection.first.name)
    said = context.say("part_kept" if cut.keeps else "part_cut", part=part, left=left)
    if len(edited.titles) < len(selection.timeline.titles):
        said += context.say("title_lost")
    return applied("trim_clip", args, edited, said)


def _beyond(context: Context, cut: _Cut, total: int, selection: Selection, only: int | None) -> str:
    """Return the refusal of a part that is not within the video, or within one clip."""
    length = speech.seconds(context, total)
    name = context.say("the_video") if only is None else selection.first.name
    if cut.start_ms < 0:  # the last 15 s of 10 s
        part = speech.seconds(context, cut.end_ms - cut.start_ms)
    elif cut.start_ms == 0:
        part = speech.seconds(context, cut.end_ms)
    else:
        part = speech.span(context, cut.start_ms, cut.end_ms)
    sentence = "cannot_keep" if cut.keeps else "cannot_cut"
    return context.say(sentence, part=part, name=name, length=length)


def _read(text: str, total: int) -> _Cut | None:
    """Return the part that a text names on a timeline of `total` milliseconds."""
    drops, keeps = has(text, "trim.drops"), has(text, "trim.keep")
    if span := time_range(text):
        return _Cut(*span, keeps=not drops)
    found = times(text)
    if found and has(text, "trim.both_ends") and (drops or has(text, "trim.cut")):
        return _Cut(found[0], total - found[0], keeps=True)
    if by_boundary := _by_boundary(text, total, drops=drops):
        return by_boundary
    amount = found[0] if found else _share(text, total)
    if amount is None:
        return None
    marked = mark_times(text)
    keeps = keeps and not drops
    if not drops and has(marked, "trim.shorten_to") and not has(marked, "trim.first_time"):
        return _Cut(0, amount, keeps=True)
    if has(text, "trim.middle"):
        middle = (total - amount) // 2
        return _Cut(middle, middle + amount, keeps=keeps)
    if has(text, "trim.last") and not has(text, "trim.from_first"):
        # "Shorten it by 2 seconds at the end" cuts; "make it the last 2 seconds" keeps.
        return _Cut(total - amount, total, keeps=keeps)
    if has(text, "trim.first"):
        return _Cut(0, amount, keeps=keeps)
    cuts = has(text, "trim.cut") and not has(text, "trim.length")
    shortened = has(marked, "trim.shortened_by") and not has(text, "trim.to")
    if shortened or (cuts and (drops or has(text, "trim.by"))):
        return _Cut(total - amount, total, keeps=False)
    return _Cut(0, amount, keeps=True)


def _by_boundary(text: str, total: int, *, drops: bool) -> _Cut | None:
    """Parse "everything after 5 s", "start at 3 s", "5秒之后的", "从第3秒开始"."""
    to_end = find_time(text, "timing.to_end")
    if to_end is not None:
        return _Cut(to_end, total, keeps=not drops)
    from_start = find_time(text, "trim.from_start")
    if from_start is not None:
        return _Cut(0, from_start, keeps=not drops)
    start, end = find_time(text, "trim.start"), find_time(text, "trim.end")
    if start is not None or end is not None:
        return _Cut(start or 0, total if end is None else end, keeps=True)
    cuts = drops or has(text, "trim.cut")
    after = find_time(text, "trim.after")
    if after is not None:
        return _Cut(after, total, keeps=not cuts or has(text, "trim.only"))
    before = find_time(text, "trim.before")
    if before is not None:
        return _Cut(0, before, keeps=not drops and (not cuts or has(text, "trim.keep")))
    return None


def _share(text: str, total: int) -> int | None:
    share = percent(text)
    if share is None and has(text, "trim.half"):
        share = 0.5
    return round(total * share) if share else None
