"""What an edit left out: "… and a robot next to me", "… with reverb", "… in Comic Sans".

A part of a clause was not understood if the result is the same without it, although it has words
other than those of `words/leftover.filler`.
"""

from __future__ import annotations

from collections.abc import Iterator

from nemovideo.local.agent.colors import find_colors
from nemovideo.local.agent.context import Action, Context, Outcomes
from nemovideo.local.agent.language import number, percent
from nemovideo.local.agent.message import AUDIO, IMAGE, QUOTE, UNKNOWN_FILE, VIDEO, Clause
from nemovideo.local.agent.timing import position, says_when
from nemovideo.local.agent.words import pattern
from nemovideo.local.timeline import SCENES, Timeline

_MARKS = " .,;!?，。；！？、"
_MASKED = {QUOTE, VIDEO, IMAGE, AUDIO, UNKNOWN_FILE}
_MAX_CHARS = 400
_MAX_PARTS = 8
"""To check a part, the edit is repeated without it."""


def says_something(text: str) -> bool:
    """Return whether a text has words that are not filler."""
    rest = pattern("leftover.filler").sub(" ", text)
    return pattern("leftover.word").search(rest) is not None


def left_out(clause: Clause, act: Action, context: Context, outcomes: Outcomes) -> list[str]:
    """Return the parts of a clause that had no effect on its outcomes, as typed."""
    edited = _result(outcomes)
    parts = [*_shades(clause.text), *_parts(clause.text)]
    if len(clause.text) > _MAX_CHARS or len(parts) > _MAX_PARTS:
        return []
    found: list[tuple[int, int]] = []
    for start, first, end in parts:
        continued = bool(found) and found[-1][1] == start
        words = clause.text[first:end]
        if not (says_something(words) or (continued and words.strip())) or _is_a_value(words):
            continue
        if _result(act(clause.without(start, end), context)) != edited:
            continue
        if continued:
            first = found.pop()[0]
        found.append((first, end))
    return [" ".join(clause.raw[start:end].split()).strip(_MARKS) for start, end in found]


def _parts(text: str) -> Iterator[tuple[int, int, int]]:
    """Yield the start, the start of the words, and the end of each part after a conjunction."""
    guarded = pattern("clauses.guarded").sub(lambda one: QUOTE * len(one[0]), text)
    joints = list(pattern("leftover.joint").finditer(guarded))
    ends = [*(joint.start() for joint in joints[1:]), len(text)]
    for joint, end in zip(joints, ends, strict=False):
        if not _MASKED & set(guarded[joint.end() : end]):
            yield joint.start(), joint.end(), end


def _shades(text: str) -> Iterator[tuple[int, int, int]]:
    """Yield the colors of scenes: "a red office"."""
    # After "in the", a color may be a place: "in the snow".
    for color in find_colors(pattern("leftover.article").sub(lambda one: " " * len(one[0]), text)):
        rest = text[color.end :].lstrip(" 的")
        if any(pattern(f"scenes.{scene}").match(rest) for scene in SCENES):
            yield color.start, color.start, len(text) - len(rest)


def _is_a_value(words: str) -> bool:
    """Return whether words give a time, a place or a number, which may equal the default."""
    return bool(position(words)) or says_when(words) or bool(percent(words) or number(words))


def _result(outcomes: Outcomes) -> Timeline | None:
    """Return the timeline after the outcomes of an edit, None if nothing changed."""
    return next((one.timeline for one in reversed(outcomes) if one.timeline is not None), None)
