"""Fade the whole video, the music and titles in and out."""

from __future__ import annotations

from attrs import evolve

from nemovideo.local.agent import speech
from nemovideo.local.agent.context import Context, Outcomes, answered, applied, asked, refused
from nemovideo.local.agent.fading import Fade
from nemovideo.local.agent.intents import titles
from nemovideo.local.agent.message import Clause
from nemovideo.local.agent.selection import Selection, needs_clips
from nemovideo.local.agent.title_words import changed_text
from nemovideo.local.agent.words import has, pattern
from nemovideo.local.timeline import Timeline


def matches_title(clause: Clause) -> bool:
    """Return whether the clause fades a title, rather than giving the words of one."""
    words = None if clause.quotes else changed_text(clause)
    if words and not pattern("framing.only_fade").fullmatch(words):
        return False
    return has(clause.text, "framing.fade_of") or not has(clause.text, "titles.new_one")


def fade_title(clause: Clause, context: Context) -> Outcomes:
    """Fade titles in or out, or remove their fade; a title that is missing is added."""
    timeline = context.timeline
    chosen = titles.indexes(clause, timeline)
    if clause.quotes and not chosen and not has(clause.text, "framing.fade_verb"):
        rewrites = timeline.titles and titles.matches_change(clause)
        return titles.change(clause, context) if rewrites else titles.add(clause, context)
    if not chosen:
        missing = "no_such_title" if timeline.titles else "no_title_to_change"
        return refused("edit_title", {}, context.say(missing))
    old = [timeline.titles[index] for index in chosen]
    fade = Fade.of(clause.text).within_titles(old)
    new = list(timeline.titles)
    for index in chosen:
        new[index] = fade.applied(new[index])
    edited = evolve(timeline, titles=tuple(new))
    words = speech.listed(context, [f"“{title.text}”" for title in old])
    named = "titles_named" if len(old) > 1 else "title_named"
    return _outcomes(fade, context, edited, context.say(named, words=words))


@needs_clips("fade")
def fade(clause: Clause, context: Context, selection: Selection) -> Outcomes:
    """Fade the picture with the sound, the music alone, or "both", or remove the fade."""
    text = clause.text
    timeline = selection.timeline
    of_music = has(text, "music")
    if of_music and not timeline.sounds:
        return refused("fade", {}, context.say("no_music_yet"))
    if has(text, "sound") and not of_music:
        return refused("fade", {}, context.say("no_sound_fade"))
    parts = (*timeline.titles, *timeline.sounds)
    if parts and has(text, "framing.both") and not has(text, "music", "video_noun", "picture"):
        return _fade_both(clause, context, timeline)
    fade = Fade.of(text).within(timeline.duration_ms)
    if of_music:
        sounds = tuple(map(fade.applied, timeline.sounds))
        return _outcomes(
            fade, context, evolve(timeline, sounds=sounds), context.say("subject.music")
        )
    return _outcomes(fade, context, fade.applied(timeline), context.say("subject.video"))


def _fade_both(clause: Clause, context: Context, timeline: Timeline) -> Outcomes:
    """Fade the title and the music, or two titles; ask if "both" can be something else."""
    counts = {"title": len(timeline.titles), "music": len(timeline.sounds)}
    existing = [context.say(f"subject.{name}") for name, count in counts.items() if count]
    if sum(counts.values()) != 2 or counts["music"] == 2:
        choices = [*existing, context.say("subject.video")]
        after = " " + " ".join(clause.raw.split()).strip(" .,;!?，。；！？、")
        which = context.say("subject.separator").join(choices)
        return asked(context, "which_one", after=after, choices=which)
    fade = Fade.of(clause.text).within_titles(timeline.titles)
    edited = evolve(
        timeline,
        titles=tuple(map(fade.applied, timeline.titles)),
        sounds=tuple(map(fade.applied, timeline.sounds)),
    )
    both = existing if timeline.sounds else [context.say("subject.titles")]
    return _outcomes(fade, context, edited, speech.listed(context, both))


def _outcomes(fade: Fade, context: Context, edited: Timeline, what: str) -> Outcomes:
    if edited == context.timeline:
        return answered(context.say("fades_already" if fade.length_ms else "no_fade"))
    said = context.say("faded", what=what, **fade.described(context))
    args = {f"fade_{end}_ms": fade.length_ms for end in fade.ends}
    return applied("fade", args, edited, said if fade.length_ms else context.say("fade_removed"))
