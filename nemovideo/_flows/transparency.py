"""Whether an output format keeps a draft's transparency."""

from __future__ import annotations

from collections.abc import Mapping

from nemovideo._support import outputs
from nemovideo.draft import Draft
from nemovideo.draft.keys import BACKGROUND


def backgrounds(draft: Draft | None) -> list[object]:
    """Return the backgrounds of a draft's segments."""
    tracks = () if draft is None else draft.tracks
    found = [segment.metadata.get(BACKGROUND) for track in tracks for segment in track.segments]
    return [background for background in found if background]


def lost_transparency(draft: Draft, format: str) -> tuple[str, ...]:  # noqa: A002 - the protocol's name
    """Return a warning if the draft is transparent, but the format has no transparency."""
    kinds = (
        found.get("kind") if isinstance(found, Mapping) else found for found in backgrounds(draft)
    )
    warning = outputs.lost_transparency(format, "choose a background")
    return (warning,) if warning is not None and "transparent" in kinds else ()
