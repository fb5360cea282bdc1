"""Go back to the previous version, or to the original video."""

from __future__ import annotations

import attrs

from nemovideo.local.agent import edits
from nemovideo.local.agent.context import Context, Outcome, Outcomes, answered, applied, refused
from nemovideo.local.agent.intents.background import restore
from nemovideo.local.agent.message import Clause
from nemovideo.local.agent.speech import listed
from nemovideo.local.agent.turn import ToolUse
from nemovideo.local.agent.words import has
from nemovideo.local.timeline import Timeline

_SUBJECTS = {
    "background": "background",
    "title": "titles",
    "music": "sounds",
    "changes.volume": "volume",
    "changes.speed": "speed",
    "changes.length": "length",
    "changes.look": "look",
}
"""The words for a subject, and the key of that subject in `_aspects`."""


def start_over(_clause: Clause, context: Context) -> Outcomes:
    """Go back to the original video."""
    ids = [clip.media for clip in context.timeline.clips]
    main = next((item for item in context.media if item.id in ids and item.kind == "video"), None)
    fresh = edits.timeline_of(main) if main else edits.timeline_for(context.media)
    if fresh is None or fresh == context.timeline:
        return answered(context.say("nothing_to_discard"))
    return applied("start_over", {}, fresh, context.say("started_over"))


def means_last_change(clause: Clause) -> bool:
    """Return whether the clause asks to undo, unlike "turn the sound back on"."""
    text = clause.text
    return has(text, "undo.last_change") or not has(text, "sound", *_SUBJECTS)


def undo(clause: Clause, context: Context) -> Outcomes:
    """Undo the last change, if it is what the clause refers to."""
    named = {aspect for name, aspect in _SUBJECTS.items() if has(clause.text, name)}
    changed = _changed(context.previous, context.timeline) if context.history else set()
    if "background" in named - changed:
        return restore(clause, context)
    if not context.history or _is_upload(context):
        return refused("undo", {}, context.say("nothing_to_undo"))
    if named and not named & changed:
        return refused("undo", {"of": sorted(named)}, context.say("not_last_change"))
    tool = ToolUse("undo", {}, {"status": "success"})
    said = context.say("undone", what=_named(changed, context))
    return (Outcome(said, tool, context.history[-1], undone=True),)


def _named(changed: set[str], context: Context) -> str:
    """Describe what was changed."""
    aspects = changed or {"other"}
    if "clips" in aspects:  # everything else differs as well
        aspects = {"clips"}
    return listed(context, [context.say(f"undone.{aspect}") for aspect in sorted(aspects)])


def _is_upload(context: Context) -> bool:
    """Return whether the last change only put an upload on the timeline."""
    fresh = [edits.timeline_of(item) for item in context.media if item.kind != "audio"]
    return not context.previous.clips and context.timeline in fresh


def _changed(before: Timeline, after: Timeline) -> set[str]:
    """Return the aspects that differ between two versions: all, if the first has no clips."""
    if not before.clips:
        return {"clips", *_SUBJECTS.values()}
    old, new = _aspects(before), _aspects(after)
    return {name for name in old if old[name] != new[name]}


def _aspects(timeline: Timeline) -> dict[str, object]:
    clips = [attrs.asdict(clip, recurse=False) for clip in timeline.clips]
    return {
        "background": [clip["background"] for clip in clips],
        "titles": timeline.titles,
        "sounds": [(sound.media, sound.volume) for sound in timeline.sounds],
        "volume": ([clip["volume"] for clip in clips], [s.volume for s in timeline.sounds]),
        "speed": [clip["speed"] for clip in clips],
        "length": [(clip["source_start_ms"], clip["duration_ms"]) for clip in clips],
        "look": [(clip["brightness"], clip["contrast"], clip["saturation"]) for clip in clips],
        "logo": timeline.overlays,
        "frame": (
            [
                [clip[name] for name in ("rotation_deg", "flip", "crop", "fit", "place")]
                for clip in clips
            ],
            (timeline.width, timeline.height),
        ),
        "fade": (
            (timeline.fade_in_ms, timeline.fade_out_ms),
            [(sound.fade_in_ms, sound.fade_out_ms) for sound in timeline.sounds],
        ),
        "clips": [clip["name"] for clip in clips],
    }
