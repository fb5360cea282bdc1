"""The clips themselves: another one instead, one more, one less."""

from __future__ import annotations

from nemovideo.local.agent import edits, files, speech
from nemovideo.local.agent.context import Context, Intent, Outcome, did, refused, told
from nemovideo.local.agent.language import times
from nemovideo.local.agent.message import AUDIO, IMAGE, VIDEO, Clause
from nemovideo.local.agent.timing import says_when
from nemovideo.local.agent.words import (
    BACKGROUND,
    INSTEAD,
    MUSIC,
    PICTURE,
    REMOVE,
    TITLE,
    VIDEO_NOUN,
    either,
    has,
)
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.timeline import Timeline

_APPEND = either(
    r"append\w*|add\w*|attach\w*|join\w*|concat\w*|merge\w*|prepend\w*|insert\w*|put|place|stick|"
    r"combine\w*|stitch\w*",
    "加|添|接|拼|放|插|合并|连接",
)
_SWITCH = either(
    r"us(?:e|ing)|switch\w*|swap\w*|replac\w*|work (?:on|with)|edit|open|load|start with|take|"
    r"change",
    "用|换|改用|编辑|打开|处理",
)
_FRONT = either(r"before|beginning|start|front|first|prepend\w*", "前|开头|开始")
_DESCRIBED = either(
    r"(?:second|third|other|new|next|last|another|uploaded) (?:uploaded )?(?:video|clip|picture|"
    r"image|photo)",
    "(?:第.|另一|新|上传)[个段张条的]?(?:上传的)?(?:视频|片段|图片|照片)",
)


def _has_item(clause: Clause) -> bool:
    return VIDEO in clause.text or IMAGE in clause.text or has(_DESCRIBED, clause.text)


def _other_subject(clause: Clause) -> bool:
    return (
        any(has(words, clause.text) for words in (BACKGROUND, TITLE, MUSIC)) or AUDIO in clause.text
    )


def _matches_removal(clause: Clause) -> bool:
    text = clause.text
    return (
        has(REMOVE, text)
        and not _other_subject(clause)
        and not says_when(text)
        and (
            VIDEO in text
            or has(
                either(
                    r"(?:first|second|third|last|other|this|that) (?:clip|video|picture|slide)|"
                    r"(?:clip|video) \d",
                    "(?:第.|最后一?)[个段张条](?:视频|片段|图片|素材|照片)?",
                ),
                text,
            )
        )
        and not has(either("from|of|in|sound|audio|voice", "的|声"), text)
    )


def _remove(clause: Clause, context: Context) -> tuple[Outcome, ...]:
    timeline = context.timeline
    gone = _meant(clause, timeline) if timeline else None
    if timeline is None or gone is None:
        said = context.say("That clip is not on the timeline.", "时间线上没有这个片段。")
        return refused("remove_clip", {}, said)
    if len(timeline.clips) == 1:
        said = context.say(
            "It is the only clip; I can't leave the timeline empty.",
            "这是唯一的片段，不能删空时间线。",
        )
        return refused("remove_clip", {}, said)
    left = [clip for place, clip in enumerate(timeline.clips) if place != gone]
    edited = edits.with_clips(timeline, left)
    name = timeline.clips[gone].name
    return (
        did(
            "remove_clip",
            {"index": gone},
            edited,
            context.say(f"I've removed {name}.", f"已删除 {name}。"),
        ),
    )


def _meant(clause: Clause, timeline: Timeline) -> int | None:
    ids = {item.id for item in clause.files}
    by_name = [place for place, clip in enumerate(timeline.clips) if clip.media in ids]
    if by_name:
        return by_name[-1]
    place = files.ordinal(clause.text)
    if place is None or place >= len(timeline.clips):
        return None
    return place % len(timeline.clips)


def _matches_addition(clause: Clause) -> bool:
    return has(_APPEND, clause.text) and _has_item(clause) and not _other_subject(clause)


def _add(clause: Clause, context: Context) -> tuple[Outcome, ...]:
    item = _item(clause, context)
    if item is None:
        return _missing("add_clip", clause, context)
    given = times(clause.text)
    timeline = context.timeline
    if timeline is None or not timeline.clips:
        edited = edits.timeline_of(item)
    else:
        clip = edits.clip_of(item, given[0] if given and item.kind == "image" else None)
        at_front = has(_FRONT, clause.text) and not has(
            either("after|end", "后|结尾|末尾"), clause.text
        )
        edited = (
            edits.prepend(timeline, clip)
            if at_front
            else edits.with_clips(timeline, (*timeline.clips, clip))
        )
    length = speech.seconds(context, edited.duration_ms)
    said = context.say(
        f"I've added {item.name}; the video is {length} long now.",
        f"已添加 {item.name}，现在总长 {length}。",
    )
    return (did("add_clip", {"media": item.id}, edited, said),)


def _matches_switch(clause: Clause) -> bool:
    text = clause.text
    named = VIDEO in text or (has(_DESCRIBED, text) and has(VIDEO_NOUN, text))
    return (
        named
        and not _other_subject(clause)
        and (has(_SWITCH, text) or has(INSTEAD, text))
        and not has(either(r"picture|image|face|speed"), text)
    )


def _switch(clause: Clause, context: Context) -> tuple[Outcome, ...]:
    item = _item(clause, context)
    if item is None:
        return _missing("use_clip", clause, context)
    edited = edits.timeline_of(item)
    if edited == context.timeline:
        return told(
            context.say(
                f"{item.name} is on the timeline already.", f"{item.name} 已经在时间线上了。"
            )
        )
    said = context.say(f"I've put {item.name} on the timeline.", f"已把 {item.name} 放到时间线上。")
    return (did("use_clip", {"media": item.id}, edited, said),)


def _item(clause: Clause, context: Context) -> MediaItem | None:
    if clause.unknown_files:
        return None
    kinds = (
        ("image",) if has(PICTURE, clause.text) and not has(VIDEO_NOUN, clause.text) else ("video",)
    )
    named = files.named(clause, ("video", "image"))
    return named[-1] if named else files.choose(clause, files.of_kind(context.media, kinds))


def _missing(tool: str, clause: Clause, context: Context) -> tuple[Outcome, ...]:
    names = speech.listed(context, clause.unknown_files)
    said = context.say(
        f"I can't find {names or 'such a file'} among your uploads.",
        f"在您上传的文件中找不到{names or '这个文件'}。",
    )
    return refused(tool, {}, said)


REMOVE_CLIP = Intent("remove_clip", "clips", _matches_removal, _remove)
ADD_CLIP = Intent("add_clip", "clips", _matches_addition, _add)
USE_CLIP = Intent("use_clip", "clips", _matches_switch, _switch)
