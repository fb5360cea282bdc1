"""When and where something appears: "at the end for 3 seconds", "at the bottom", "全程"."""

from __future__ import annotations

import re

import attrs

from nemovideo._support.patterns import lazy
from nemovideo.local.agent.language import find_time, mark_times, time_range, times
from nemovideo.local.agent.places import find_spot
from nemovideo.local.agent.words import WHOLE, either, has

_AT_END = either(
    r"(?:at|near|towards|for|in) (?:the )?(?:very )?(?:end|ending|finish|"
    r"close)(?! of the (?:first|intro))|"
    r"last(?! night)|final|closing",
    "最后|结尾|末尾|片尾|结束",
)
_FROM = (
    r"(?:from|start\w*(?: (?:at|from|on))?|begin\w*(?: at)?|at|after|starting)(?: (?:the|"
    r"second|mark))* ?TIME"
)


@attrs.frozen
class When:
    """A stretch of the timeline in milliseconds."""

    start_ms: int
    duration_ms: int

    @property
    def end_ms(self) -> int:
        """The end of the stretch."""
        return self.start_ms + self.duration_ms


def position(text: str) -> str | None:
    """Return the place on the picture that the text names, as a title's `position`."""
    spot = find_spot(text)
    return spot.position if spot else None


def says_when(text: str) -> bool:
    """Return whether the text says anything about time."""
    return (
        bool(times(text)) or time_range(text) is not None or has(WHOLE, text) or has(_AT_END, text)
    )


def when(text: str, total_ms: int, default_ms: int) -> When | None:
    """Return the stretch that the text means, None where it lies outside the timeline.

    Without any word of time it begins at 0 and lasts `default_ms`; a stretch
    that runs over the end is cut at the end.
    """
    if has(WHOLE, text):
        return When(0, total_ms)
    if stretch := time_range(text):
        first, end = stretch[0], min(stretch[1], total_ms)
        return When(first, end - first) if first < end else None
    start = find_time(rf"(?<![a-z]){_FROM}", text)
    if start is None:
        start = find_time("从[^,。;]{0,3}TIME|在?第?TIME(?:处|的?时候?|开始|起|的地方|那里)", text)
    lengths = [time for time in times(text) if time != start]
    length = lengths[0] if lengths else default_ms
    if start is None and has(_AT_END, _without_lengths(text)):
        start = max(0, total_ms - length)
    start = start or 0
    if start >= total_ms:
        return None
    return When(start, max(1, min(length, total_ms - start)))


def without_when(text: str) -> str:
    """Return the pattern-free front of a text: cut before its words of time and place."""
    found = _TAIL.search(text)
    return text[: found.start()] if found else text


def _without_lengths(text: str) -> str:
    return re.sub("\ue010\\d+\ue010", "", mark_times(text))


_TAIL = lazy(
    r"[\s,]+(?:(?:at|on|in|near|along|to) (?:the )?(?:very )?(?:top|bottom|center|centre|middle|"
    r"upper|lower|"
    r"end|start|beginning|screen|video|clip|picture|left|right|corner|first|last|whole|"
    r"entire)(?![a-z]).*"
    r"|(?:from|for|at|starting|between|during|lasting|until|after)(?: at| the| first| last|"
    r" about| from)* "
    r"(?:\d|second \d|(?:one|two|three|four|five|six|seven|eight|nine|ten|half|"
    r"a) (?:and a half )?(?:s|sec|min|second|minute|half)).*"
    r"|throughout.*|as (?:the |a |an |my )?(?:\w+ )?(?:title|caption|subtitle|text|heading|"
    r"headline|label).*"
    r"|(?:centered|please|thanks|thank you)\W*)$"
)
