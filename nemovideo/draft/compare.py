"""From two drafts to the list of what changed, with a sentence for each change.

Parts are paired by `_draft_match`; here each pair is compared. Every difference
in the JSON gives at least one change: what has no sentence of its own is named
by its key, or at least said to have changed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from nemovideo.draft.diff import Change, ChangeKind, DraftDiff
from nemovideo.draft.json_values import TrackType
from nemovideo.draft.match import match_segments, match_tracks, moved
from nemovideo.draft.parts import NAME_KEYS, Part, Track
from nemovideo.draft.segment_changes import (
    SegmentPair,
    changed_keys,
    duration_change,
    inside,
    listed,
    segment_changes,
)
from nemovideo.draft.summary import (
    describe_segment,
    describe_segments,
    quoted,
    segment_name,
    track_label,
)

if TYPE_CHECKING:
    from nemovideo.draft.model import Draft

_CHANGE_THE_TIMES = {
    ChangeKind.SEGMENT_ADDED,
    ChangeKind.SEGMENT_REMOVED,
    ChangeKind.SEGMENT_REPLACED,
    ChangeKind.DURATION,
    ChangeKind.START,
}


def compare(before: Draft, after: Draft) -> DraftDiff:
    """Return what changed from `before` to `after`; empty exactly if they are equal."""
    changes = () if before == after else tuple(_draft_changes(before, after))
    return DraftDiff(changes, before, after)


def _draft_changes(before: Draft, after: Draft) -> list[Change]:
    changes = list(_track_list_changes(before.tracks, after.tracks))
    if before.duration_ms != after.duration_ms:
        sentence = f"Duration {duration_change(before, after)}"
        changes.append(Change(ChangeKind.DURATION, sentence))
    told: tuple[str, ...] = ()
    if before.name != after.name:
        told = NAME_KEYS
        sentence = f"Project renamed: {_quoted(before.name)} → {_quoted(after.name)}"
        changes.append(Change(ChangeKind.NAME, sentence))
    if keys := _other_keys(before, after, told):
        changes.append(Change(ChangeKind.SETTING, f"Project settings changed: {keys}"))
    return changes or [Change(ChangeKind.SETTING, "Other settings changed")]


def _track_list_changes(before: Sequence[Track], after: Sequence[Track]) -> Iterator[Change]:
    found = match_tracks(before, after)
    for lost in _unmatched(len(before), found):
        held = describe_segments(before[lost], "'")
        sentence = f"{_track_words(before[lost], lost)} removed{held and f': {held}'}"
        yield Change(ChangeKind.TRACK_REMOVED, sentence, lost)
    out_of_order = moved(found)
    for place, (index, track) in enumerate(zip(found, after, strict=True)):
        if index is None:
            held = describe_segments(track, "'")
            words = f"{track_label(track)} added: {held}" if held else ""
            sentence = words or f"{_track_words(track, place)} added"
            yield Change(ChangeKind.TRACK_ADDED, sentence, place)
            continue
        if place in out_of_order:
            where = "among the others" if place == index else f"to position {place + 1}"
            sentence = f"{_track_words(before[index], index)} moved {where}"
            yield Change(ChangeKind.TRACK_MOVED, sentence, place)
        if before[index] != track:
            yield from _track_changes(before[index], index, track, place)


def _track_changes(before: Track, index: int, after: Track, place: int) -> list[Change]:
    changes = list(_segment_list_changes(before, index, after, place))
    explained = any(change.kind in _CHANGE_THE_TIMES for change in changes)
    words = _track_words(after, place)
    if before.duration_ms != after.duration_ms and not explained:
        sentence = f"Duration of {inside(words)} {duration_change(before, after)}"
        changes.append(Change(ChangeKind.DURATION, sentence, place))
    if keys := _other_keys(before, after):
        changes.append(Change(ChangeKind.SETTING, f"{words} changed: {keys}", place))
    return changes or [Change(ChangeKind.SETTING, f"{words} changed", place)]


def _segment_list_changes(before: Track, index: int, after: Track, place: int) -> Iterator[Change]:
    found = match_segments(before.segments, after.segments)
    for lost in _unmatched(len(before.segments), found):
        held = describe_segment(before, before.segments[lost], "'")
        sentence = f"{track_label(before)} removed: {held}"
        yield Change(ChangeKind.SEGMENT_REMOVED, sentence, index, lost)
    out_of_order = moved(found)
    for position, (old, segment) in enumerate(zip(found, after.segments, strict=True)):
        if old is None:
            held = describe_segment(after, segment, "'")
            sentence = f"{track_label(after)} added: {held}"
            yield Change(ChangeKind.SEGMENT_ADDED, sentence, place, position)
            continue
        if position not in out_of_order and before.segments[old] == segment:
            continue
        noun = segment_name(after, segment, "'") or f"Segment {position + 1} of track {place + 1}"
        if position in out_of_order:
            places = f"from position {old + 1} to {position + 1}"
            sentence = f"{noun} moved {'among the others' if position == old else places}"
            yield Change(ChangeKind.SEGMENT_MOVED, sentence, place, position)
        if before.segments[old] != segment:
            name_before = segment_name(before, before.segments[old], "'")
            pair = SegmentPair(before.segments[old], name_before, segment, noun, after.type)
            for kind, sentence in segment_changes(pair):
                yield Change(kind, sentence, place, position)


def _unmatched(count: int, found: Sequence[int | None]) -> list[int]:
    matched = set(found)
    return [index for index in range(count) if index not in matched]


def _track_words(track: Track, index: int) -> str:
    """Return `Track 2 (audio)`, counted from 1 as users see it."""
    if isinstance(track.type, TrackType):
        return f"Track {index + 1} ({track.type.name.lower()})"
    return f"Track {index + 1}" if track.type is None else f"Track {index + 1} (type {track.type})"


def _other_keys(before: Part, after: Part, told: Collection[str] = ()) -> str:
    """Return the keys, in metadata and beside it, whose values differ, in words."""
    keys = [
        *changed_keys(before.metadata, after.metadata, told),
        *changed_keys(before.extra, after.extra),
    ]
    return listed(keys)


def _quoted(name: str | None) -> str:
    return "no name" if name is None else quoted(name, "'")
