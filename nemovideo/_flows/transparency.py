"""Whether an output format keeps a draft's transparency."""

from __future__ import annotations

from collections.abc import Mapping

from nemovideo._support.outputs import MATTE, has_alpha, is_still
from nemovideo.draft import Draft
from nemovideo.draft.keys import BACKGROUND


def backgrounds(draft: Draft | None) -> list[object]:
    """Return the backgrounds of a draft's segments."""
    tracks = () if draft is None else draft.tracks
    found = [segment.metadata.get(BACKGROUND) for track in tracks for segment in track.segments]
    return [background for background in found if background]


def lost_transparency(draft: Draft, format: str) -> tuple[str, ...]:  # noqa: A002 - the protocol's word
    """Return a warning if the draft is transparent, and a format is not."""
    if has_alpha(format) or format.startswith(MATTE) or "." in format or is_still(format):
        return ()
    kinds = (
        found.get("kind") if isinstance(found, Mapping) else found for found in backgrounds(draft)
    )
    if "transparent" not in kinds:
        return ()
    kind = format.upper()
    use = "use .webm or .mov, or name a background"
    return (f"{kind} files have no transparency: the background is black; {use}",)
