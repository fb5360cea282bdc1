"""Find the background that a clause asks for: a color, blur, scene, upload, or something unknown.

A clause may mention the current background ("my white background", "from my office video") and the
new one ("a white background", "in an office"). The current one is blanked out first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import attrs

from nemovideo.local.agent.colors import SOLID_DEFAULT, find_colors
from nemovideo.local.agent.files import mentions_stem
from nemovideo.local.agent.message import AUDIO, IMAGE, UNKNOWN_FILE, VIDEO, Clause
from nemovideo.local.agent.words import has, pattern, source
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.timeline import SCENES, Background

_MARKS = " '\"“”‘’「」《》-:"
_FILE_PLACEHOLDERS = f"[{VIDEO}{IMAGE}{AUDIO}]+"
_PRESENT = ("removed", "replaced", "present", "cut_out", "in_video", "my_video")
"""Words about the current background and video, in the order in which they are blanked out."""
_NAMED = ("with", "use", "chinese", "before", "after")
"""Patterns for the name of a background, in order of preference."""


@attrs.frozen
class Target:
    """The background that a clause asks for.

    `background` is set if it is known; `unknown` is the name of one that is not. `upload_kinds`
    are the kinds of upload to choose from, and `named` is the upload that was named. `is_default`
    marks the default color.
    """

    background: Background | None = None
    unknown: str | None = None
    upload_kinds: tuple[str, ...] = ()
    named: MediaItem | None = None
    is_default: bool = False


def blurs(text: str) -> bool:
    """Return whether the text asks to blur the background, rather than something else."""
    return has(text, "backdrops.blur_itself") or (
        has(text, "backdrops.blur") and has(text, "background")
    )


def resolves(clause: Clause) -> bool:
    """Return whether the clause mentions a known background, with any verb."""
    found = find_target(clause, ())
    return found is not None and found.unknown is None


def find_target(clause: Clause, backdrops: Sequence[MediaItem]) -> Target | None:
    """Return the background that a clause mentions, or None.

    `backdrops` are the uploads that can be a background.
    """
    rest = without_source(clause.plain)
    return (
        _named_file(clause, rest)
        or _effect(clause, rest)
        or _upload(rest)
        or _drawn(rest)
        or _by_stem(rest, backdrops)
        or _unknown(clause, rest)
    )


def without_source(text: str) -> str:
    """Return the text without the words about the current background and video."""
    for name in _PRESENT:
        text = pattern(f"backdrops.{name}").sub(lambda found: " " * len(found[0]), text)
    return text


def _named_file(clause: Clause, rest: str) -> Target | None:
    runs = list(re.finditer(_FILE_PLACEHOLDERS, clause.plain))
    for run, item in zip(runs, clause.files, strict=False):
        if rest[run.start()] != clause.plain[run.start()] or item.kind == "audio":
            continue
        before, after = rest[: run.start()], rest[run.end() :]
        is_target = has(before, "backdrops.target_before") or has(after, "backdrops.target_after")
        if item.kind == "image" or is_target:
            return Target(upload_kinds=("image", "video"), named=item)
    return Target(upload_kinds=("image", "video")) if UNKNOWN_FILE in rest else None


def _effect(clause: Clause, rest: str) -> Target | None:
    if has(rest, "backdrops.transparent") or has(clause.plain, "backdrops.transparent"):
        return Target(background=Background("transparent"))
    return Target(background=Background("blur")) if has(rest, "backdrops.blur") else None


def _upload(rest: str) -> Target | None:
    uploaded = has(rest, "uploaded")
    described = find_scene(rest) or has(rest, "backdrops.picture_of")
    if has(rest, "picture") and (uploaded or not described):
        return Target(upload_kinds=("image",))
    found = pattern("video_noun").search(rest)
    if found:
        before = re.sub(rf"(?:{source('backdrops.describing')}\s*)+$", "", rest[: found.start()])
        if uploaded or has(before, "backdrops.target_before"):
            return Target(upload_kinds=("video",))
    if has(rest, "backdrops.uploaded"):
        return Target(upload_kinds=("image", "video"))
    return None


def _drawn(rest: str) -> Target | None:
    scene = find_scene(rest)
    for color in find_colors(rest):
        ends = pattern("backdrops.color_ends").match(rest, color.end)
        if ends and (not scene or color.start < scene[1]):
            return Target(background=Background("color", color=color.value))
    if scene:
        return Target(background=Background("scene", scene=scene[0]))
    if has(rest, "backdrops.solid"):
        return Target(background=Background("color", color=SOLID_DEFAULT), is_default=True)
    return None


def find_scene(rest: str) -> tuple[str, int, int] | None:
    """Return the scene that a text names, and where its name starts and ends."""
    found = ((scene, pattern(f"scenes.{scene}").search(rest)) for scene in SCENES)
    return next(((scene, *match.span()) for scene, match in found if match), None)


def _by_stem(rest: str, backdrops: Sequence[MediaItem]) -> Target | None:
    for item in backdrops:
        if item.kind == "image" and mentions_stem(rest, item):
            return Target(upload_kinds=("image",), named=item)
    return None


def _unknown(clause: Clause, rest: str) -> Target | None:
    """Return the unknown name in a clause that asks for a background."""
    removing = has(clause.text, "remove")
    asks = has(rest, "backdrops.replacing" if removing else "backdrops.asking")
    asks = asks or has(clause.text, "replace") or (not removing and has(rest, "replace"))
    for name in ("place", *(_NAMED if asks else ())):
        found = pattern(f"backdrops.named_{name}").search(rest)
        if not found:
            continue
        named = found["it"].strip()
        words = " ".join(pattern("backdrops.filler").sub(" ", named).split()).strip(_MARKS)
        if words and not pattern("backdrops.vague").match(words):
            start = clause.plain.find(named)
            raw = clause.raw[start : start + len(named)] if start >= 0 else words
            return Target(unknown=raw.strip(_MARKS))
    return None
