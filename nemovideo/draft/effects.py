"""Short descriptions of the edits to a segment, apart from its name and times.

Only metadata values that the local backend writes are described.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from nemovideo._values.lines import one_line
from nemovideo.draft.keys import BACKGROUND, TrackType
from nemovideo.draft.parts import Segment, Timeline, Track
from nemovideo.draft.values import number

_NUMBERS: dict[str, tuple[float, tuple[str, str]]] = {
    "speed": (1, ("{:.10g}x speed", "{:.10g} 倍速")),
    "turn": (0, ("rotated {:.10g}°", "旋转 {:.10g}°")),
    "brightness": (0, ("brightness {:.10g}", "亮度 {:.10g}")),
    "contrast": (1, ("contrast {:.10g}", "对比度 {:.10g}")),
    "saturation": (1, ("saturation {:.10g}", "饱和度 {:.10g}")),
    "opacity": (1, ("opacity {:.10g}", "不透明度 {:.10g}")),
    "size": (1, ("size {:.10g}", "大小 {:.10g}")),
    "fade_in_ms": (0, ("fade-in", "淡入")),
    "fade_out_ms": (0, ("fade-out", "淡出")),
}
"""For each number, the value that changes nothing, and the words for any other."""

_FADES = ("fade_in_ms", "fade_out_ms")

_CHOICES: dict[tuple[str, object], tuple[str, str]] = {
    ("saturation", 0): ("black and white", "黑白"),
    ("flip", "x"): ("mirrored", "左右翻转"),
    ("flip", "y"): ("upside down", "上下翻转"),
    ("flip", "xy"): ("mirrored, upside down", "左右翻转, 上下翻转"),
    ("fit", "cover"): ("fills the frame", "填满画面"),
    ("fit", "blur"): ("blurred bars", "虚化边栏"),
    ("position", "top"): ("top", "顶部"),
    ("position", "center"): ("center", "中间"),
    ("position", "bottom"): ("bottom", "底部"),
    ("position", "left"): ("left", "左侧"),
    ("position", "right"): ("right", "右侧"),
    ("position", "top left"): ("top left", "左上角"),
    ("position", "top right"): ("top right", "右上角"),
    ("position", "bottom left"): ("bottom left", "左下角"),
    ("position", "bottom right"): ("bottom right", "右下角"),
}
"""The words for specific values."""

_PRESENT = {"crop": ("cropped", "已裁剪"), "place": ("person repositioned", "人物位置已调整")}
"""The words for keys with any value."""

_BACKGROUNDS = {
    "removed": ("background removed", "背景已去除"),
    "blurred": ("background blurred", "背景已虚化"),
    "replaced": ("background: {}", "背景：{}"),
    "changed": ("new background", "新背景"),
}


def describe_effects(track: Track, segment: Segment, language: str = "en") -> list[str]:
    """Return the edits to a segment in English or ("zh") Chinese, such as "black and white"."""
    column = 1 if language == "zh" else 0
    return [words[column].format(value) for words, value in _effects(track, segment.metadata)]


def describe_fades(draft: Timeline, language: str = "en") -> list[str]:
    """Return the fades of the whole video, such as "fade-in"."""
    column = 1 if language == "zh" else 0
    return [_NUMBERS[key][1][column] for key in _FADES if number(draft.metadata.get(key))]


def background_effect(background: object) -> tuple[str, str]:
    """Return the kind of change to a background, and the name of the new one."""
    fields = background if isinstance(background, Mapping) else {"kind": background}
    kind = fields.get("kind")
    new = next((fields[key] for key in ("name", "scene", "color") if fields.get(key)), kind)
    if kind in ("transparent", "none"):
        return "removed", ""
    if kind == "blur":
        return "blurred", ""
    return ("replaced", one_line(new)) if isinstance(new, str) else ("changed", "")


def _effects(
    track: Track, metadata: Mapping[str, object]
) -> Iterator[tuple[tuple[str, str], object]]:
    """Yield the words of each edit in both languages, and the value to fill in."""
    if background := metadata.get(BACKGROUND):
        form, new = background_effect(background)
        yield _BACKGROUNDS[form], new
    for key, value in metadata.items():
        figure = number(value)
        choice = value if isinstance(value, str) else figure
        if (key, choice) in _CHOICES:
            yield _CHOICES[key, choice], value
        elif key in _NUMBERS and (key != "size" or track.type == TrackType.TEXT):
            neutral, words = _NUMBERS[key]
            if figure is not None and figure != neutral:
                yield words, figure
        elif key == "color" and isinstance(value, str):
            yield ("color {}", "颜色 {}"), one_line(value)
        elif key in _PRESENT and value:
            yield _PRESENT[key], value
