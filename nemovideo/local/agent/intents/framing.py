"""Crop, rotate and mirror the picture."""

from __future__ import annotations

import re

from nemovideo.local.agent import edits
from nemovideo.local.agent.context import Context, Outcomes, answered, applied, asked, refused
from nemovideo.local.agent.language import digits, number, percent, times
from nemovideo.local.agent.message import Clause
from nemovideo.local.agent.selection import Selection, needs_clips, without_number
from nemovideo.local.agent.words import has
from nemovideo.local.timeline import Crop

_MIN_SHARE = 0.05
_OPPOSITE = {"left": "right", "top": "bottom", "right": "left", "bottom": "top"}
_PIXELS = re.compile(r"(?<!\d)(\d{1,5}) ?(?:px|pixels?|像素)")


def rotates(clause: Clause) -> bool:
    """Return whether the clause asks to rotate the picture."""
    return not has(clause.text, "title") and not flips(clause)


@needs_clips("rotate")
def rotate(clause: Clause, context: Context, selection: Selection) -> Outcomes:
    """Rotate the picture by quarter turns."""
    text = without_number(clause.text)
    degrees = number(text.replace("°", " "))
    if degrees is None:
        degrees = 180 if has(text, "framing.over") else 90
    if degrees not in (90, 180, 270, 360):
        return refused("rotate", {"degrees": degrees}, context.say("quarter_turns_only"))
    clockwise = int(-degrees if has(text, "framing.leftwards") else degrees)
    edited = edits.rotate(selection.timeline, clockwise, selection.only)
    if edited == selection.timeline:
        return answered(context.say("rotated_already"))
    clockwise %= 360
    said = context.say("rotated", degrees=clockwise)
    return applied("rotate", {"degrees": clockwise}, edited, said)


def flips(clause: Clause) -> bool:
    """Return whether the clause asks to mirror the picture, not to flip it by 90 degrees."""
    text = clause.text
    return has(text, "framing.flip") and not has(text, "title", "framing.degrees")


@needs_clips("flip")
def flip(clause: Clause, context: Context, selection: Selection) -> Outcomes:
    """Mirror the picture."""
    axis = "y" if has(clause.text, "framing.upright") else "x"
    edited = edits.flip(selection.timeline, axis, selection.only)
    return applied("flip", {"axis": axis}, edited, context.say(f"flipped.{axis}"))


def crops(clause: Clause) -> bool:
    """Return whether the clause asks to crop the picture, rather than to trim the video."""
    text = clause.text
    return not times(text) and (_names_part(text) or has(text, "framing.crop_picture"))


def _sides(text: str) -> list[str]:
    return [side for side in _OPPOSITE if has(text, f"sides.{side}")]


def _names_part(text: str) -> bool:
    return bool(_sides(text)) or has(text, "framing.all_sides", "framing.middle")


@needs_clips("crop")
def crop(clause: Clause, context: Context, selection: Selection) -> Outcomes:
    """Crop the picture, or ask how."""
    timeline = selection.timeline
    wanted = crop_for(clause.text, timeline.width, timeline.height)
    if wanted is None:
        return asked(context, "how_to_crop")
    if min(wanted.right - wanted.left, wanted.bottom - wanted.top) < _MIN_SHARE:
        return refused("crop", {}, context.say("nothing_left"))
    edited = edits.crop(timeline, wanted, selection.only)
    said = context.say("cropped", size=f"{edited.width}×{edited.height}")
    args = {side: getattr(wanted, side) for side in _OPPOSITE}
    return applied("crop", args, edited, said)


def crop_for(text: str, width: int, height: int) -> Crop | None:
    """Return the part of a picture of this size to keep, or None if the text gives none."""
    text = digits(text)
    if not _names_part(text):
        return None
    sides = _sides(text)
    share = _third(text) or percent(text) or (0.5 if has(text, "framing.half_side") else None)
    pixels = _PIXELS.search(text)
    if not sides and has(text, "framing.middle"):
        rest = (1 - (share or 0.5)) / 2
        return Crop(rest, rest, 1 - rest, 1 - rest)
    if share is None and pixels is None:
        return None
    keeps = has(text, "framing.kept") and not has(text, "framing.dropped")
    kept = {"left": 0.0, "top": 0.0, "right": 1.0, "bottom": 1.0}
    for side in sides or kept:
        whole = width if side in ("left", "right") else height
        part = int(pixels[1]) / whole if pixels else share or 0.0
        edge = _OPPOSITE[side] if keeps else side  # "crop to the left third" cuts off the right
        at_start = (edge in ("left", "top")) != keeps
        kept[edge] = part if at_start else 1 - part
    return Crop(**{side: round(value, 4) for side, value in kept.items()})


def _third(text: str) -> float | None:
    if has(text, "framing.two_thirds"):
        return 2 / 3
    return 1 / 3 if has(text, "framing.one_third") else None
