"""Add background music, set its volume, remove it."""

from __future__ import annotations

from attrs import evolve

from nemovideo.local.agent import files, hiding, speech
from nemovideo.local.agent.context import Context, Outcomes, answered, applied, refused
from nemovideo.local.agent.loudness import new_volume
from nemovideo.local.agent.message import AUDIO, Clause
from nemovideo.local.agent.selection import no_clips, select_clips
from nemovideo.local.agent.timing import mentions_time, range_in
from nemovideo.local.agent.words import has, pattern
from nemovideo.local.timeline import Sound

DEFAULT_VOLUME = 0.5


def matches_removal(clause: Clause) -> bool:
    """Return whether the clause asks to remove the music, not a part of it such as the vocals."""
    others = pattern("music.background_music").sub("", clause.text)
    return has(clause.text, "remove", "music.off") and not has(others, "music.part_of_sound")


def remove(clause: Clause, context: Context) -> Outcomes:
    """Remove the background music, or a part of it."""
    timeline = context.timeline
    if not timeline.sounds:
        return refused("remove_music", {}, context.say("no_music_to_remove"))
    if hiding.is_timed(clause.text):
        return hiding.hide(clause, context, "edit_music", "sounds", range(len(timeline.sounds)))
    return applied("remove_music", {}, evolve(timeline, sounds=()), context.say("music_removed"))


def matches_volume(clause: Clause) -> bool:
    """Return whether the clause is about the volume of the music."""
    text = clause.text
    loud = has(text, "loudness.loudness", "loudness.mute", "loudness.unmute")
    return (loud or new_volume(text, 1.0) is not None) and AUDIO not in text


def change_volume(clause: Clause, context: Context) -> Outcomes:
    """Set the volume of the background music."""
    timeline = context.timeline
    muted = has(clause.text, "loudness.mute")
    if not timeline.sounds:
        if files.of_kind(context.media, ("audio",)) and not muted:
            return add(clause, context)
        return refused("set_music_volume", {}, context.say("no_music_yet"))
    volume = 0.0 if muted else new_volume(clause.text, timeline.sounds[0].volume)
    if volume is None:
        volume = DEFAULT_VOLUME
    edited = evolve(timeline, sounds=tuple(evolve(s, volume=volume) for s in timeline.sounds))
    if edited == timeline:
        return answered(context.say("music_already", volume=volume))
    said = context.say("music_volume", volume=volume)
    return applied("set_music_volume", {"volume": volume}, edited, said)


def matches_addition(clause: Clause) -> bool:
    """Return whether the clause asks for music; a short clause that mentions it is enough."""
    text = clause.text
    wanted = has(text, "music.put", "add", "replace") or len(text) < 24
    return wanted or new_volume(text, 1.0) is not None


def add(clause: Clause, context: Context) -> Outcomes:
    """Add an uploaded file, or the sound of an uploaded video, as background music."""
    from_video = (
        files.of_kind(clause.files, ("video",)) if has(clause.text, "music.from_video") else []
    )
    candidates = files.of_kind(context.media, ("audio",))
    music = None if clause.unknown_files else files.choose(clause, candidates)
    if not files.of_kind(clause.files, ("audio",)) and from_video:
        music = from_video[0] if from_video[0].has_audio else None
    if music is None:
        names = clause.unknown_files or [item.name for item in from_video]
        what = speech.listed(context, names) or context.say("an_audio_file")
        return refused("add_music", {}, context.say("no_music_file", what=what))
    selection = select_clips(clause, context, without=(music.id,) if from_video else ())
    if not selection:
        return no_clips("add_music", context)
    timeline = selection.timeline
    volume = new_volume(clause.text, DEFAULT_VOLUME)
    if volume is None:
        volume = timeline.sounds[0].volume if timeline.sounds else DEFAULT_VOLUME
    start, length = 0, timeline.duration_ms
    timed = range_in(clause.text, length, length)
    if timed is not None and mentions_time(clause.text):
        start, length = timed.start_ms, timed.duration_ms
    edited = evolve(timeline, sounds=(Sound(music.id, music.name, length, start, volume),))
    if edited == context.timeline:
        return answered(context.say("music_playing", name=music.name, volume=volume))
    said = context.say("music_added", name=music.name, volume=volume)
    args = {"media": music.id, "volume": volume, "start_ms": start}
    return applied("add_music", args, edited, said)
