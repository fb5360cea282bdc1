"""Positions and sizes on the picture: "the bottom right corner", "40 %", "左上角"."""

from __future__ import annotations

import re

import attrs

from nemovideo.local.agent.language import digits, factor, percent
from nemovideo.local.agent.words import has, pattern
from nemovideo.local.timeline import Timeline

_SMALL = 0.6
"""People up to this size leave the other half of the picture free."""


@attrs.frozen
class Spot:
    """A position on the picture: 0 is left or top, 1 is right or bottom, None is unspecified."""

    x: float | None = None
    y: float | None = None

    @property
    def position(self) -> str:
        """The spot as the `position` of a title or an overlay."""
        across = {0.0: "left", 1.0: "right", None: ""}.get(self.x, "")
        down = {0.0: "top", 1.0: "bottom", None: ""}.get(self.y, "")
        return f"{down} {across}".strip() or "center"


def small_person(timeline: Timeline) -> Spot:
    """Return the spot of a small person who was given a place: overlays avoid it.

    In a vertical video, the whole person fits into the width, so the top is free even at 100%.
    """
    vertical = timeline.height > timeline.width
    for clip in timeline.clips:
        largest = 1.0 if vertical and clip.fit == "cover" else _SMALL
        if clip.place and clip.place.scale <= largest:
            return Spot(clip.place.x, clip.place.y)
    return Spot()


def find_spot(text: str) -> Spot | None:
    """Return the spot that a text gives, or None.

    "The corner" without a side means the bottom right one.
    """
    x = 0.0 if has(text, "places.left") else 1.0 if has(text, "places.right") else None
    y = 0.0 if has(text, "places.top") else 1.0 if has(text, "places.bottom") else None
    if has(text, "places.center"):
        if x is None and y is None:
            return Spot(0.5, 0.5)
        x, y = (0.5 if x is None else x), (0.5 if y is None else y)
    if has(text, "places.corner"):
        return Spot(1.0 if x is None else x, 1.0 if y is None else y)
    return None if x is None and y is None else Spot(x, y)


def new_size(text: str, current: float) -> float | None:
    """Return the new size as a factor, or None if the text does not change it."""
    text = pattern("places.halves").sub(" ", text)
    bigger, smaller = has(text, "places.bigger"), has(text, "places.smaller")
    if bigger != smaller and has(text, "places.too"):
        bigger, smaller = smaller, bigger
    share = percent(text)
    if share is not None and re.search(r"\d|百分|成", digits(text)):
        absolute = has(text, "places.to")
        if (bigger or smaller) and not absolute:
            return current * (1 - share if smaller else 1 + share)
        return share
    times = factor(text)
    if times is not None and times > 0:
        return current / times if smaller and times > 1 else current * times
    if not (bigger or smaller):
        return None
    step = 1.1 if has(text, "slightly") else 1.6 if has(text, "much") else 1.25
    return current * step if bigger else current / step


def nudge(text: str) -> tuple[float, float]:
    """Return the shift (right, down) of "a bit to the left" or "higher", as shares of the frame."""
    x = y = 0.0
    if has(text, "slightly", "places.further"):
        x = -0.2 if has(text, "places.left") else 0.2 if has(text, "places.right") else 0.0
    if has(text, "places.up"):
        y = -0.25
    if has(text, "places.down"):
        y = 0.25
    return x, y
