"""Places and sizes on the picture: "the bottom right corner", "40 %", "a bit bigger", "左上角"."""

from __future__ import annotations

import re

import attrs

from nemovideo._support.patterns import lazy
from nemovideo.local.agent.language import digits, factor, percent
from nemovideo.local.agent.words import MUCH, SLIGHTLY, either, has

_LEFT = either(r"left(?! (?:over|out|off))", "左(?!右)")
_RIGHT = either(
    r"(?<!all )right(?! (?:now|away|after|before|here|there|at the|when|angle))", "(?<!左)右"
)
_TOP = either(
    r"top|upper|above|header|up(?= in the corner)",
    "顶|上方|上面|上边|上部|上端|上[左右角]|[左右]上",
)
_BOTTOM = either(
    r"bottom|lower(?= (?:left|right|corner|third|half|part|edge|side))|below|beneath|footer|"
    r"lower[ -]third",
    "底|下方|下面|下边|下部|下端|下[左右角]|[左右]下",
)
_CENTER = either("center(?:ed)?|centre(?:d)?|middle", "中间|中央|居中|正中|中部|中心")
_CORNER = either("corners?", "角落|边角")
_HALVES = lazy(r"(?:left|right|top|bottom|upper|lower)[ -]?(?:hand )?half|[左右上下]半[边部]?")
BIGGER = either(
    r"big(?:ger)?|large(?:r)?|huge|enormous|enlarg\w*|grow|scale (?:\w+ ){0,3}up|increas\w*|"
    r"twice|double|closer|zoom\w* in",
    "放大|变大|调大|大一?[些点]|更大|大号|加大|大字|拉近|特大|巨大|太小|大(?=标题|字幕)",
)
SMALLER = either(
    r"small(?:er)?|tiny|little(?! (?:bit|bigger|larger))|shrink\w*|scale (?:\w+ ){0,3}down|"
    r"decreas\w*|reduc\w*|farther|further away|zoom\w* out",
    "缩小|变小|调小|小一?[些点]|更小|小号|减小|小字|拉远|太大",
)
_TOO = either("too|overly", "太|过")


@attrs.frozen
class Spot:
    """A place on the picture: 0 is left or top, 1 right or bottom, None where nothing is said."""

    x: float | None = None
    y: float | None = None

    @property
    def position(self) -> str:
        """The place in the words of a title's or an overlay's `position`."""
        across = {0.0: "left", 1.0: "right"}.get(-1.0 if self.x is None else self.x, "")
        down = {0.0: "top", 1.0: "bottom"}.get(-1.0 if self.y is None else self.y, "")
        return f"{down} {across}".strip() or "center"


def find_spot(text: str) -> Spot | None:
    """Return the place that a text names, None where it names none.

    A corner without a side is the lower right one.
    """
    x = 0.0 if has(_LEFT, text) else 1.0 if has(_RIGHT, text) else None
    y = 0.0 if has(_TOP, text) else 1.0 if has(_BOTTOM, text) else None
    if has(_CENTER, text):
        if x is None and y is None:
            return Spot(0.5, 0.5)
        x, y = (0.5 if x is None else x), (0.5 if y is None else y)
    if has(_CORNER, text):
        return Spot(1.0 if x is None else x, 1.0 if y is None else y)
    return None if x is None and y is None else Spot(x, y)


def new_size(text: str, current: float) -> float | None:
    """Return the size that the words mean, as a factor; None where they say nothing of it."""
    text = _HALVES.sub(" ", text)
    bigger, smaller = has(BIGGER, text), has(SMALLER, text)
    if has(_TOO, text) and bigger != smaller and has(either("too"), text):
        bigger, smaller = smaller, bigger
    share = percent(text)
    if share is not None and re.search(r"\d|百分|成", digits(text)):
        absolute = has(either("to|at|of"), text) or has("到|为|成|至", text)
        if (bigger or smaller) and not absolute:
            return current * (1 - share if smaller else 1 + share)
        return share
    times = factor(text)
    if times is not None and times > 0:
        return current / times if smaller and times > 1 else current * times
    if not (bigger or smaller):
        return None
    step = 1.1 if has(SLIGHTLY, text) else 1.6 if has(MUCH, text) else 1.25
    return current * step if bigger else current / step


def nudge(text: str) -> tuple[float, float]:
    """Return how far "a bit to the left" or "higher" moves something, as shares of the room."""
    x = y = 0.0
    if has(SLIGHTLY, text) or has(either("further|more"), text):
        x = -0.2 if has(_LEFT, text) else 0.2 if has(_RIGHT, text) else 0.0
    if has(either(r"up|upwards?|higher|raise"), text) or has("往上|向上|上移|高一?[些点]", text):
        y = -0.25
    if has(either(r"down|downwards?|lower"), text) or has("往下|向下|下移|低一?[些点]", text):
        y = 0.25
    return x, y
