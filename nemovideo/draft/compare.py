"""Comparing two timelines.

Each pair of parts found by `match` is compared. Every difference in the JSON yields at least one
change; if no specific kind applies, it is a changed setting.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nemovideo.draft.changes import differing, segment_changes
from nemovideo.draft.diff import Change, ChangeKind, Subject
from nemovideo.draft.keys import NAME_KEYS
from nemovideo.draft.match import match_segments, match_tracks, moved
from nemovideo.draft.parts import Timeline, Track
from nemovideo.draft.summary import full_name

_TIMING_KINDS = {
    ChangeKind.SEGMENT_ADDED,
    ChangeKind.SEGMENT_REMOVED,
    ChangeKind.SEGMENT_REPLACED,
    ChangeKind.DURATION,
    ChangeKind.START,
}


def compare(before: Timeline, after: Timeline) -> list[Change]:
    """Return the changes between two drafts that are not equal."""
    changes = list(_track_list_changes(before.tracks, after.tracks))
    draft = Subject()
    if before.duration_ms != after.duration_ms:
        changes.append(
            Change(ChangeKind.DURATION, draft, before=before.duration_ms, after=after.duration_ms)
        )
    renamed = before.name != after.name
    if renamed:
        changes.append(Change(ChangeKind.NAME, draft, before=before.name, after=after.name))
    old, new = differing(before, after, NAME_KEYS if renamed else ())
    if old or new or not changes:
        changes.append(Change(ChangeKind.SETTING, draft, before=old, after=new))
    return changes


def _track_list_changes(before: Sequence[Track], after: Sequence[Track]) -> Iterator[Change]:
    found = match_tracks(before, after)
    for lost in _unmatched(len(before), found):
        subject = Subject(lost, part=before[lost])
        yield Change(ChangeKind.TRACK_REMOVED, subject, before=before[lost])
    out_of_order = moved(found)
    for new_index, (old_index, track) in enumerate(zip(found, after, strict=True)):
        if old_index is None:
            yield Change(ChangeKind.TRACK_ADDED, Subject(new_index, part=track), after=track)
            continue
        if new_index in out_of_order:
            subject = Subject(new_index, part=track)
            yield Change(ChangeKind.TRACK_MOVED, subject, before=old_index, after=new_index)
        if before[old_index] != track:
            yield from _track_changes(before[old_index], old_index, track, new_index)


def _track_changes(before: Track, old_index: int, after: Track, new_index: int) -> list[Change]:
    changes = list(_segment_list_changes(before, old_index, after, new_index))
    explained = any(change.kind in _TIMING_KINDS for change in changes)
    subject = Subject(new_index, part=after)
    if before.duration_ms != after.duration_ms and not explained:
        old_ms, new_ms = before.duration_ms, after.duration_ms
        changes.append(Change(ChangeKind.DURATION, subject, before=old_ms, after=new_ms))
    old, new = differing(before, after)
    if old or new or not changes:
        changes.append(Change(ChangeKind.SETTING, subject, before=old, after=new))
    return changes


def _segment_list_changes(
    before: Track, old_index: int, after: Track, new_index: int
) -> Iterator[Change]:
    found = match_segments(before.segments, after.segments)
    for lost in _unmatched(len(before.segments), found):
        segment = before.segments[lost]
        subject = Subject(old_index, lost, full_name(before, segment), before)
        yield Change(ChangeKind.SEGMENT_REMOVED, subject, before=segment)
    out_of_order = moved(found)
    for position, (old, segment) in enumerate(zip(found, after.segments, strict=True)):
        subject = Subject(new_index, position, full_name(after, segment), after)
        if old is None:
            yield Change(ChangeKind.SEGMENT_ADDED, subject, after=segment)
            continue
        if position in out_of_order:
            yield Change(ChangeKind.SEGMENT_MOVED, subject, before=old, after=position)
        if before.segments[old] != segment:
            yield from segment_changes(before, before.segments[old], segment, subject)


def _unmatched(count: int, found: Sequence[int | None]) -> list[int]:
    matched = set(found)
    return [index for index in range(count) if index not in matched]
