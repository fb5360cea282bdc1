"""Find the clips to edit: those on the timeline, or an upload that is added to it first."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

import attrs

from nemovideo.local.agent import edits, files
from nemovideo.local.agent.context import Action, Context, Outcomes, refused
from nemovideo.local.agent.language import digits
from nemovideo.local.agent.message import Clause
from nemovideo.local.agent.words import pattern
from nemovideo.local.timeline import Clip, Timeline


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
    first uploaded picture. `without` are ids of uploads with another role, such as the new
    background.
    """
    timeline = context.timeline
    wanted = [item for item in files.of_kind(clause.files, ("video",)) if item.id not in without]
    if timeline.clips:
        if not wanted:
            return Selection(timeline, _numbered(clause, timeline))
        ids = {item.id for item in wanted}
        on_it = tuple(i for i, clip in enumerate(timeline.clips) if clip.media in ids)
        if on_it:
            return Selection(timeline, None if len(on_it) == len(timeline.clips) else on_it)
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
            return edit(clause, context, selection) if selection else no_clips(tool, context)

        return carry_out

    return decorate


def without_number(text: str) -> str:
    """Return the text with digits, without "the first clip", which is not a time or an angle."""
    return pattern("selection.numbered_clip").sub(" ", digits(text))


def _numbered(clause: Clause, timeline: Timeline) -> tuple[int, ...] | None:
    text = digits(clause.text)
    names = ("selection.numbered_clip", "selection.clip_number")
    found = next(filter(None, (pattern(name).search(text) for name in names)), None)
    alone = len(timeline.clips) == 1
    named = re.sub(r" 1$", " clip", found[0]) if found else ""  # "the second one", with digits
    index = files.index_in(timeline.clips, named) if found and not alone else None
    return None if index is None else (index,)
