"""Hide titles, logos or music part of the time: "hide the logo after 3 seconds", 3秒后隐藏水印."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal

from attrs import evolve

from nemovideo.local.agent import speech
from nemovideo.local.agent.context import Context, Outcomes, answered, applied, refused
from nemovideo.local.agent.language import find_time, time_range, times
from nemovideo.local.agent.message import Clause
from nemovideo.local.agent.timing import TimeRange
from nemovideo.local.agent.words import has
from nemovideo.local.timeline import Overlay, Sound, Title


def is_timed(text: str) -> bool:
    """Return whether the text gives a time or a time range."""
    return bool(times(text)) or time_range(text) is not None


def hidden(text: str, total_ms: int) -> TimeRange | None:
    """Return the time range in which to hide something, or None if it is outside the timeline.

    "After 3 seconds" lasts until the end, "until 3 seconds" from the start; a length alone counts
    from the start, or from the end with "last".
    """
    before = find_time(text, "trim.before")
    after = find_time(text, "trim.after")
    after = find_time(text, "timing.start") if after is None else after
    if span := time_range(text):
        start, end = span
    elif before is not None:
        start, end = 0, before
    elif after is not None:
        start, end = after, total_ms
    elif has(text, "timing.at_end", "trim.last"):
        start, end = max(0, total_ms - times(text)[0]), total_ms
    else:
        start, end = 0, times(text)[0]
    end = min(end, total_ms)
    return TimeRange(start, end - start) if start < end else None


def hide(
    clause: Clause,
    context: Context,
    tool: str,
    kind: Literal["titles", "overlays", "sounds"],
    meant: Collection[int],
) -> Outcomes:
    """Hide the parts of a kind with the indexes `meant`, in the time range that a clause gives."""
    timeline = context.timeline
    parts: tuple[Title | Overlay | Sound, ...] = getattr(timeline, kind)
    removed = hidden(clause.text, timeline.duration_ms)
    if removed is None:
        return refused(tool, {}, speech.out_of_range(context, timeline))
    left: list[Title | Overlay | Sound] = []
    for index, part in enumerate(parts):
        left += _without(part, removed) if index in meant else [part]
    hidden_parts = [parts[index] for index in meant]
    names = speech.listed(
        context, [f"“{p.text}”" if isinstance(p, Title) else p.name for p in hidden_parts]
    )
    if left == [*parts]:
        return answered(context.say("hidden_already", names=names))
    start, end = speech.bounds(context, removed.start_ms, removed.end_ms)
    said = context.say("hidden", names=names, start=start, end=end)
    args = {"hidden_from_ms": removed.start_ms, "hidden_until_ms": removed.end_ms}
    changed: dict[str, Any] = {kind: tuple(left)}
    return applied(tool, args, evolve(timeline, **changed), said)


def _without(part: Title | Overlay | Sound, removed: TimeRange) -> list[Title | Overlay | Sound]:
    """Return what is left of a part outside a time range: nothing, or one or two pieces."""
    end_ms = part.start_ms + part.duration_ms
    spans = (
        (part.start_ms, min(end_ms, removed.start_ms)),
        (max(part.start_ms, removed.end_ms), end_ms),
    )
    return [evolve(part, start_ms=a, duration_ms=b - a) for a, b in spans if a < b]
