"""Set shape, size and frame rate of the canvas: "9:16", "square", "1080x1920", "720p", 竖屏."""

from __future__ import annotations

import re

from attrs import evolve

from nemovideo.local.agent import edits
from nemovideo.local.agent.context import Context, Outcomes, answered, applied, refused
from nemovideo.local.agent.intents import background
from nemovideo.local.agent.intents.create import asks_for_new
from nemovideo.local.agent.language import digits, percent, times
from nemovideo.local.agent.message import QUOTE, Clause
from nemovideo.local.agent.selection import Selection, needs_clips
from nemovideo.local.agent.words import has
from nemovideo.local.timeline import Timeline

_MAX_PX, _MIN_PX = 4320, 64
_MAX_FPS = 120
_NAMED_RATIOS = ("9:16", "1:1", "3:4", "16:9", "21:9")
_RESOLUTIONS = (2160, 1440, 1080, 720, 576, 540, 480, 360, 240)
_PIXELS = re.compile(
    r"(?<![\d.])(\d{2,5}) ?(?:px|pixels?)? ?(?:x|×|\*|by|乘以?) ?(\d{2,5})(?![\d.])"
)
_WIDTH = re.compile(
    r"(?<![\d.:])(\d{2,5}) ?(?:px|pixels?|像素)?[ -]?(?:wide|in width|width|宽)"
    r"|(?:width|宽度?)(?: of| to|为|是|设为|改为|[:=])? ?(\d{2,5})(?![\d.%])"
)
_HEIGHT = re.compile(
    r"(?<![\d.:])(\d{2,5}) ?(?:px|pixels?|像素)?[ -]?(?:high|tall|in height|height|高)"
    r"|(?:height|高度?)(?: of| to|为|是|设为|改为|[:=])? ?(\d{2,5})(?![\d.%])"
)
_RATIO = re.compile(
    r"(?<![\d:.])(\d{1,2}(?:\.\d{1,2})?) ?(?::|/|x|×|by|to|比|-) ?"
    r"(\d{1,2}(?:\.\d{1,2})?)(?![\d:%]|\.\d)"
)
_RATIOS: set[tuple[float, float]] = {
    (9, 16), (16, 9), (1, 1), (4, 5), (5, 4), (3, 4), (4, 3), (2, 3), (3, 2), (21, 9), (9, 21),
    (18, 9), (9, 18), (2.35, 1), (2.39, 1), (1.85, 1), (1.91, 1), (16, 10), (10, 16),
}  # fmt: skip
_BESIDE = re.compile(r" (?:with|on|over|before|and) ")
_RATE = re.compile(
    r"(?<![\d.])(\d{1,3}(?:\.\d{1,3})?) ?(?:fps|frames? (?:per|a|each) second|帧(?:每秒|/秒))"
    r"|(?:帧率|每秒)\D{0,4}(\d{1,3})(?: ?帧)?|(?:^|[,，、])\s*(\d{1,3}) ?帧\W*$"
)


def rate_for(text: str) -> float | None:
    """Return the frame rate that `text` asks for, in frames per second.

    Number words must already be digits.
    """
    found = _RATE.search(text)
    return float(found[1] or found[2] or found[3]) if found else None


def size_for(text: str, width: int, height: int) -> tuple[int, int] | None:
    """Return the canvas that `text` asks for, or None. Number words must already be digits.

    A shape keeps the length of the shorter side; a resolution such as "720p", or one side such
    as "640 wide", keeps the shape.
    """
    if found := _PIXELS.search(text):
        pixels = int(found[1]), int(found[2])
        if min(pixels) >= _MIN_PX:
            return pixels
    side = _side(_WIDTH, text), _side(_HEIGHT, text)
    if any(side):
        return _even(side[0] or width * side[1] / height, side[1] or height * side[0] / width)
    ratio = _exact_ratio(text) or _named_ratio(text)
    lines = next((lines for lines in _RESOLUTIONS if has(text, f"resolutions.{lines}")), None)
    if ratio is None and lines is None:
        share = percent(text) if has(text, "shape.scaled") else None
        return _even(width * share, height * share) if share else None
    ratio_width, ratio_height = ratio or (width, height)
    scale = (lines or min(width, height)) / min(ratio_width, ratio_height)
    return _even(ratio_width * scale, ratio_height * scale)


def _side(pattern: re.Pattern[str], text: str) -> int:
    found = pattern.search(text)
    pixels = int(found[1] or found[2]) if found else 0
    return pixels if pixels >= _MIN_PX else 0


def _even(width: float, height: float) -> tuple[int, int]:
    return round(width / 2) * 2, round(height / 2) * 2


def _named_ratio(text: str) -> tuple[float, float] | None:
    named = next((name for name in _NAMED_RATIOS if has(text, f"ratios.{name}")), None)
    return _exact_ratio(named) if named else None


def _exact_ratio(text: str) -> tuple[float, float] | None:
    ratios = ((float(found[1]), float(found[2])) for found in _RATIO.finditer(text))
    return next((ratio for ratio in ratios if ratio in _RATIOS), None)


def rate_and_size(first: Clause, second: Clause) -> bool:
    """Return whether one clause only sets the frame rate, and the other only the canvas.

    They are carried out as one, so that the answer gives the final size and rate.
    """
    both = digits(first.text), digits(second.text)
    rates = [rate_for(text) is not None for text in both]
    sizes = [size_for(text, 16, 9) is not None for text in both]
    return rates[0] != rates[1] and sizes == [not rate for rate in rates]


def shaped(timeline: Timeline, text: str) -> Timeline:
    """Return the timeline on the canvas that `text` asks for.

    Number words must already be digits.
    """
    rate = rate_for(text)
    if rate is not None:
        timeline = evolve(timeline, fps=rate, has_custom_fps=True)
    asked = size_for(text, timeline.width, timeline.height)
    fit = "blur" if has(text, "shape.blurred") else "contain" if has(text, "shape.whole") else None
    if not asked and not fit:
        return timeline
    size = asked or (timeline.width, timeline.height)
    same = abs(size[0] * timeline.height - size[1] * timeline.width) <= max(
        timeline.width, timeline.height
    )
    return edits.shape(timeline, size, fit or (None if same else "cover"))


def matches(clause: Clause) -> bool:
    """Return whether the clause is about the shape, size or frame rate of the canvas."""
    text = digits(clause.text)
    if rate_for(text) is not None:
        return True
    if has(text, "shape.other_subject", "title", "music") or QUOTE in text:
        return False
    if _PIXELS.search(text) or _exact_ratio(text):
        return ":" in text or not times(text)
    if has(text, "background"):  # "square with a white background", not "a square background"
        text = _BESIDE.split(text, maxsplit=1)[0]
    fitted = has(text, "shape.whole") and has(text, "shape.shape_word")
    wanted = fitted or has(text, "shape.blurred") or size_for(text, 16, 9) is not None
    return wanted and not has(text, "background") and not asks_for_new(clause)


def change(clause: Clause, context: Context) -> Outcomes:
    """Set the canvas, and replace the background if the clause mentions one."""
    if has(clause.text, "background") and not has(clause.text, "shape.blurred"):
        return background.then(clause, context, _change)
    return _change(clause, context)


@needs_clips("set_canvas")
def _change(clause: Clause, context: Context, selection: Selection) -> Outcomes:
    text = digits(clause.text)
    edited = shaped(selection.timeline, text)
    size = f"{edited.width}×{edited.height}"
    if not all(_MIN_PX <= side <= _MAX_PX for side in (edited.width, edited.height)):
        said = context.say("size_limits", size=size, least=_MIN_PX, most=_MAX_PX)
        return refused("set_canvas", {}, said)
    if not 1 <= edited.fps <= _MAX_FPS:
        said = context.say("rate_limits", most=_MAX_FPS)
        return refused("set_canvas", {"fps": edited.fps}, said)
    before = selection.timeline
    if (
        evolve(edited, has_custom_size=before.has_custom_size, has_custom_fps=before.has_custom_fps)
        == context.timeline
    ):
        return answered(context.say("shaped_already", size=size))
    in_frame = any(clip.fit == "cover" for clip in edited.clips)
    sentence = "shaped_in_frame" if in_frame else "shaped"
    if rate_for(text) is not None:
        sentence = "rated"
    args = {"fps": edited.fps, "width": edited.width, "height": edited.height}
    return applied("set_canvas", args, edited, context.say(sentence, size=size, fps=edited.fps))
