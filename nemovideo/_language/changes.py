"""What changed in a draft, in Chinese: the sentences of `Draft.diff()`, form by form."""

from __future__ import annotations

import re

from nemovideo.draft import Change

_NOUNS = {"Video": "视频", "BGM": "背景音乐", "Title": "标题", "Track": "轨道"}
_TRACK_TYPES = {"video": "视频", "audio": "音频", "text": "文字"}
_ADJUSTMENTS = {
    "Volume": "音量",
    "Speed": "速度",
    "Brightness": "亮度",
    "Contrast": "对比度",
    "Saturation": "饱和度",
    "Opacity": "不透明度",
    "Position": "位置",
    "Duration": "时长",
    "Start": "开始时间",
    "Text": "文字",
    "Background": "背景",
}
_SUBJECT = rf"(?P<what>{'|'.join(_ADJUSTMENTS)}) of (?P<noun>.+?)"
_SHIFT = r"(?P<old>\S+) → (?P<new>\S+)"

_FORMS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.DOTALL), form)
    for pattern, form in (
        (rf"Duration {_SHIFT}", "总时长 {old} → {new}"),
        (r"Project renamed: (?P<rest>.+)", "项目已改名：{rest}"),
        (r"Project settings changed: (?P<rest>.+)", "项目设置已更改：{rest}"),
        (r"Other settings changed", "其他设置已更改"),
        (r"Title changed: (?P<rest>.+)", "标题已修改：{rest}"),
        (rf"{_SUBJECT} changed: (?P<rest>.+)", "{noun} 的{what}已修改：{rest}"),
        (rf"{_SUBJECT} restored", "已恢复 {noun} 的{what}"),
        (rf"{_SUBJECT} removed", "已去除 {noun} 的{what}"),
        (rf"{_SUBJECT} blurred", "已虚化 {noun} 的{what}"),
        (rf"{_SUBJECT} replaced: (?P<rest>.+)", "{noun} 的{what}已替换为：{rest}"),
        (rf"{_SUBJECT} reset", "{noun} 的{what}已重置"),
        (rf"{_SUBJECT} set to (?P<rest>.+)", "{noun} 的{what}已设为 {rest}"),
        (rf"{_SUBJECT} {_SHIFT}", "{noun} 的{what} {old} → {new}"),
        (rf"{_SUBJECT} changed", "{noun} 的{what}已更改"),
        (r"(?P<noun>.+) moved among the others", "{noun} 的顺序已调整"),
        (r"(?P<noun>.+) moved to position (?P<new>\d+)", "{noun} 已移到第 {new} 位"),
        (
            r"(?P<noun>.+) moved from position (?P<old>\d+) to (?P<new>\d+)",
            "{noun} 已从第 {old} 位移到第 {new} 位",
        ),
        (r"(?P<noun>Video|BGM|Title|Track|Type \d+) added: (?P<rest>.+)", "已添加{noun}：{rest}"),
        (r"(?P<noun>Video|BGM|Title|Track|Type \d+) removed: (?P<rest>.+)", "已移除{noun}：{rest}"),
        (r"(?P<noun>Track \d+[^:]*) added", "已添加{noun}"),
        (r"(?P<noun>Track \d+[^:]*) removed", "已移除{noun}"),
        (r"(?P<noun>Track \d+[^:]*) removed: (?P<rest>.+)", "已移除{noun}：{rest}"),
        (r"(?P<noun>.+) replaced by (?P<rest>.+)", "{noun} 已替换为 {rest}"),
        (r"(?P<noun>.+) muted", "{noun} 已静音"),
        (r"(?P<noun>.+) changed: (?P<rest>.+)", "{noun} 已更改：{rest}"),
        (r"(?P<noun>.+) changed", "{noun} 已更改"),
    )
)
_TRACK = re.compile(r"[Tt]rack (\d+)(?: \((\w+)\))?")
_SEGMENT = re.compile(r"[Ss]egment (\d+) of track (\d+)")


def in_chinese(change: Change) -> str:
    """Return the change in Chinese; one whose form is not known stays as it is."""
    for pattern, form in _FORMS:
        if (found := pattern.fullmatch(change.sentence)) is not None:
            parts = {name: value or "" for name, value in found.groupdict().items()}
            if "noun" in parts:
                parts["noun"] = _noun(parts["noun"])
            if "what" in parts:
                parts["what"] = _ADJUSTMENTS[parts["what"]]
            return form.format(**parts).strip()
    return change.sentence


def _noun(noun: str) -> str:
    if noun in _NOUNS:
        return _NOUNS[noun]
    if (segment := _SEGMENT.fullmatch(noun)) is not None:
        return f"轨道 {segment[2]} 的第 {segment[1]} 段"
    if (track := _TRACK.fullmatch(noun)) is not None:
        kind = _TRACK_TYPES.get(track[2] or "", "")
        return f"轨道 {track[1]}（{kind}）" if kind else f"轨道 {track[1]}"
    return noun
