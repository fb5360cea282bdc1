"""Move and scale the person: "put me in the bottom right corner at 40 %", 把我放到右下角."""

from __future__ import annotations

from attrs import evolve

from nemovideo.local.agent import edits
from nemovideo.local.agent.backdrops import resolves
from nemovideo.local.agent.context import Context, Outcomes, answered, applied
from nemovideo.local.agent.intents import background
from nemovideo.local.agent.language import percent
from nemovideo.local.agent.message import Clause
from nemovideo.local.agent.places import Spot, find_spot, new_size, nudge
from nemovideo.local.agent.selection import Selection, needs_clips, no_clips
from nemovideo.local.agent.words import has, pattern
from nemovideo.local.timeline import Background, Clip, Place

_MIN_SCALE, _MAX_SCALE = 0.05, 4.0


def matches(clause: Clause) -> bool:
    """Return whether the clause asks to move or scale the person."""
    text = clause.text
    if has(text, "place.no_verb"):  # "…, me in the bottom right corner", without a verb
        return True
    if has(text, "place.reset") or (has(text, "place.sized") and _says_size(text)):
        return True
    if not has(text, "place.moved"):
        return False
    moved = find_spot(_without_scene(text)) is not None or nudge(text) != (0, 0)
    return moved or (_says_share(text) and not resolves(clause))


def place(clause: Clause, context: Context) -> Outcomes:
    """Move the person, and replace the background if the clause mentions one."""
    text = clause.text
    if has(text, "place.moved") and not has(text, "place.reset"):
        # "Put me in the bottom right corner of an office" asks for both.
        return background.then(clause, context, _move)
    return _move(clause, context)


@needs_clips("place_person")
def _move(clause: Clause, context: Context, selection: Selection) -> Outcomes:
    if all(clip.kind == "card" for clip in selection.timeline.clips):
        return no_clips("place_person", context)
    current = selection.first.place or Place()
    placed = None if has(clause.text, "place.reset") else _new_place(clause.text, current)
    blurred: list[str] = []

    def change(clip: Clip) -> Clip:
        if placed is None or clip.background is not None:
            return evolve(clip, place=placed)
        if placed.x is None and placed.y is None and placed.scale >= 1:
            return evolve(clip, place=placed, fit="cover")  # zooms into the picture
        blurred.append(clip.name)
        return evolve(clip, place=placed, background=Background("blur"))

    edited = edits.on_footage(selection.timeline, change, selection.only)
    if edited == context.timeline:
        return answered(context.say("placed_already"))
    if placed is None:
        return applied("place_person", {"place": "original"}, edited, context.say("place_reset"))
    said = _described(context, placed) + (context.say("blurred_behind") if blurred else "")
    args = {"x": placed.x, "y": placed.y, "scale": placed.scale}
    return applied("place_person", args, edited, said)


def _described(context: Context, placed: Place) -> str:
    if placed.x is None and placed.y is None:
        return context.say("person_sized", size=placed.scale)
    if not {placed.x, placed.y} <= {0.0, 0.5, 1.0, None}:
        return context.say("person_moved")
    where = context.say(f"position.{Spot(placed.x, placed.y).position}")
    sized = context.say("person_placed.sized", size=placed.scale) if placed.scale != 1 else ""
    return context.say("person_placed", where=where, sized=sized)


def _new_place(text: str, current: Place) -> Place:
    spot = find_spot(_without_scene(text))
    right, down = nudge(text)
    x, y = current.x, current.y
    if spot is not None and not right:
        x = spot.x if spot.x is not None else x
        y = spot.y if spot.y is not None else y
        if spot == Spot(0.5, 0.5) and not has(text, "place.middle"):
            y = current.y  # "center me" means horizontally: the feet stay on the ground
    if right:
        x = _share((0.5 if x is None else x) + right)
    if down and (spot is None or spot.y is None):
        y = _share((0.5 if y is None else y) + down)
    scale = new_size(text, current.scale) if _says_size(text) else None
    scale = current.scale if scale is None else min(_MAX_SCALE, max(_MIN_SCALE, round(scale, 4)))
    return Place(x, y, scale)


def _share(value: float) -> float:
    return round(min(1.0, max(0.0, value)), 4)


def _says_size(text: str) -> bool:
    return has(text, "places.bigger", "places.smaller") or _says_share(text)


def _says_share(text: str) -> bool:
    share = percent(pattern("place.half_of_frame").sub(" ", text))
    return share is not None or ("half" in text and has(text, "place.size"))


def _without_scene(text: str) -> str:
    """Return the text without "in the middle of the beach", not a position in the frame."""
    return pattern("place.in_scene").sub(" ", text)
