"""What an edit works on: the timeline, or the upload that first has to be put on it."""

from __future__ import annotations

from collections.abc import Collection

import attrs

from nemovideo._support.patterns import lazy
from nemovideo.local.agent import edits, files
from nemovideo.local.agent.context import Context, Outcome, refused
from nemovideo.local.agent.language import digits
from nemovideo.local.agent.message import Clause
from nemovideo.local.timeline import Timeline

_NUMBERED_CLIP = lazy(
    r"(?:first|second|third|fourth|last|\d(?:st|nd|rd|th)) (?:video|clip|shot)(?! ?\d)"
    r"|(?:第\d|最后1?)[个段条](?:视频|片段|镜头|素材)"
)


@attrs.frozen
class Stage:
    """A timeline with at least one clip, and the clips that are meant (`only`, None for all)."""

    timeline: Timeline
    only: tuple[int, ...] | None = None


def stage_for(clause: Clause, context: Context, *, without: Collection[str] = ()) -> Stage | None:
    """Return what the clause works on, None where there is nothing to work on.

    A video that the clause names comes first; then what is on the timeline;
    then the first uploaded video, then the first picture. `without` are ids of
    uploads that have another part in it, such as the new background.
    """
    timeline = context.timeline
    wanted = [item for item in files.named(clause, ("video",)) if item.id not in without]
    if timeline and timeline.clips:
        on_it = tuple(
            place
            for place, clip in enumerate(timeline.clips)
            if clip.media in {i.id for i in wanted}
        )
        if not wanted:
            return Stage(timeline, _numbered(clause, timeline))
        if on_it:
            return Stage(timeline, None if len(on_it) == len(timeline.clips) else on_it)
    uploads = [
        *wanted,
        *files.of_kind(context.media, ("video",)),
        *files.named(clause, ("image",)),
        *files.of_kind(context.media, ("image",)),
    ]
    found = next((item for item in uploads if item.id not in without), None)
    return Stage(edits.timeline_of(found)) if found else None


def nothing_there(tool: str, context: Context) -> tuple[Outcome, ...]:
    """Return the refusal where there is no clip to work on."""
    sounds = [item.name for item in context.media if item.kind == "audio"]
    if sounds and len(sounds) == len(context.media):
        said = context.say(
            f"{sounds[-1]} is sound only: there is no picture in it. Upload a video or a picture.",
            f"{sounds[-1]} 只有声音，没有画面。请上传一个视频或一张图片。",
        )
        return refused(tool, {}, said)
    return refused(
        tool,
        {},
        context.say(
            "There is no video to edit yet. Upload a clip first, or ask me to make a title video.",
            "还没有可以编辑的视频。请先上传一个视频，或者让我制作一个标题视频。",
        ),
    )


def _numbered(clause: Clause, timeline: Timeline) -> tuple[int, ...] | None:
    found = _NUMBERED_CLIP.search(digits(clause.text))
    place = files.ordinal(found[0] + " ") if found and len(timeline.clips) > 1 else None
    if place is None or place >= len(timeline.clips):
        return None
    return (place % len(timeline.clips),)
