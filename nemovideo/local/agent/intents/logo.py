"""Lay an uploaded picture over the video: a logo or a watermark."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from nemovideo._values.formats import IMAGE_SUFFIXES, suffix_of
from nemovideo.local.agent import files, hiding, speech
from nemovideo.local.agent.context import Context, Outcomes, applied, refused
from nemovideo.local.agent.intents.create import asks_for_new
from nemovideo.local.agent.language import digits, percent
from nemovideo.local.agent.message import QUOTE, UNKNOWN_FILE, Clause
from nemovideo.local.agent.places import find_spot, new_size, small_person
from nemovideo.local.agent.selection import no_clips, select_clips
from nemovideo.local.agent.timing import mentions_time, range_in
from nemovideo.local.agent.words import has, pattern
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.timeline import Overlay, Timeline

SIZE = 0.2
_MIN_SIZE, _MAX_SIZE = 0.02, 1.0
_CORNERS = ("top right", "top left", "bottom right", "bottom left")
"""The corners in order of preference."""


def matches(clause: Clause) -> bool:
    """Return whether the clause is about a logo or a picture over the video."""
    text = clause.text
    if QUOTE in text:
        return False
    mentions_picture = _names_overlay(clause) or has(text, "picture")
    over_video = mentions_picture and has(text, "logo.over") and has(text, "add", "logo.move")
    return (over_video or has(text, "logo.logo")) and not asks_for_new(clause)


def is_shown(clause: Clause, context: Context) -> bool:
    """Return whether the first file that a clause mentions is already an overlay of the video."""
    shown = {overlay.media for overlay in context.timeline.overlays}
    return bool(clause.files) and clause.files[0].id in shown


def _can_be_overlay(item: MediaItem) -> bool:
    """Return whether a file is a picture, an animation or a cutout, not a plain clip."""
    moving = item.kind == "video" and (item.has_alpha or suffix_of(item.name) in IMAGE_SUFFIXES)
    return moving or item.kind == "image"


def _names_overlay(clause: Clause) -> bool:
    return UNKNOWN_FILE in clause.text or any(map(_can_be_overlay, clause.files))


def edit(clause: Clause, context: Context) -> Outcomes:
    """Add, change or remove an overlay."""
    shown = context.timeline.overlays
    text = clause.text
    if has(text, "remove") and not has(text, "logo.not_removing"):
        return _remove(clause, context)
    adding = (_names_overlay(clause) or has(text, "logo.adding")) and not has(text, "replace")
    named = {item.id for item in clause.files}
    known = any(overlay.media in named for overlay in shown)
    act = _change if shown and (known or not adding) else _add
    return act(clause, context)


def _add(clause: Clause, context: Context) -> Outcomes:
    backgrounds = {c.background.media for c in context.timeline.clips if c.background}
    pictures = files.of_kind(context.media, ("image",))
    free = [item for item in pictures if item.id not in backgrounds]
    chosen = None if clause.unknown_files else _chosen(clause, free or pictures)
    if chosen is None:
        what = speech.listed(context, clause.unknown_files) or context.say("a_logo_picture")
        return refused("add_overlay", {}, context.say("no_logo_file", what=what))
    selection = select_clips(clause, context, without=(chosen.id,))
    if not selection:
        return no_clips("add_overlay", context)
    start, length = 0, selection.timeline.duration_ms
    if mentions_time(clause.text):
        timed = range_in(clause.text, length, length)
        if timed is None:
            return refused("add_overlay", {}, speech.out_of_range(context, selection.timeline))
        start, length = timed.start_ms, timed.duration_ms
    corner = _free_corner(selection.timeline)
    plain = Overlay(chosen.id, chosen.name, length, start, position=corner, size=SIZE)
    overlay = _styled(plain, clause.text, corner)
    edited = evolve(selection.timeline, overlays=(*selection.timeline.overlays, overlay))
    said = _described(context, overlay, selection.timeline.duration_ms, "logo_added")
    return applied("add_overlay", _args(overlay), edited, said)


def _chosen(clause: Clause, pictures: Sequence[MediaItem]) -> MediaItem | None:
    """Return the picture that the clause mentions, else the last one uploaded."""
    as_logo = has(clause.text, "logo.logo")  # a plain video as well: picture in picture
    named = [
        item
        for item in clause.files
        if item in pictures or _can_be_overlay(item) or (as_logo and item.kind == "video")
    ]
    named += [item for item in pictures if files.mentions_stem(clause.plain, item)]
    return next(iter((*named, *pictures[-1:])), None)


def _change(clause: Clause, context: Context) -> Outcomes:
    timeline = context.timeline
    named = [item.id for item in clause.files]
    index = next((i for i, o in enumerate(timeline.overlays) if o.media in named), -1)
    old = timeline.overlays[index]
    new = _styled(old, clause.text, _free_corner(timeline))
    other = next((item for item in clause.files if item.id != old.media), None)
    if other is not None and has(clause.text, "replace") and _can_be_overlay(other):
        new = evolve(new, media=other.id, name=other.name)
    timed = range_in(clause.text, timeline.duration_ms, timeline.duration_ms, old.start_ms)
    if timed is not None and mentions_time(clause.text):
        new = evolve(new, start_ms=timed.start_ms, duration_ms=timed.duration_ms)
    if new == old:
        return refused("edit_overlay", {}, context.say("logo_limits"))
    overlays = [new if overlay is old else overlay for overlay in timeline.overlays]
    edited = evolve(timeline, overlays=tuple(overlays))
    said = _described(context, new, timeline.duration_ms, "logo_changed")
    return applied("edit_overlay", _args(new), edited, said)


def _remove(clause: Clause, context: Context) -> Outcomes:
    shown = context.timeline.overlays
    named = {item.id for item in clause.files}
    gone = [overlay for overlay in shown if not named or overlay.media in named]
    if not gone:
        return refused("remove_overlay", {}, context.say("no_logo"))
    if hiding.is_timed(clause.text):
        meant = [index for index, overlay in enumerate(shown) if overlay in gone]
        return hiding.hide(clause, context, "edit_overlay", "overlays", meant)
    left = tuple(overlay for overlay in shown if overlay not in gone)
    said = context.say("removed", names=speech.listed(context, [o.name for o in gone]))
    return applied("remove_overlay", {}, evolve(context.timeline, overlays=left), said)


def _free_corner(timeline: Timeline) -> str:
    """Return the first corner without a person, a logo or a title; top right if all are taken."""
    taken = {small_person(timeline).position}
    taken |= {overlay.position for overlay in timeline.overlays}
    taken |= {title.position for title in timeline.titles}
    return next((corner for corner in _CORNERS if corner not in taken), _CORNERS[0])


def _styled(overlay: Overlay, text: str, corner: str) -> Overlay:
    """Return the overlay with the position, size and opacity that the text asks for.

    `corner` is the position to use if the text asks for any corner.
    """
    spot = find_spot(text)
    if spot is not None:
        sides = has(text, "places.left", "places.right", "places.top", "places.bottom")
        any_corner = has(text, "places.corner") and not sides
        overlay = evolve(overlay, position=corner if any_corner else spot.position)
    if has(text, "logo.opacity"):
        text = digits(text)
        found = pattern("logo.opacity_share").search(text)
        share = percent(found[0]) if found else None
        if share is not None and has(text, "logo.transparency") and not has(text, "logo.opaque"):
            share = 1 - share
        if found:  # the other figure is the size
            text = text[: found.start()] + text[found.end() :]
        overlay = evolve(overlay, opacity=round(0.5 if share is None else share, 4))
    sized = has(text, "places.bigger", "places.smaller", "logo.share")
    size = new_size(text, overlay.size) if sized else None
    if size is None:
        return overlay
    return evolve(overlay, size=round(min(_MAX_SIZE, max(_MIN_SIZE, size)), 4))


def _described(context: Context, overlay: Overlay, total_ms: int, sentence: str) -> str:
    where = context.say(f"position.{overlay.position}")
    shown = ""
    if overlay.start_ms or overlay.duration_ms < total_ms:
        end_ms = overlay.start_ms + overlay.duration_ms
        start, end = speech.bounds(context, overlay.start_ms, end_ms)
        shown = context.say("logo_shown", start=start, end=end)
    return context.say(sentence, name=overlay.name, where=where, size=overlay.size, shown=shown)


def _args(overlay: Overlay) -> dict[str, object]:
    names = ("media", "position", "size", "opacity", "start_ms", "duration_ms")
    return {name: getattr(overlay, name) for name in names}
