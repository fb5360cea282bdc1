"""The canvas: its shape and its size ("vertical 9:16", "square", "1080x1920", "720p", 竖屏)."""

from __future__ import annotations

from attrs import evolve

from nemovideo._support.patterns import lazy
from nemovideo.local.agent import edits
from nemovideo.local.agent.context import Context, Intent, Outcome, did, refused, told
from nemovideo.local.agent.intents.create import asks_for_new
from nemovideo.local.agent.language import digits, percent, times
from nemovideo.local.agent.message import QUOTE, Clause
from nemovideo.local.agent.stage import nothing_there, stage_for
from nemovideo.local.agent.words import BACKGROUND, MUSIC, TITLE, either, has
from nemovideo.local.timeline import Timeline

_MOST_PX, _LEAST_PX = 4320, 64
_MOST_FPS = 120
_NAMED: tuple[tuple[str, tuple[float, float]], ...] = (
    (
        either(
            r"vertical|portrait(?! mode)|upright format|tik ?tok|reels?|(?:you ?tube )?shorts|"
            r"insta(?:gram)? stor(?:y|ies)|snapchat|(?:for )?(?:a )?(?:phone|mobile)(?: screens?)?",
            "竖屏|竖版|竖向|竖的|竖着|纵向|抖音|快手|视频号|手机屏|竖视频",
        ),
        (9, 16),
    ),
    (either(r"squared?|instagram (?:post|feed)", "方形|正方|方的|方屏|1比1"), (1, 1)),
    (either("", "小红书"), (3, 4)),
    (
        either(r"landscape|horizontal|wide-?screen|youtube", "横屏|横版|横向|横的|宽屏"),
        (16, 9),
    ),
    (either(r"cinemascope|ultra-?wide", "电影比例|电影画幅|宽银幕"), (21, 9)),
)
_LINES: tuple[tuple[str, int], ...] = (
    (either(r"4k|uhd|ultra hd|2160p?", "4k|超高清"), 2160),
    (either(r"2k|qhd|1440p", "2k"), 1440),
    (either(r"1080p?|full ?hd|fhd", "1080p?|全高清"), 1080),
    (either(r"720p?|hd ready", "720p?"), 720),
    (either(r"576p"), 576),
    (either(r"540p"), 540),
    (either(r"480p|sd(?! card)", "480p|标清"), 480),
    (either(r"360p"), 360),
    (either(r"240p"), 240),
)
_PIXELS = lazy(r"(?<![\d.])(\d{2,5}) ?(?:px|pixels?)? ?(?:x|×|\*|by|乘以?) ?(\d{2,5})(?![\d.])")
_RATIO = lazy(
    r"(?<![\d:.])(\d{1,2}(?:\.\d{1,2})?) ?(?::|/|x|×|by|to|比|-) ?"
    r"(\d{1,2}(?:\.\d{1,2})?)(?![\d:.%])"
)
_RATIOS: set[tuple[float, float]] = {
    (9, 16), (16, 9), (1, 1), (4, 5), (5, 4), (3, 4), (4, 3), (2, 3), (3, 2), (21, 9), (9, 21),
    (18, 9), (9, 18), (2.35, 1), (2.39, 1), (1.85, 1), (1.91, 1), (16, 10), (10, 16),
}  # fmt: skip
_SHAPE_WORD = either(
    r"aspect|ratio|format|resolution|canvas|orientation|size|dimensions?|frame",
    "比例|画幅|分辨率|尺寸|画布|格式|画面",
)
_OTHER = either(
    r"flip\w*|mirror\w*|rotat\w*|upside|logo|watermark|speed|video track|square root|brackets?|"
    r"vertical(?:ly)? (?:cent\w*|align\w*)|trim\w*|seconds?|minutes?|scene|slide ?-?shows?",
    "翻转|镜像|旋转|水印|倍速|秒|颠倒|幻灯片",
)
_WHOLE = either(
    r"letter-?box\w*|pillar-?box\w*|(?:black )?(?:bars?|borders?|margins|padding)|pad(?:ded|ding)?|"
    r"(?:without|no|not|don't|do not|never) crop\w*|uncropped|(?:fit|keep|show)\w* "
    r"(?:\w+ )?(?:whole|everything|all|full|entire)(?: \w+)?",
    "黑边|留边|不[要用]?裁|别裁|完整|加边",
)
_BLURRED = either(
    r"blur\w* (?:\w+ )?(?:bars?|sides?|borders?|edges|margins|padding)",
    "模糊的?(?:边|填充|两边|上下)|虚化的?边",
)


_SCALED = lazy(
    r"(?<![a-z])(?:re-?siz|(?:down|up)?-?scal|shrink)\w*(?: (?:it|this|the (?:video|picture|clip|"
    r"canvas|frame|image)))?(?: down| up)? (?:to|by) \d+|(?:画面|视频|尺寸|分辨率)缩[放小]到\d+ ?%"
)
_RATE = lazy(
    r"(?<![\d.])(\d{1,3}(?:\.\d{1,3})?) ?(?:fps|frames? (?:per|a|each) second|帧(?:每秒|/秒))"
    r"|(?:帧率|每秒)\D{0,4}(\d{1,3})(?: ?帧)?"
)


def rate_for(text: str) -> float | None:
    """Return the frame rate that a text with figures asks for, in frames a second."""
    found = _RATE.search(text)
    return float(found[1] or found[2]) if found else None


def size_for(text: str, width: int, height: int) -> tuple[int, int] | None:
    """Return the canvas that a text asks for, None where it asks for none.

    A shape keeps the length of the shorter side, a size such as "720p" the shape. Numbers
    are figures in the text.
    """
    if found := _PIXELS.search(text):
        pixels = int(found[1]), int(found[2])
        if min(pixels) >= _LEAST_PX:
            return pixels
    ratio = _ratio(text)
    lines = next((count for words, count in _LINES if has(words, text)), None)
    if ratio is None and lines is None:
        share = percent(text) if _SCALED.search(text) else None
        return (share and (round(width * share / 2) * 2, round(height * share / 2) * 2)) or None
    short = lines or min(width, height)
    wide, high = ratio or (width, height)
    scale = short / min(wide, high)
    return round(wide * scale / 2) * 2, round(high * scale / 2) * 2


def _ratio(text: str) -> tuple[float, float] | None:
    named = (ratio for words, ratio in _NAMED if has(words, text))
    return _exact_ratio(text) or next(named, None)


def _exact_ratio(text: str) -> tuple[float, float] | None:
    ratios = ((float(found[1]), float(found[2])) for found in _RATIO.finditer(text))
    return next((ratio for ratio in ratios if ratio in _RATIOS), None)


def shaped(timeline: Timeline, text: str) -> Timeline:
    """Return the timeline on the canvas that the text, with figures, asks for."""
    size = size_for(text, timeline.width, timeline.height) or (timeline.width, timeline.height)
    same = abs(size[0] * timeline.height - size[1] * timeline.width) <= 2 * max(size)
    timeline = evolve(timeline, fps=rate_for(text) or timeline.fps)
    fit = "blur" if has(_BLURRED, text) else "contain" if has(_WHOLE, text) else None
    return edits.shape(timeline, size, fit or (None if same else "cover"))


def _matches(clause: Clause) -> bool:
    text = digits(clause.text)
    if rate_for(text) is not None:
        return True
    if has(_OTHER, text) or has(TITLE, text) or has(MUSIC, text) or QUOTE in text:
        return False
    if _PIXELS.search(text) or _exact_ratio(text):
        return ":" in text or not times(text)
    wanted = size_for(text, 16, 9) or has(_BLURRED, text)
    wanted = wanted or (has(_WHOLE, text) and has(_SHAPE_WORD, text))
    return bool(wanted) and not has(BACKGROUND, text) and not asks_for_new(clause)


def _shape(clause: Clause, context: Context) -> tuple[Outcome, ...]:
    stage = stage_for(clause, context)
    if not stage:
        return nothing_there("set_canvas", context)
    text = digits(clause.text)
    edited = shaped(stage.timeline, text)
    size = f"{edited.width}×{edited.height}"
    if not all(_LEAST_PX <= side <= _MOST_PX for side in (edited.width, edited.height)):
        said = context.say(
            f"I can't make a picture of {size}: each side has {_LEAST_PX} to {_MOST_PX} pixels.",
            f"做不了 {size} 的画面：每边须在 {_LEAST_PX} 到 {_MOST_PX} 像素之间。",
        )
        return refused("set_canvas", {}, said)
    if not 1 <= edited.fps <= _MOST_FPS:
        said = context.say(
            f"I can make 1 to {_MOST_FPS} frames a second.",
            f"帧率须在每秒 1 到 {_MOST_FPS} 帧之间。",
        )
        return refused("set_canvas", {"fps": edited.fps}, said)
    if evolve(edited, shaped=stage.timeline.shaped) == context.timeline:
        return told(context.say(f"The picture is {size} already.", f"画面已经是 {size} 了。"))
    said = context.say(f"I've made the picture {size}.", f"画面已改为 {size}。")
    if rate_for(text) is not None:
        said = context.say(
            f"The picture is {size} at {edited.fps:g} frames a second now.",
            f"画面现在是 {size}，每秒 {edited.fps:g} 帧。",
        )
    elif any(clip.fit == "cover" for clip in edited.clips):
        said = context.say(
            f"I've made the picture {size} and keep the person in the frame.",
            f"画面已改为 {size}，人物会保持在画面中。",
        )
    args: dict[str, object] = {"fps": edited.fps, "width": edited.width, "height": edited.height}
    return (did("set_canvas", args, edited, said),)


SHAPE = Intent("shape", "frame", _matches, _shape)
