"""Parse when and where something appears: "at the end for 3 seconds", "at the bottom", "全程"."""

from __future__ import annotations

import re

import attrs

from nemovideo.local.agent.language import find_time, mark_times, time_range, times
from nemovideo.local.agent.places import find_spot
from nemovideo.local.agent.words import MARK, has, pattern


@attrs.frozen
class TimeRange:
    """A range of the timeline in milliseconds."""

    start_ms: int
    duration_ms: int

    @property
    def end_ms(self) -> int:
        """The end of the range."""
        return self.start_ms + self.duration_ms


def position(text: str) -> str | None:
    """Return the position on the picture that the text gives, as a title's `position`."""
    spot = find_spot(text)
    return spot.position if spot else None


def mentions_time(text: str) -> bool:
    """Return whether the text says anything about time."""
    return bool(times(text)) or time_range(text) is not None or has(text, "whole", "timing.at_end")


def range_in(text: str, total_ms: int, default_ms: int, start_ms: int = 0) -> TimeRange | None:
    """Return the range that a text gives, or None if it is outside the timeline.

    If the text gives no time, the range starts at `start_ms` and lasts `default_ms`. It is cut off
    at the end of the timeline.
    """
    to_end = find_time(text, "timing.to_end")
    if to_end is not None:
        return TimeRange(to_end, total_ms - to_end) if to_end < total_ms else None
    if has(text, "whole"):
        return TimeRange(0, total_ms)
    if span := time_range(text):
        first, end = span[0], min(span[1], total_ms)
        return TimeRange(first, end - first) if first < end else None
    until = find_time(text, "trim.end")
    if until is not None:  # "stop it after 5 seconds"
        return TimeRange(0, min(until, total_ms)) if until else None
    start = find_time(text, "timing.start")
    lengths = [time for time in times(text) if time != start]
    length = lengths[0] if lengths else default_ms
    if start is None and has(re.sub(rf"{MARK}\d+{MARK}", "", mark_times(text)), "timing.at_end"):
        start = max(0, total_ms - length)
    if start and has(text, "timing.vanish"):  # "and hide it after 2 seconds"
        return TimeRange(0, min(start, total_ms))
    if start is None:
        start = 0 if has(text, "trim.first") else start_ms
    if start >= total_ms:
        return None
    return TimeRange(start, max(1, min(length, total_ms - start)))


def without_time(text: str) -> str:
    """Return the text up to the words that give a time and a position."""
    found = pattern("timing.tail").search(text)
    return text[: found.start()] if found else text
