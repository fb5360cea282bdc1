"""Changes within one segment: a kind for each aspect, and settings for all other keys."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

import attrs

from nemovideo.draft.diff import Change, ChangeKind, Subject, adjustment
from nemovideo.draft.keys import (
    ADJUSTMENTS,
    BACKGROUND,
    MUTED,
    NAME_KEYS,
    START_MS,
    TEXT_KEYS,
    VOLUME,
    TrackType,
)
from nemovideo.draft.parts import Part, Segment, Track
from nemovideo.draft.summary import full_name


@attrs.frozen
class _Pair:
    """A segment before and after the change."""

    track: Track
    before: Segment
    after: Segment
    subject: Subject

    def change(
        self, kind: ChangeKind, before: object, after: object, field: str | None = None
    ) -> Change:
        return Change(kind, self.subject, field, before, after)


_Finding = tuple[Change, tuple[str, ...]]
"""A change, and the metadata keys that it explains."""


def segment_changes(
    track: Track, before: Segment, after: Segment, subject: Subject
) -> list[Change]:
    """Return the changes to a segment; `track` is its old track."""
    pair = _Pair(track, before, after, subject)
    findings = [finding for aspect in _ASPECTS for finding in aspect(pair)]
    changes = [change for change, _ in findings]
    old, new = differing(before, after, {key for _, keys in findings for key in keys})
    if old or new or not changes:
        changes.append(pair.change(ChangeKind.SETTING, old, new))
    return changes


def differing(
    before: Part, after: Part, explained: Collection[str] = ()
) -> tuple[dict[str, object], dict[str, object]]:
    """Return the old and new items that differ, in metadata and outside it.

    Args:
        before: The old part.
        after: The new part.
        explained: Metadata keys to leave out.
    """
    old, new = _differing(before.extra, after.extra)
    old_metadata, new_metadata = _differing(before.metadata, after.metadata, explained)
    return {**old_metadata, **old}, {**new_metadata, **new}


def _differing(
    before: Mapping[str, object], after: Mapping[str, object], explained: Collection[str] = ()
) -> tuple[dict[str, object], dict[str, object]]:
    keys = [
        key
        for key in {**before, **after}
        if key not in explained
        and (key not in before or key not in after or before[key] != after[key])
    ]
    return (
        {key: before[key] for key in keys if key in before},
        {key: after[key] for key in keys if key in after},
    )


def _words(pair: _Pair) -> Iterator[_Finding]:
    before, after = pair.before, pair.after
    part = pair.subject.part
    if part is not None and part.type == TrackType.TEXT:
        if (before.text or before.name) != (after.text or after.name):
            old = full_name(pair.track, before) or None
            change = pair.change(ChangeKind.TEXT, old, after.text or after.name)
            yield change, (*TEXT_KEYS, *NAME_KEYS)
        return
    if before.name != after.name:
        old = full_name(pair.track, before) or None
        yield pair.change(ChangeKind.SEGMENT_REPLACED, old, pair.subject.name), NAME_KEYS
    if before.text != after.text:
        yield pair.change(ChangeKind.TEXT, before.text, after.text), TEXT_KEYS


def _times(pair: _Pair) -> Iterator[_Finding]:
    before, after = pair.before, pair.after
    if before.duration_ms != after.duration_ms:
        yield pair.change(ChangeKind.DURATION, before.duration_ms, after.duration_ms), ()
    changed = before.metadata.get(START_MS) != after.metadata.get(START_MS)
    if changed and before.start_ms != after.start_ms:
        yield pair.change(ChangeKind.START, before.start_ms, after.start_ms), (START_MS,)


def _background(pair: _Pair) -> Iterator[_Finding]:
    old, new = pair.before.metadata.get(BACKGROUND), pair.after.metadata.get(BACKGROUND)
    if old != new:
        yield pair.change(ChangeKind.BACKGROUND, old, new), (BACKGROUND,)


def _volume(pair: _Pair) -> Iterator[_Finding]:
    if pair.before.volume != pair.after.volume:
        change = pair.change(ChangeKind.VOLUME, pair.before.volume, pair.after.volume)
        yield change, (VOLUME, MUTED)


def _adjustments(pair: _Pair) -> Iterator[_Finding]:
    for key in ADJUSTMENTS:
        old, new = pair.before.metadata.get(key), pair.after.metadata.get(key)
        if adjustment(old) != adjustment(new):
            yield pair.change(ChangeKind.ADJUSTMENT, old, new, key), (key,)


_ASPECTS: tuple[Callable[[_Pair], Iterator[_Finding]], ...] = (
    _words,
    _times,
    _background,
    _volume,
    _adjustments,
)
