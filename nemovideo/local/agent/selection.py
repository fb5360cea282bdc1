"""Find the clips to edit: those on the timeline, or an upload that is added to it first."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

import attrs

from nemovideo.local.agent import edits, files
from nemovideo.local.agent.backdrops import find_target
from nemovideo.local.agent.context import Action, Context, Intent, Outcomes, refused
from nemovideo.local.agent.language import digits
from nemovideo.local.agent.message import Clause
from nemovideo.local.agent.words import has, pattern
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.timeline import Clip, Timeline

_FAMILIES = ("background", "title", "music", "sound", "trim", "look", "speed", "frame")
_INTENTS = ("repeat", "reverse", "freeze")
"""The families, and further intents, of edits to the clips that a clause mentions."""


@attrs.frozen
class Selection:
    """A timeline with clips, and the indexes of those to edit (`only`; None for all)."""

    timeline: Timeline
    only: tuple[int, ...] | None = None

    @property
    def clips(self) -> tuple[Clip, ...]:
        """The clips to edit."""
        clips = self.timeline.clips
        return clips if self.only is None else tuple(clips[index] for index in self.only)

    @property
    def first(self) -> Clip:
        """The first of the clips to edit."""
        return self.clips[0]


def select_clips(
    clause: Clause, context: Context, *, without: Collection[str] = ()
) -> Selection | None:
    """Return the clips that a clause is about, or None if there are none.

    Priority: a video that the clause names, the timeline, the first uploaded video, the
    first uploaded picture. `without` are ids of uploads with a different role, such as the new
    background.
    """
    timeline = context.timeline
    wanted = [item for item in files.of_kind(clause.files, ("video",)) if item.id not in without]
    if timeline.clips:
        if not wanted:
            return Selection(timeline, _numbered(clause, timeline))
        ids = {item.id for item in wanted}
        on_timeline = tuple(i for i, clip in enumerate(timeline.clips) if clip.media in ids)
        if on_timeline:
            return Selection(
                timeline, None if len(on_timeline) == len(timeline.clips) else on_timeline
            )
    uploads = [
        *wanted,
        *files.of_kind(context.media, ("video",)),
        *files.of_kind(clause.files, ("image",)),
        *files.of_kind(context.media, ("image",)),
    ]
    found = next((item for item in uploads if item.id not in without), None)
    return Selection(edits.timeline_of(found)) if found else None


def no_clips(tool: str, context: Context) -> Outcomes:
    """Return the refusal if there is no clip to edit."""
    sounds = [item.name for item in context.media if item.kind == "audio"]
    if sounds and len(sounds) == len(context.media):
        return refused(tool, {}, context.say("sound_only", name=sounds[-1]))
    return refused(tool, {}, context.say("no_video"))


def needs_clips(tool: str) -> Callable[[Callable[[Clause, Context, Selection], Outcomes]], Action]:
    """Return a decorator for an edit that needs a clip; without one, `tool` is refused."""

    def decorate(edit: Callable[[Clause, Context, Selection], Outcomes]) -> Action:
        def carry_out(clause: Clause, context: Context) -> Outcomes:
            selection = select_clips(clause, context)
            if selection is None:
                return no_clips(tool, context)
            return edit(_without_clip_number(clause), context, selection)

        return carry_out

    return decorate


def without_number(text: str) -> str:
    """Return the text with digits, without "the first clip", which is not a time or an angle."""
    return pattern("selection.numbered_clip").sub(" ", digits(text))


def _without_clip_number(clause: Clause) -> Clause:
    """Return the clause without "clip 2", which is not a factor or a time, at the same length."""
    numbered = pattern("selection.numbered_clip")
    text, plain = (
        numbered.sub(lambda found: " " * len(found[0]), words)
        for words in (clause.text, clause.plain)
    )
    return attrs.evolve(clause, text=text, plain=plain)


def missing_clip(clause: Clause, intent: Intent | None, context: Context) -> Outcomes:
    """Return the refusal of an edit to "the third clip" if there are fewer clips."""
    if intent is None or clause.files:
        return ()
    if intent.family not in _FAMILIES and intent.name not in _INTENTS:
        return ()
    within = intent.family in ("title", "music")
    target = find_target(clause, ()) if intent.family == "background" else None
    if target is not None and target.upload_kinds:
        return ()  # "use the second video as the background"
    text = digits(clause.text)
    index = _index(text)
    if index is None or (within and not has(text, "selection.within")):
        return ()
    selection = select_clips(clause, context)
    if selection is None or index < len(selection.timeline.clips):
        return ()
    said = clip_count_sentence(context, selection.timeline)
    return refused("select_clips", {"index": index}, said)


def clip_count_sentence(context: Context, timeline: Timeline) -> str:
    """Return how many clips there are, and how to add the other uploads."""
    count = len(timeline.clips)
    said = context.say("clips.one" if count == 1 else "clips.many", count=count)
    return said + how_to_add(context)


def how_to_add(context: Context) -> str:
    """Return how to add the videos that are not on the timeline; empty if there are none."""
    others = not_on_timeline(context, ("video",))
    if not others:
        return ""
    sentence = "how_to_append" if len(others) == 1 else "how_to_join"
    return context.say(sentence, name=others[0].name)


def not_on_timeline(context: Context, kinds: Collection[str]) -> list[MediaItem]:
    """Return the uploads of these kinds that are neither clips, backgrounds, logos nor music."""
    timeline = context.timeline
    used = {clip.media for clip in timeline.clips}
    used |= {clip.background.media for clip in timeline.clips if clip.background}
    used |= {overlay.media for overlay in timeline.overlays}
    used |= {sound.media for sound in timeline.sounds}
    return [item for item in files.of_kind(context.media, kinds) if item.id not in used]


def _numbered(clause: Clause, timeline: Timeline) -> tuple[int, ...] | None:
    count = len(timeline.clips)
    index = _index(digits(clause.text))
    return None if index is None or count == 1 or index >= count else (index % count,)


def _index(text: str) -> int | None:
    """Return the list index of the clip that a text with digits mentions by its number."""
    names = ("selection.numbered_clip", "selection.clip_number")
    found = next(filter(None, (pattern(name).search(text) for name in names)), None)
    if found is None:
        return None
    named = re.sub(r"^(the \w+) (?:1|one)$", r"\1 clip", found[0])  # "the second one", with digits
    index = files.ordinal(named)
    number = re.search(r"\d+", named)
    return int(number[0]) - 1 if index is None and number else index
