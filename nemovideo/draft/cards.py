"""Notebook cards of drafts and differences."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from nemovideo._notebook import cards
from nemovideo._notebook.timeline import Bar, Lane
from nemovideo._values.lines import seconds
from nemovideo.draft.diff import Change
from nemovideo.draft.effects import describe_fades
from nemovideo.draft.keys import TrackType
from nemovideo.draft.parts import Segment, Timeline, Track, Tracks
from nemovideo.draft.summary import (
    describe_edits,
    describe_segment,
    segment_name,
    summarize,
    track_label,
)
from nemovideo.draft.values import whole


def draft_card(draft: Timeline) -> str:
    """Return a draft's timeline as HTML."""
    count = len(draft.tracks)
    width, height = (whole(draft.metadata.get(key)) for key in ("width", "height"))
    size = f"{width}×{height}" if width and height else ""
    tracks = f"{count} track{'' if count == 1 else 's'}"
    details = (tracks, seconds(draft.duration_ms), size, *describe_fades(draft))
    lanes = [_lane(track, index) for index, track in enumerate(draft.tracks)]
    return cards.timeline(
        draft.name or "Draft", details, lanes, draft.duration_ms, summarize(draft)
    )


def text_card(summary: str) -> str:
    """Return the card of a text draft, which has no timeline to show."""
    return cards.details_card("Draft", "", [("content", summary)])


def diff_card(changes: Sequence[Change], before: Timeline, after: Timeline) -> str:
    """Return the changes as HTML: a list, and the new timeline with its changes marked."""
    sentences = [change.sentence for change in changes]
    rows = list(zip(map(_mark, changes), sentences, strict=True))
    duration_ms = max(before.duration_ms, after.duration_ms)
    lanes = _marked_lanes(changes, before.tracks, after.tracks)
    return cards.changes(rows, lanes, duration_ms, "\n".join(sentences))


def _mark(change: Change) -> str:
    return "removed" if change.removed else "added" if change.added else "changed"


def _marked_lanes(changes: Sequence[Change], before: Tracks, after: Tracks) -> list[Lane]:
    """Return the lanes of the new draft, marked, and the removed ones below them."""
    marks: defaultdict[int, dict[int | None, str]] = defaultdict(dict)
    gone: list[int] = []
    for change in changes:
        if change.track is None:
            continue
        if not change.removed:
            marks[change.track].setdefault(change.segment, _mark(change))
        elif change.segment is None:
            gone.append(change.track)
    lanes = [_lane(track, index, marks[index]) for index, track in enumerate(after)]
    return lanes + [_lane(before[index], index, {None: "removed"}) for index in gone]


def _lane(track: Track, index: int, marks: Mapping[int | None, str] | None = None) -> Lane:
    found = marks or {}
    kind = track.type
    return Lane(
        f"{index + 1}. {track_label(track)}",
        kind.name.lower() if isinstance(kind, TrackType) else "other",
        [
            _bar(track, segment, found.get(index, found.get(None)))
            for index, segment in enumerate(track.segments)
        ],
        removed=found.get(None) == "removed",
    )


def _bar(track: Track, segment: Segment, mark: str | None) -> Bar:
    label = " · ".join((segment_name(track, segment), *describe_edits(track, segment)))
    return Bar(
        segment.start_ms,
        segment.duration_ms,
        label,
        describe_segment(track, segment),
        mark,
    )
