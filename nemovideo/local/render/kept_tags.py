"""Metadata of the output, from the recordings in a draft."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import attrs

from nemovideo.local.media.probe import MediaItem
from nemovideo.local.media.tags import Chapter, Tags, tags_of
from nemovideo.local.render.notices import Warn
from nemovideo.local.timeline import Clip, Timeline


def tags_for(timeline: Timeline, media: Mapping[str, MediaItem], warn: Warn) -> Tags:
    """Return the metadata for the file of a draft.

    Date, location, title and language are those of the first video; chapters of all clips are
    shifted to their time in the draft. If the draft drops metadata, `warn` is called with the names
    of what was dropped.
    """
    found: Tags | None = None
    chapters: list[Chapter] = []
    at_ms = 0
    for clip in timeline.clips:
        item = media.get(clip.media or "")
        if clip.kind == "video" and item is not None:
            tags = tags_of(item)
            found = found or tags
            chapters += _moved(tags.chapters, clip, Fraction(at_ms, 1000))
            if not timeline.keep_metadata and tags.names:
                warn(f"Metadata of {item.name} was left out: {', '.join(tags.names)}.")
        at_ms += clip.duration_ms
    if found is None or not timeline.keep_metadata:
        return Tags()
    return attrs.evolve(found, chapters=tuple(chapters))


def _moved(chapters: tuple[Chapter, ...], clip: Clip, at_s: Fraction) -> list[Chapter]:
    """Return the chapters within a clip, shifted to its start and scaled to its speed."""
    start_s, length_s = Fraction(clip.source_start_ms, 1000), Fraction(clip.duration_ms, 1000)
    speed = Fraction(clip.speed).limit_denominator(1000)
    found = []
    for chapter in chapters:
        first_s = max(Fraction(0), (chapter.start_s - start_s) / speed)
        last_s = min(length_s, (chapter.end_s - start_s) / speed)
        if first_s < last_s:
            found.append(Chapter(at_s + first_s, at_s + last_s, chapter.title))
    return found
