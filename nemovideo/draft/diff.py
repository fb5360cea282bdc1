"""Changes between two drafts, as values and as sentences in two languages."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

import attrs

from nemovideo._values.lines import one_line, percent, quoted, seconds
from nemovideo.draft.effects import background_effect
from nemovideo.draft.keys import TrackType
from nemovideo.draft.parts import Segment, Track
from nemovideo.draft.summary import describe_segment, describe_segments, track_label
from nemovideo.draft.values import number

_KEYS_SHOWN = 10
_SIZE = ("width", "height")
_FLAGS = frozenset({"shaped", "rated"})
"""Keys that the local backend stores next to a setting; no sentence mentions them."""


class ChangeKind(Enum):
    """The kinds of changes."""

    TRACK_ADDED = "track added"
    TRACK_REMOVED = "track removed"
    TRACK_MOVED = "track moved"
    SEGMENT_ADDED = "segment added"
    SEGMENT_REMOVED = "segment removed"
    SEGMENT_MOVED = "segment moved"
    SEGMENT_REPLACED = "segment replaced"
    DURATION = "duration"
    START = "start"
    TEXT = "text"
    VOLUME = "volume"
    BACKGROUND = "background"
    ADJUSTMENT = "adjustment"
    NAME = "name"
    SETTING = "setting"


@attrs.frozen
class Subject:
    """The subject of a change: the whole draft, a track, or a segment.

    Attributes:
        track: The index of the track in the new draft (for a removal, in the old one), or None for
            the whole draft.
        segment: The index of the segment within that track, or None for the track itself.
        name: A title's text or a clip's name; empty if it has none.
        part: The track, or the segment's track; None for the whole draft.
    """

    track: int | None = None
    segment: int | None = None
    name: str = ""
    part: Track | None = attrs.field(default=None, repr=False)


@attrs.frozen
class Change:
    """One change; `str(change)` is the sentence.

    Attributes:
        kind: The kind of change.
        subject: What changed.
        field: The metadata key of an adjustment, such as "speed"; else None.
        before: The old value, or None: milliseconds, a factor, text, the index of something that
            moved, the removed `Track` or `Segment`, or, for other settings, a mapping of the keys
            that differ.
        after: The new value, likewise.
    """

    kind: ChangeKind
    subject: Subject
    field: str | None = None
    before: object = None
    after: object = None

    @property
    def track(self) -> int | None:
        """The index of the track; see `Subject`."""
        return self.subject.track

    @property
    def segment(self) -> int | None:
        """The index of the segment within the track; see `Subject`."""
        return self.subject.segment

    @property
    def removed(self) -> bool:
        """Whether a track or segment was removed."""
        return self.kind in {ChangeKind.TRACK_REMOVED, ChangeKind.SEGMENT_REMOVED}

    @property
    def added(self) -> bool:
        """Whether a track or segment was added."""
        return self.kind in {ChangeKind.TRACK_ADDED, ChangeKind.SEGMENT_ADDED}

    @property
    def sentence(self) -> str:
        """The change as an English sentence, without a period."""
        return self.describe()

    def describe(self, language: str = "en") -> str:
        """Return the change as a sentence in English or ("zh") Chinese, without a period."""
        return _sentence(self, language)

    def __str__(self) -> str:
        return self.sentence


_QUOTES = "“”"
"""The quotation marks of the agent's answers; the timeline's summary has the protocol's."""

_ENGLISH = {
    "draft duration": "Duration {old} → {new}",
    "draft renamed": "Project renamed: {old} → {new}",
    "draft size": "Frame size changed: {size}",
    "draft size and settings": "Frame size changed: {size}; project settings changed: {keys}",
    "draft settings": "Project settings changed: {keys}",
    "draft changed": "Other settings changed",
    "added": "{Label} added: {contents}",
    "removed": "{Label} removed: {contents}",
    "track added": "{Noun} added",
    "track removed": "{Noun} removed",
    "track removed with": "{Noun} removed: {contents}",
    "moved": "{Noun} moved relative to the others",
    "track moved": "{Noun} moved to position {new}",
    "segment moved": "{Noun} moved from position {old} to {new}",
    "replaced": "{old} replaced by {noun}",
    "title": "Title changed: {old} → {Noun}",
    "rewritten": "{What} of {noun} changed: {old} → {new}",
    "shifted": "{What} of {noun} {old} → {new}",
    "set": "{What} of {noun} set to {new}",
    "reset": "{What} of {noun} reset",
    "muted": "{Noun} muted",
    "background restored": "{What} of {noun} restored",
    "background removed": "{What} of {noun} removed",
    "background blurred": "{What} of {noun} blurred",
    "background replaced": "{What} of {noun} replaced: {new}",
    "background changed": "{What} of {noun} changed",
    "settings": "{Noun}: {keys} changed",
    "changed": "{Noun} changed",
}
_CHINESE = {
    "draft duration": "总时长 {old} → {new}",
    "draft renamed": "项目已改名：{old} → {new}",
    "draft size": "画面尺寸已更改：{size}",
    "draft size and settings": "画面尺寸已更改：{size}；项目设置已更改：{keys}",
    "draft settings": "项目设置已更改：{keys}",
    "draft changed": "其他设置已更改",
    "added": "已添加{Label}：{contents}",
    "removed": "已移除{Label}：{contents}",
    "track added": "已添加{noun}",
    "track removed": "已移除{noun}",
    "track removed with": "已移除{noun}：{contents}",
    "moved": "{noun} 的顺序已调整",
    "track moved": "{noun} 已移到第 {new} 位",
    "segment moved": "{noun} 已从第 {old} 位移到第 {new} 位",
    "replaced": "{old} 已替换为 {noun}",
    "title": "标题已修改：{old} → {noun}",
    "rewritten": "{noun} 的{What}已修改：{old} → {new}",
    "shifted": "{noun} 的{What} {old} → {new}",
    "set": "{noun} 的{What}已设为 {new}",
    "reset": "{noun} 的{What}已重置",
    "muted": "{noun} 已静音",
    "background restored": "已恢复 {noun} 的{What}",
    "background removed": "已去除 {noun} 的{What}",
    "background blurred": "已虚化 {noun} 的{What}",
    "background replaced": "{noun} 的{What}已替换为：{new}",
    "background changed": "{noun} 的{What}已更改",
    "settings": "{noun} 已更改：{keys}",
    "changed": "{noun} 已更改",
}
_WORDS_CHINESE = {
    "volume": "音量",
    "speed": "速度",
    "brightness": "亮度",
    "contrast": "对比度",
    "saturation": "饱和度",
    "opacity": "不透明度",
    "position": "位置",
    "duration": "时长",
    "start": "开始时间",
    "text": "文字",
    "background": "背景",
    "audio": "音频",
    "video": "视频",
    "no text": "无文字",
    "no name": "无名称",
    "An unnamed segment": "未命名的片段",
    "a setting": "一项设置",
    "fit": "适配方式",
    "rotation": "旋转",
    "flip": "翻转",
    "crop": "裁剪",
    "frame rate": "帧率",
    "fade-in": "淡入",
    "fade-out": "淡出",
    "start in the file": "素材起点",
    "metadata": "元数据",
    "color": "颜色",
    "size": "大小",
    "width": "宽度",
    "height": "高度",
}
_KEY_WORDS = {
    "place": "position",
    "turn": "rotation",
    "fps": "frame rate",
    "fade_in_ms": "fade-in",
    "fade_out_ms": "fade-out",
    "source_start_ms": "start in the file",
    "keep_metadata": "metadata",
}
"""Display names for metadata keys that are unclear to users."""


def _sentence(change: Change, language: str) -> str:
    form, values = _form(change, language)
    forms = _CHINESE if language == "zh" else _ENGLISH
    subject = change.subject
    if change.kind is ChangeKind.TRACK_MOVED and isinstance(change.before, int):
        subject = attrs.evolve(subject, track=change.before)  # with its old number
    noun = _noun(subject, language)
    return (
        forms[form]
        .format(
            Noun=noun,
            noun=noun if subject.name else noun[:1].lower() + noun[1:],
            Label="" if subject.part is None else track_label(subject.part, language),
            What=_word(change.field or change.kind.value, language, capital=True),
            **values,
        )
        .strip()
    )


def _form(change: Change, language: str) -> tuple[str, dict[str, Any]]:
    """Return the form of the sentence, and the values to fill in."""
    subject, before, after = change.subject, change.before, change.after
    whole = subject.track is None
    match change.kind:
        case ChangeKind.TRACK_ADDED | ChangeKind.TRACK_REMOVED:
            return _track_form(change, language)
        case ChangeKind.SEGMENT_ADDED | ChangeKind.SEGMENT_REMOVED:
            segment = after if change.added else before
            assert subject.part is not None
            assert isinstance(segment, Segment)
            contents = describe_segment(subject.part, segment, language, _QUOTES)
            return "added" if change.added else "removed", {"contents": contents}
        case ChangeKind.TRACK_MOVED | ChangeKind.SEGMENT_MOVED:
            assert isinstance(before, int)
            assert isinstance(after, int)
            positions = {"old": before + 1, "new": after + 1}
            return change.kind.value if before != after else "moved", positions
        case ChangeKind.DURATION | ChangeKind.START:
            assert isinstance(before, int)
            assert isinstance(after, int)
            times = {"old": seconds(before), "new": seconds(after)}
            return "draft duration" if whole else "shifted", times
        case ChangeKind.NAME:
            unnamed = _word("no name", language)
            return "draft renamed", {"old": _text(before, unnamed), "new": _text(after, unnamed)}
        case ChangeKind.SEGMENT_REPLACED:
            unnamed = _word("An unnamed segment", language)
            return "replaced", {"old": one_line(str(before or "")) or unnamed}
        case ChangeKind.TEXT:
            no_text = _word("no text", language)
            title = subject.part is not None and subject.part.type == TrackType.TEXT
            texts = {"old": _text(before, no_text), "new": _text(after, no_text)}
            return "title" if title else "rewritten", texts
        case ChangeKind.VOLUME if after == 0:
            return "muted", {}
        case ChangeKind.VOLUME:
            return _shift(_percent(before), _percent(after))
        case ChangeKind.ADJUSTMENT:
            return _shift(adjustment(before), adjustment(after))
        case ChangeKind.BACKGROUND:
            return _background_form(after)
        case ChangeKind.SETTING:
            assert isinstance(before, Mapping)
            assert isinstance(after, Mapping)
            keys = [key for key in {**before, **after} if key not in _FLAGS]
            if whole:
                return _project_form(before, after, keys, language)
            return "settings" if keys else "changed", {"keys": _keys(keys, language)}


def _project_form(
    before: Mapping[str, object], after: Mapping[str, object], keys: list[str], language: str
) -> tuple[str, dict[str, Any]]:
    size = " → ".join(filter(None, (_size(before), _size(after)))) if _size(after) else ""
    rest = [key for key in keys if not (size and key in _SIZE)]
    form = " and ".join([*(["size"] if size else []), *(["settings"] if rest else [])])
    return f"draft {form or 'changed'}", {"size": size, "keys": _keys(rest, language)}


def _size(settings: Mapping[str, object]) -> str:
    """Return a frame size as `1280×720`; empty if the settings do not have both sides."""
    sides = [number(settings.get(side)) for side in _SIZE]
    return "" if None in sides else "×".join(f"{side:.10g}" for side in sides)


def _track_form(change: Change, language: str) -> tuple[str, dict[str, Any]]:
    track = change.after if change.added else change.before
    assert isinstance(track, Track)
    contents = describe_segments(track, language, _QUOTES)
    if change.added:
        return ("added" if contents else "track added"), {"contents": contents}
    return ("track removed with" if contents else "track removed"), {"contents": contents}


def _shift(old: str | None, new: str | None) -> tuple[str, dict[str, Any]]:
    if new is None:
        return "reset", {}
    return ("set" if old is None else "shifted"), {"old": old, "new": new}


def _background_form(background: object) -> tuple[str, dict[str, Any]]:
    if background is None:
        return "background restored", {}
    form, new = background_effect(background)
    return f"background {form}", {"new": new}


def adjustment(value: object) -> str | None:
    """Return an adjustment's value for display, or None if it has none."""
    found = number(value)
    if found is not None:
        return f"{found:.10g}"
    return one_line(value) if isinstance(value, str) and value.strip() else None


def _noun(subject: Subject, language: str) -> str:
    """Return the subject's name, otherwise its position from 1, such as `Track 2 (audio)`."""
    if subject.track is None:
        return ""
    track_type = None if subject.part is None else subject.part.type
    if subject.name:
        name = subject.name
        return quoted(name, _QUOTES) if track_type == TrackType.TEXT else one_line(name)
    track = subject.track + 1
    if subject.segment is not None:
        number = subject.segment + 1
        zh = f"轨道 {track} 的第 {number} 段"
        return zh if language == "zh" else f"Segment {number} of track {track}"
    if isinstance(track_type, TrackType):
        kind = _word(track_type.name.lower(), language)
        return f"轨道 {track}（{kind}）" if language == "zh" else f"Track {track} ({kind})"
    noun = f"轨道 {track}" if language == "zh" else f"Track {track}"
    return noun if track_type is None or language == "zh" else f"{noun} (type {track_type})"


def _percent(volume: object) -> str | None:
    return percent(volume) if isinstance(volume, float | int) else None


def _keys(keys: list[str], language: str) -> str:
    """Name the changed keys, at most ten: `fit and position`, or `fit, … and 3 more`."""
    words = [
        _word(_KEY_WORDS.get(key, one_line(key)) or "a setting", language)
        for key in keys[:_KEYS_SHOWN]
    ]
    more = len(keys) - len(words)
    if language == "zh":
        return "、".join(words) + (f" 等 {len(keys)} 项" if more else "")
    if more:
        words.append(f"{more} more")
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def _text(value: object, otherwise: str) -> str:
    return otherwise if value is None else quoted(str(value), _QUOTES)


def _word(word: str, language: str, *, capital: bool = False) -> str:
    if language == "zh":
        return _WORDS_CHINESE.get(word, word)
    return word.capitalize() if capital else word
