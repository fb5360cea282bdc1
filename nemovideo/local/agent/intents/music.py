"""Background music: added, its volume, removed."""

from __future__ import annotations

from attrs import evolve

from nemovideo.local.agent import files, speech
from nemovideo.local.agent.context import Context, Intent, Outcome, did, refused, told
from nemovideo.local.agent.loudness import LOUDNESS, MUTE, UNMUTE, new_volume
from nemovideo.local.agent.message import AUDIO, Clause
from nemovideo.local.agent.stage import nothing_there, stage_for
from nemovideo.local.agent.timing import says_when, when
from nemovideo.local.agent.words import ADD, MUSIC, REMOVE, REPLACE, either, has, verbs
from nemovideo.local.timeline import Sound

DEFAULT_VOLUME = 0.5

_PUT = either(
    rf"{verbs('add insert put place play use include apply overlay lay set choose')}|have|give|"
    rf"want|need|with|to|some",
    "加|添|插|放|配|用|换|来|铺|使用|作为|做|设",
)
_OFF = either(r"(?:turn|switch)\w* (?:\w+ ){0,4}off|stop|disable")
_FROM_VIDEO = either(
    r"(?:sound|audio|music|song|track) (?:from|of|in)|from", "里的|中的|的声音|的音乐"
)


def _has_music(clause: Clause) -> bool:
    return has(MUSIC, clause.text)


def _matches_removal(clause: Clause) -> bool:
    return (
        _has_music(clause)
        and (has(REMOVE, clause.text) or has(_OFF, clause.text))
        and not has(
            either("add|use|replace|change|instead|music video", "换|加上?|添|用"), clause.text
        )
        and not has(either("vocals?|noise|background"), _without_music(clause.text))
    )


def _without_music(text: str) -> str:
    return (
        text.replace("background music", "")
        .replace("background audio", "")
        .replace("background track", "")
        .replace("background sound", "")
        .replace("background song", "")
    )


def _remove(_clause: Clause, context: Context) -> tuple[Outcome, ...]:
    timeline = context.timeline
    if timeline is None or not timeline.sounds:
        said = context.say("There is no background music to remove.", "没有可以去掉的背景音乐。")
        return refused("remove_music", {}, said)
    said = context.say("I've removed the background music.", "背景音乐已去掉。")
    return (did("remove_music", {}, evolve(timeline, sounds=()), said),)


def _matches_volume(clause: Clause) -> bool:
    text = clause.text
    return (
        _has_music(clause)
        and (
            has(LOUDNESS, text)
            or has(MUTE, text)
            or has(UNMUTE, text)
            or new_volume(text, 1.0) is not None
        )
        and not has(
            either(
                "add|insert|use|put|include|play|replace|swap|with",
                "加上?(?!大)|添|插|放(?!大|小)|配(?!乐)|用|换",
            ),
            text,
        )
        and AUDIO not in text
    )


def _change_volume(clause: Clause, context: Context) -> tuple[Outcome, ...]:
    timeline = context.timeline
    if timeline is None or not timeline.sounds:
        if files.of_kind(context.media, ("audio",)) and not has(MUTE, clause.text):
            return _add(clause, context)
        said = context.say("There is no background music yet.", "还没有背景音乐。")
        return refused("set_music_volume", {}, said)
    volume = 0.0 if has(MUTE, clause.text) else new_volume(clause.text, timeline.sounds[0].volume)
    if volume is None:
        volume = DEFAULT_VOLUME
    edited = evolve(timeline, sounds=tuple(evolve(s, volume=volume) for s in timeline.sounds))
    shown = speech.percentage(volume)
    if edited == timeline:
        return told(context.say(f"The music is already at {shown}.", f"音乐音量已经是 {shown}。"))
    said = context.say(f"I've set the music's volume to {shown}.", f"音乐音量已设为 {shown}。")
    return (did("set_music_volume", {"volume": volume}, edited, said),)


def _matches_addition(clause: Clause) -> bool:
    text = clause.text
    if has(MUSIC, text):
        return (
            has(f"{_PUT}|{ADD}|{REPLACE}", text)
            or new_volume(text, 1.0) is not None
            or len(text) < 24
        )
    return False


def _add(clause: Clause, context: Context) -> tuple[Outcome, ...]:
    candidates = files.of_kind(context.media, ("audio",))
    from_video = [i for i in files.named(clause, ("video",)) if has(_FROM_VIDEO, clause.text)]
    music = None if clause.unknown_files else files.choose(clause, candidates)
    if not files.named(clause, ("audio",)) and from_video:
        music = from_video[0] if from_video[0].has_audio else None
    if music is None:
        names = speech.listed(context, clause.unknown_files or [item.name for item in from_video])
        said = context.say(
            f"I can't find {names or 'any uploaded audio'} to use as music. Upload an audio file "
            "(mp3, wav, m4a or aac) first.",
            f"找不到可以用作音乐的{names or '音频'}，请先上传音频文件（mp3、wav、m4a 或 aac）。",
        )
        return refused("add_music", {}, said)
    stage = stage_for(clause, context, without=() if not from_video else (music.id,))
    if not stage:
        return nothing_there("add_music", context)
    timeline = stage.timeline
    old = timeline.sounds[0].volume if timeline.sounds else DEFAULT_VOLUME
    volume = new_volume(clause.text, DEFAULT_VOLUME)
    if volume is None:
        volume = old
    timed = when(clause.text, timeline.duration_ms, timeline.duration_ms)
    if timed is None or not says_when(clause.text):
        start, length = 0, timeline.duration_ms
    else:
        start, length = timed.start_ms, timed.duration_ms
    sound = Sound(music.id, music.name, length, start, volume)
    edited = evolve(timeline, sounds=(sound,))
    shown = speech.percentage(volume)
    if edited == context.timeline:
        return told(
            context.say(
                f"{music.name} is already playing at {shown}.",
                f"{music.name} 已经是背景音乐了（{shown}）。",
            )
        )
    said = context.say(
        f"I've added {music.name} as background music at {shown}.",
        f"已添加背景音乐 {music.name}，音量 {shown}。",
    )
    args: dict[str, object] = {"media": music.id, "volume": volume, "start_ms": start}
    return (did("add_music", args, edited, said),)


REMOVE_MUSIC = Intent("remove_music", "music", _matches_removal, _remove)
MUSIC_VOLUME = Intent("music_volume", "music", _matches_volume, _change_volume)
ADD_MUSIC = Intent("add_music", "music", _matches_addition, _add)
add_music = _add
