"""Times, names and lists in the user's language."""

from __future__ import annotations

from collections.abc import Sequence

from nemovideo.draft import Draft
from nemovideo.draft.summary import summarize
from nemovideo.local.agent.context import Context
from nemovideo.local.timeline import SCENES, Background, Timeline

_MAX_LISTED = 12


def seconds(context: Context, milliseconds: int) -> str:
    """Return "3 s" or "3 秒", with at most two decimals."""
    return context.say("seconds", figure=_figure(milliseconds))


def out_of_range(context: Context, timeline: Timeline) -> str:
    """Return the refusal of a time beyond the end."""
    return context.say("too_short", length=seconds(context, timeline.duration_ms))


def span(context: Context, start_ms: int, end_ms: int) -> str:
    """Return "2-5 s" or "2-5 秒"."""
    return f"{_figure(start_ms)}-{seconds(context, end_ms)}"


def bounds(context: Context, start_ms: int, end_ms: int) -> tuple[str, str]:
    """Return the start, without a unit, and the end: "2" and "5 s"."""
    return _figure(start_ms), seconds(context, end_ms)


def part(context: Context, start_ms: int, end_ms: int, total_ms: int) -> str:
    """Return "the first 2 s", "the last 2 s" or "2 to 5 s"."""
    if start_ms and end_ms < total_ms:
        start, end = bounds(context, start_ms, end_ms)
        return context.say("part.middle", start=start, end=end)
    sentence = "part.end" if start_ms else "part.start"
    return context.say(sentence, length=seconds(context, end_ms - start_ms))


def _figure(milliseconds: int) -> str:
    return f"{milliseconds / 1000:.2f}".rstrip("0").rstrip(".")


def listed(context: Context, items: Sequence[str], conjunction: str = "and") -> str:
    """Return the items, or the first ones and "3 more", joined with "and" or "or"."""
    if len(items) > _MAX_LISTED:
        more = context.say("more", count=len(items) - _MAX_LISTED)
        items = [*items[:_MAX_LISTED], more]
    if context.language == "zh":
        return "、".join(items)
    return f" {conjunction} ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))


def scene_list(context: Context, conjunction: str = "and") -> str:
    """Return the names of the scenes that can be drawn."""
    return listed(context, [context.say(f"scene.{scene}") for scene in SCENES], conjunction)


def background_name(context: Context, background: Background) -> str:
    """Return the name of a background."""
    if background.media:
        item = next((item for item in context.media if item.id == background.media), None)
        return item.name if item else background.kind
    kind = f"{background.kind}.{background.scene}" if background.scene else background.kind
    return context.say(f"background.{kind}", color=background.color)


def summary(context: Context, timeline: Timeline) -> str:
    """Return the summary of the timeline, and the names of uploads in the background."""
    said = summarize(Draft.from_json(timeline.to_draft()), context.language)
    backgrounds = dict.fromkeys(
        background_name(context, clip.background)
        for clip in timeline.clips
        if clip.background and clip.background.media
    )
    return (
        said + context.say("backgrounds") + listed(context, list(backgrounds))
        if backgrounds
        else said
    )


def abilities(context: Context) -> str:
    """Return what this agent can do, as a list with one line per subject."""
    return context.say("abilities", scenes=scene_list(context, "or"))
