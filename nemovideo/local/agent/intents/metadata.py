"""Keep or drop the file's metadata: date, location, title and chapters."""

from __future__ import annotations

from attrs import evolve

from nemovideo.local.agent.context import Context, Outcomes, answered, applied
from nemovideo.local.agent.message import Clause
from nemovideo.local.agent.selection import Selection, needs_clips
from nemovideo.local.agent.words import has


@needs_clips("set_metadata")
def keep(clause: Clause, context: Context, selection: Selection) -> Outcomes:
    """Keep the metadata, or drop it if the clause asks for that."""
    kept = not has(clause.text, "remove", "metadata.left_out")
    edited = evolve(selection.timeline, keep_metadata=kept)
    if edited == context.timeline:
        return answered(context.say("metadata_already"))
    said = context.say("metadata_kept" if kept else "metadata_dropped")
    return applied("set_metadata", {"keep": kept}, edited, said)
