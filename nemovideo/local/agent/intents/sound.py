"""Set the volume of the clips, and of a background video."""

from __future__ import annotations

from attrs import evolve

from nemovideo.local.agent import edits
from nemovideo.local.agent.context import Context, Outcomes, answered, applied, asked, refused
from nemovideo.local.agent.language import percent, times
from nemovideo.local.agent.loudness import new_volume
from nemovideo.local.agent.message import Clause
from nemovideo.local.agent.selection import Selection, needs_clips
from nemovideo.local.agent.words import has
from nemovideo.local.timeline import Clip


def matches_background(clause: Clause) -> bool:
    """Return whether the clause is about the sound of a background video."""
    return has(clause.text, "sound", "loudness.mute", "loudness.loudness")


def set_background(clause: Clause, context: Context) -> Outcomes:
    """Set the volume of the background video."""
    timeline = context.timeline
    backgrounds = (clip.background for clip in timeline.clips)
    videos = [one for one in backgrounds if one and one.kind == "video"]
    if not videos:
        return refused("set_background_volume", {}, context.say("no_background_video"))
    volume = _volume(clause.text, videos[0].volume or 0.6)
    volume = 1.0 if volume is None else volume

    def change(clip: Clip) -> Clip:
        if clip.background is None or clip.background.kind != "video":
            return clip
        return evolve(clip, background=evolve(clip.background, volume=volume))

    edited = edits.on_clips(timeline, change)
    if edited == timeline:
        return answered(context.say("background_volume_already", volume=volume))
    said = context.say("background_volume", volume=volume)
    return applied("set_background_volume", {"volume": volume}, edited, said)


def matches(clause: Clause) -> bool:
    """Return whether the clause is about the sound of the clips themselves."""
    text = clause.text
    if has(text, "loudness.unmute"):
        return True
    if has(text, "loudness.mute") and not has(text, "sound.of_light"):
        return True
    if has(text, "sound") and (has(text, "remove", "sound.off") or percent(text) is not None):
        return True
    return has(text, "loudness.loudness") and has(text, "sound", "sound.loudness")


@needs_clips("set_volume")
def set_volume(clause: Clause, context: Context, selection: Selection) -> Outcomes:
    """Set the volume of whole clips."""
    if times(clause.text):
        return refused("set_volume", {}, context.say("no_partial_volume"))
    volume = _volume(clause.text, selection.first.volume)
    if volume is None:
        return asked(context, "how_loud")
    edited = edits.on_clips(
        selection.timeline, lambda clip: evolve(clip, volume=volume), selection.only
    )
    if edited == selection.timeline:
        return answered(context.say("volume_already", volume=volume))
    said = context.say("volume" if volume else "muted", volume=volume)
    return applied("set_volume", {"volume": volume}, edited, said, silent=True)


def _volume(text: str, current: float) -> float | None:
    if has(text, "loudness.unmute") and not has(text, "sound.turned"):
        return 1.0
    if has(text, "loudness.mute"):
        return 0.0
    volume = new_volume(text, current)
    off = has(text, "remove", "sound.off") if volume is None else has(text, "remove")
    if off and (volume is None or not has(text, "loudness.loudness")):
        return 0.0
    return volume
