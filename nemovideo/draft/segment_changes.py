"""What changed within one segment, in sentences.

The keys looked at are conventions, those of `nemovideo.draft.model` and these:
`background` (a word, or an object with `kind` and one of `color`, `scene`,
`name`, `media`), `speed`, `brightness`, `contrast`, `saturation`, `opacity` and
`position`. Any other key that differs is named as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Protocol

import attrs

from nemovideo.draft.diff import ChangeKind
from nemovideo.draft.json_values import TrackType, number
from nemovideo.draft.parts import MUTED_KEY, NAME_KEYS, START_KEY, TEXT_KEYS, VOLUME_KEY, Segment
from nemovideo.draft.summary import one_line, percent, quoted, seconds

_BACKGROUND_KEY = "background"
_ADJUSTMENT_KEYS = ("speed", "brightness", "contrast", "saturation", "opacity", "position")
_KEYS_LISTED = 10


class Timed(Protocol):
    """Whatever has a duration: a draft, a track, a segment."""

    @property
    def duration_ms(self) -> int:
        """The length, in milliseconds."""
        ...


@attrs.frozen
class SegmentPair:
    """One segment before and after, with its name before, and what to call it now."""

    before: Segment
    name_before: str
    after: Segment
    noun: str
    track_type: TrackType | int | None


@attrs.frozen
class _Finding:
    """A change in words, and the metadata keys that it explains."""

    kind: ChangeKind
    sentence: str
    keys: tuple[str, ...] = ()


def segment_changes(pair: SegmentPair) -> list[tuple[ChangeKind, str]]:
    """Return what changed in the segment: at least that it did."""
    findings = [finding for aspect in _ASPECTS for finding in aspect(pair)]
    told = {key for finding in findings for key in finding.keys}
    keys = [
        *changed_keys(pair.before.metadata, pair.after.metadata, told),
        *changed_keys(pair.before.extra, pair.after.extra),
    ]
    if keys:
        findings.append(_Finding(ChangeKind.SETTING, f"{pair.noun} changed: {listed(keys)}"))
    elif not findings:
        findings.append(_Finding(ChangeKind.SETTING, f"{pair.noun} changed"))
    return [(finding.kind, finding.sentence) for finding in findings]


def changed_keys(
    before: Mapping[str, object], after: Mapping[str, object], told: Collection[str] = ()
) -> list[str]:
    """Return the keys whose values differ, or that only one of the two has, except `told`."""
    return [
        key
        for key in {**before, **after}
        if key not in told and (key not in before or key not in after or before[key] != after[key])
    ]


def listed(keys: Sequence[str]) -> str:
    """Return the keys in words: `filter, crop`, with the eleventh and on only counted."""
    shown = [one_line(key) or "a setting" for key in keys[:_KEYS_LISTED]]
    more = len(keys) - len(shown)
    return ", ".join([*shown, f"{more} more"] if more else shown)


def duration_change(before: Timed, after: Timed) -> str:
    """Return `10s → 7s`."""
    return f"{seconds(before.duration_ms)} → {seconds(after.duration_ms)}"


def inside(noun: str) -> str:
    """Return a noun as it stands inside a sentence: `track 2 (audio)`, but names as they are."""
    generic = noun.startswith(("Track ", "Segment "))
    return noun[0].lower() + noun[1:] if generic else noun


def _words(pair: SegmentPair) -> Iterator[_Finding]:
    before, after = pair.before, pair.after
    if pair.track_type == TrackType.TEXT:
        if (before.text or before.name) != (after.text or after.name):
            sentence = f"Title changed: {pair.name_before or 'no words'} → {pair.noun}"
            yield _Finding(ChangeKind.TEXT, sentence, (*TEXT_KEYS, *NAME_KEYS))
        return
    if before.name != after.name:
        sentence = f"{pair.name_before or 'A nameless segment'} replaced by {inside(pair.noun)}"
        yield _Finding(ChangeKind.SEGMENT_REPLACED, sentence, NAME_KEYS)
    if before.text != after.text:
        words = f"{_quoted(before.text)} → {_quoted(after.text)}"
        sentence = f"Text of {inside(pair.noun)} changed: {words}"
        yield _Finding(ChangeKind.TEXT, sentence, TEXT_KEYS)


def _times(pair: SegmentPair) -> Iterator[_Finding]:
    before, after = pair.before, pair.after
    if before.duration_ms != after.duration_ms:
        sentence = f"Duration of {inside(pair.noun)} {duration_change(before, after)}"
        yield _Finding(ChangeKind.DURATION, sentence)
    said = changed_keys(before.metadata, after.metadata)
    if START_KEY in said and before.start_ms != after.start_ms:
        times = f"{seconds(before.start_ms)} → {seconds(after.start_ms)}"
        sentence = f"Start of {inside(pair.noun)} {times}"
        yield _Finding(ChangeKind.START, sentence, (START_KEY,))


def _volume(pair: SegmentPair) -> Iterator[_Finding]:
    before, after = pair.before.volume, pair.after.volume
    if before == after:
        return
    if after == 0:
        sentence = f"{pair.noun} muted"
    elif after is None:
        sentence = f"Volume of {inside(pair.noun)} reset"
    elif before is None:
        sentence = f"Volume of {inside(pair.noun)} set to {percent(after)}"
    else:
        sentence = f"Volume of {inside(pair.noun)} {percent(before)} → {percent(after)}"
    yield _Finding(ChangeKind.VOLUME, sentence, (VOLUME_KEY, MUTED_KEY))


def _background(pair: SegmentPair) -> Iterator[_Finding]:
    before = pair.before.metadata.get(_BACKGROUND_KEY)
    after = pair.after.metadata.get(_BACKGROUND_KEY)
    if before != after:
        subject = f"Background of {inside(pair.noun)}"
        sentence = f"{subject} {_background_words(after)}"
        yield _Finding(ChangeKind.BACKGROUND, sentence, (_BACKGROUND_KEY,))


def _background_words(background: object) -> str:
    """Return what has happened to a background, from what now stands in its place."""
    fields = background if isinstance(background, Mapping) else {"kind": background}
    kind = fields.get("kind")
    new = next((fields[key] for key in ("name", "scene", "color") if fields.get(key)), None)
    if background is None:
        return "restored"
    if kind in ("transparent", "none"):
        return "removed"
    if kind == "blur":
        return "blurred"
    if isinstance(new or kind, str):
        return f"replaced: {one_line(str(new or kind))}"
    return "changed"


def _adjustments(pair: SegmentPair) -> Iterator[_Finding]:
    before, after = pair.before.metadata, pair.after.metadata
    for key in _ADJUSTMENT_KEYS:
        old, new = _value(before.get(key)), _value(after.get(key))
        if old == new:
            continue
        subject = f"{key.capitalize()} of {inside(pair.noun)}"
        if new is None:
            sentence = f"{subject} reset"
        else:
            sentence = f"{subject} set to {new}" if old is None else f"{subject} {old} → {new}"
        yield _Finding(ChangeKind.ADJUSTMENT, sentence, (key,))


def _value(value: object) -> str | None:
    found = number(value)
    if found is not None:
        return f"{found:.10g}"
    return one_line(value) if isinstance(value, str) and value.strip() else None


def _quoted(text: str | None) -> str:
    return "no words" if text is None else quoted(text, "'")


_ASPECTS: tuple[Callable[[SegmentPair], Iterator[_Finding]], ...] = (
    _words,
    _times,
    _background,
    _volume,
    _adjustments,
)
