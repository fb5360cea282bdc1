"""What an edit left out: "… and a robot next to me", "… at sunset", "… in Comic Sans".

A part of a clause was not understood if the edit is the same without it, and if it has words that
are neither filler (`words/leftover.filler`) nor shown in the drawn scene (`words/drawn`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeAlias

from nemovideo.local.agent.backdrops import find_scene, without_source
from nemovideo.local.agent.colors import find_colors
from nemovideo.local.agent.context import Action, Context, Outcomes
from nemovideo.local.agent.intents import find_intent
from nemovideo.local.agent.language import mark_times, number, percent
from nemovideo.local.agent.message import AUDIO, IMAGE, QUOTE, UNKNOWN_FILE, VIDEO, Clause
from nemovideo.local.agent.timing import mentions_time, position
from nemovideo.local.agent.words import MARK, has, pattern
from nemovideo.local.timeline import SCENES, Timeline

_MARKS = " .,;!?，。；！？、"
_Scene: TypeAlias = tuple[str, int, int]
"""A scene, and where its name starts and ends."""
_MASKED = {QUOTE, VIDEO, IMAGE, AUDIO, UNKNOWN_FILE}
_MAX_CHARS = 600
_MAX_PARTS = 8
"""To check a part, the edit is repeated without it."""


def says_something(text: str) -> bool:
    """Return whether a text has words that are not filler."""
    rest = pattern("leftover.filler").sub(" ", text)
    return pattern("leftover.word").search(rest) is not None


def is_remark(sentence: str) -> bool:
    """Return whether a sentence explains something, or is only polite."""
    return has(sentence, "clauses.comment", "leftover.remark")


def asks_for_something(sentence: str) -> bool:
    """Return whether a sentence without an intent can be a request."""
    if is_remark(sentence):
        return False
    return says_something(sentence) or has(sentence, "leftover.subject")


def left_out(clause: Clause, act: Action, context: Context, outcomes: Outcomes) -> list[str]:
    """Return the parts of a clause that had no effect on its outcomes, as typed."""
    edited = _result(outcomes)
    scene = _drawn(clause.text, edited)
    parts = [*_shades(clause.text), *_described(clause.text, scene), *_parts(clause.text, scene)]
    if len(clause.text) > _MAX_CHARS:
        return []
    found: list[tuple[int, int]] = []
    tried = 0
    for start, first, end in parts:
        continued = bool(found) and found[-1][1] == start
        words = _undrawn(clause.text[first:end], scene)
        begins = has(clause.text[start:first], "clauses.sentence_end")
        says = (asks_for_something if begins else says_something)(words)
        if not (says or (continued and words.strip())) or _is_a_value(words):
            continue
        tried += 1
        if tried > _MAX_PARTS or _result(act(clause.without(start, end), context)) != edited:
            continue
        if _repeats(clause.part(first, end), context, edited):
            continue
        if continued:
            first = found.pop()[0]
        found.append((first, end))
    return [" ".join(clause.raw[start:end].split()).strip(_MARKS) for start, end in found]


def _repeats(part: Clause, context: Context, edited: Timeline | None) -> bool:
    """Return whether a part only repeats the edit: "it is too dark, make it brighter"."""
    intent = find_intent(part)
    return intent is not None and _result(intent.carry_out(part, context)) == edited


def _drawn(text: str, edited: Timeline | None) -> _Scene | None:
    """Return the scene that the text mentions, if it is in the result."""
    scene = find_scene(without_source(text))
    shown = edited.clips if edited else ()
    if scene and any(clip.background and clip.background.scene == scene[0] for clip in shown):
        return scene
    return None


def _undrawn(words: str, scene: _Scene | None) -> str:
    """Return the words without what the scene shows; empty if nothing else is said."""
    if scene is None:
        return words
    rest = words
    for name in (f"scenes.{scene[0]}", f"drawn.{scene[0]}", "drawn.any"):
        rest = pattern(name).sub(" ", rest)
    return rest if rest == words or says_something(rest) else ""


def _described(text: str, scene: _Scene | None) -> Iterator[tuple[int, int, int]]:
    """Yield each word right before and after the name of a scene: "a rainy beach house"."""
    if scene is None:
        return
    _, start, end = scene
    colors = list(find_colors(text))
    before = list(pattern("leftover.before_scene").finditer(text, 0, start))
    run: list[tuple[int, int, int]] = []
    for word in reversed(before):
        near = run[-1][0] if run else start
        shade = any(color.start < word.end() and word.start() < color.end for color in colors)
        if text[word.end() : near].strip(" -") or shade or not says_something(word[0]):
            break
        run.append((word.start(), word.start(), near))
    yield from reversed(run)
    for word in pattern("leftover.after_scene").finditer(text, end):
        if text[end : word.start()].strip(" -") or not says_something(word[0]):
            break
        yield end, word.start(), word.end()
        end = word.end()


def _parts(text: str, scene: _Scene | None) -> Iterator[tuple[int, int, int]]:
    """Yield the start, the start of the words, and the end of each part after a conjunction."""
    guarded = pattern("clauses.guarded").sub(lambda one: QUOTE * len(one[0]), text)
    conjunctions = list(pattern("leftover.conjunction").finditer(guarded))
    if scene is not None:
        conjunctions += pattern("leftover.scene_conjunction").finditer(guarded, scene[2])
        conjunctions.sort(key=lambda conjunction: conjunction.start())
    ends = [*(conjunction.start() for conjunction in conjunctions[1:]), len(text)]
    for conjunction, end in zip(conjunctions, ends, strict=False):
        if not _MASKED & set(guarded[conjunction.end() : end]):
            yield conjunction.start(), conjunction.end(), end


def _shades(text: str) -> Iterator[tuple[int, int, int]]:
    """Yield the colors of scenes: "a red office"."""
    # After "in the", a color may be a place: "in the snow".
    for color in find_colors(pattern("leftover.article").sub(lambda one: " " * len(one[0]), text)):
        rest = text[color.end :].lstrip(" 的")
        if any(pattern(f"scenes.{scene}").match(rest) for scene in SCENES):
            yield color.start, color.start, len(text) - len(rest)


def _is_a_value(words: str) -> bool:
    """Return whether words only give a time, position or number, which may equal the default."""
    if not (position(words) or mentions_time(words) or percent(words) or number(words)):
        return False
    unmarked = re.sub(rf"{MARK}\d+{MARK}", " ", mark_times(words))
    return not says_something(pattern("leftover.value").sub(" ", unmarked))


def _result(outcomes: Outcomes) -> Timeline | None:
    """Return the timeline after the outcomes of an edit, None if nothing changed."""
    return next((one.timeline for one in reversed(outcomes) if one.timeline is not None), None)
