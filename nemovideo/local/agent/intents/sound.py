"""The clips' own sound, and that of a background video: muted, brought back, louder or quieter."""

from __future__ import annotations

from attrs import evolve

from nemovideo.local.agent import edits, speech
from nemovideo.local.agent.context import Context, Intent, Outcome, asked, did, refused, told
from nemovideo.local.agent.language import percent, times
from nemovideo.local.agent.loudness import LOUDNESS, MUTE, UNMUTE, new_volume
from nemovideo.local.agent.message import Clause
from nemovideo.local.agent.stage import nothing_there, stage_for
from nemovideo.local.agent.words import MUSIC, REMOVE, SOUND, TITLE, either, has
from nemovideo.local.timeline import Clip

_CLEANING = either(
    r"noises?|denois\w*|echo|hum|hiss|enhance\w*|clean\w*|auto-?tune|pitch",
    "噪|杂音|降噪|回声|变声",
)


_BEHIND = either(
    r"(?:background|backdrop) (?:video|clip)(?:'s)?|"
    r"(?:sound|audio|volume|noise) (?:of|from|in) (?:the |my |that )?(?:background|backdrop)"
    r"(?: (?:video|clip))?",
    "背景(?:里的?|中的?)?(?:视频|影片|素材)",
)


def _matches_behind(clause: Clause) -> bool:
    text = clause.text
    if not has(_BEHIND, text) or has(TITLE, text):
        return False
    return has(SOUND, text) or has(MUTE, text) or has(LOUDNESS, text)


def _set_behind(clause: Clause, context: Context) -> tuple[Outcome, ...]:
    timeline = context.timeline
    clips = timeline.clips if timeline else ()
    behind = [c.background for c in clips if c.background and c.background.kind == "video"]
    if timeline is None or not behind:
        said = context.say("There is no background video to hear.", "没有背景视频。")
        return refused("set_background_volume", {}, said)
    volume = _volume(clause.text, behind[0].volume or 0.6)
    volume = 1.0 if volume is None else volume

    def change(clip: Clip) -> Clip:
        if clip.background is None or clip.background.kind != "video":
            return clip
        return evolve(clip, background=evolve(clip.background, volume=volume))

    edited = edits.on_clips(timeline, change)
    shown = speech.percentage(volume)
    if edited == timeline:
        return told(
            context.say(f"The background is already at {shown}.", f"背景声音已经是 {shown} 了。")
        )
    said = context.say(
        f"The background video is heard at {shown} now.", f"背景视频的音量已设为 {shown}。"
    )
    return (did("set_background_volume", {"volume": volume}, edited, said),)


def _matches(clause: Clause) -> bool:
    text = clause.text
    if has(MUSIC, text) or has(TITLE, text) or has(_CLEANING, text):
        return False
    if has(MUTE, text) and not has(
        either("muted colou?rs?|colou?rs?|light|lights|blur\\w*|filter|subtitles"), text
    ):
        return True
    if has(UNMUTE, text):
        return True
    if has(SOUND, text) and (has(REMOVE, text) or has(either("off|disable|kill|cut"), text)):
        return True
    if has(SOUND, text) and percent(text) is not None:
        return True
    return has(LOUDNESS, text) and (
        has(SOUND, text) or has(either(r"loud\w*|quiet\w*|softer|it up|it down", "大声|小声"), text)
    )


def _set(clause: Clause, context: Context) -> tuple[Outcome, ...]:
    stage = stage_for(clause, context)
    if not stage:
        return nothing_there("set_volume", context)
    if times(clause.text):
        said = context.say(
            "I can set the volume of a whole clip only, not of a part of it.",
            "只能设置整个片段的音量，不能只改其中一段。",
        )
        return refused("set_volume", {}, said)
    current = stage.timeline.clips[stage.only[0] if stage.only else 0].volume
    volume = _volume(clause.text, current)
    if volume is None:
        said = context.say(
            "How loud should it be? Say for example “volume 50%”.", "音量要多大？例如“音量50%”。"
        )
        return asked(said, context.say("set the volume to ", "音量设为"))
    edited = edits.on_clips(stage.timeline, lambda clip: evolve(clip, volume=volume), stage.only)
    shown = speech.percentage(volume)
    if edited == stage.timeline:
        return told(context.say(f"The sound is already at {shown}.", f"声音已经是 {shown} 了。"))
    if volume == 0:
        said = context.say("I've muted the video.", "视频已静音。")
    else:
        said = context.say(f"I've set the video's volume to {shown}.", f"视频音量已设为 {shown}。")
    return (did("set_volume", {"volume": volume}, edited, said, silent=True),)


def _volume(text: str, current: float) -> float | None:
    if has(UNMUTE, text) and not has(
        either("turn\\w* (?:\\w+ ){0,4}(?:off|down|up)|volume to"), text
    ):
        return 1.0
    if has(MUTE, text):
        return 0.0
    volume = new_volume(text, current)
    if volume is None and (has(REMOVE, text) or has(either("off|disable|kill|cut"), text)):
        return 0.0
    if has(REMOVE, text) and not has(LOUDNESS, text):
        return 0.0
    return volume


BACKGROUND_VOLUME = Intent("background_volume", "sound", _matches_behind, _set_behind)
SOUND_VOLUME = Intent("sound_volume", "sound", _matches, _set)
