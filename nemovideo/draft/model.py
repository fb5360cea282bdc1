"""The draft that the user is editing, with plain names (docs/protocol.md §6).

The service sends a draft as terse JSON. `Draft` is a view of that JSON: it returns the same value
unchanged, and gives names to its parts.

The protocol does not define the keys inside metadata. The following are conventions, looked up in
this order; if none has a valid value, the property is None:

- `name`: `name`, `title`, `filename`, `label`.
- `Segment.text`: `text`, `content`.
- `Segment.volume`: `volume`, up to 2 as a factor (0.35 is 35%), above 2 as a percentage (35 is
  35%). `muted: true` is 0.
- `Segment.start_ms`: `start_ms`. By default a segment starts where the previous one ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import ClassVar, TypeVar, cast

import attrs

from nemovideo._values.lines import seconds
from nemovideo.draft.diff import Change
from nemovideo.draft.keys import (
    DURATION,
    METADATA,
    SEGMENTS,
    START_MS,
    TEXT_KEYS,
    TRACKS,
    TYPE,
    TrackType,
)
from nemovideo.draft.parts import Part, Segment, Timeline, Track, Tracks, raw_list, raw_parts
from nemovideo.draft.summary import summarize
from nemovideo.draft.values import first_text, is_ready, milliseconds, restored, snapshot
from nemovideo.errors import InvalidRequestError, MalformedResponseError

_OBJECT_OR_NULL = {dict, type(None)}

_Found = TypeVar("_Found", bound=Part)


@attrs.frozen(repr=False, eq=False)
class Draft(Timeline):
    """A whole draft, made with `Draft.from_json`. Two drafts are equal if their JSON is."""

    _snapshot: bytes
    _known_keys = (TRACKS, DURATION, METADATA)

    @classmethod
    def from_json(cls, value: object) -> Draft:
        """Read a decoded draft from the state endpoint; the value is copied.

        Nulls, missing parts and values of the wrong type count as absent. A text draft
        (XML) is kept unparsed: it has no tracks, and `raw` and `to_json` return the text.

        Raises:
            MalformedResponseError: The draft, a track or a segment is not a JSON object, or the
                tracks or segments are not a list; `.path` says which.
        """
        if isinstance(value, str):
            return cls(snapshot(value))
        if not isinstance(value, dict):
            raise MalformedResponseError("A draft must be a JSON object", path="$")
        for index, track in enumerate(_checked(value, TRACKS)):
            _checked(track or {}, SEGMENTS, index)
        try:
            return cls(snapshot(value))
        except ValueError as error:
            raise MalformedResponseError(f"The draft is {error}", path="$") from error

    def to_json(self) -> dict[str, object]:
        """Return a copy of the received JSON value, with unknown keys, types and order."""
        return cast("dict[str, object]", restored(self._snapshot))

    @property
    def raw(self) -> dict[str, object]:
        """A copy of the received JSON."""
        return self.to_json()

    @cached_property
    def _decoded(self) -> dict[str, object] | str:
        return cast("dict[str, object] | str", restored(self._snapshot))

    @property
    def _text(self) -> str | None:
        """The draft if it is text, unparsed."""
        return self._decoded if isinstance(self._decoded, str) else None

    @property
    def _value(self) -> dict[str, object]:
        return {} if isinstance(self._decoded, str) else self._decoded

    def _fields(self) -> dict[str, object]:
        return self._value

    @cached_property
    def tracks(self) -> Tracks:
        """The tracks in order; `.video`, `.audio` and `.text` select from them."""
        return Tracks(Track(raw) for raw in raw_parts(self._value, TRACKS))

    @property
    def duration_ms(self) -> int:
        """The length of the video: the draft's own value, otherwise that of its longest track."""
        own_ms = self._own_duration_ms()
        return _longest_ms(self.tracks) if own_ms is None else own_ms

    @property
    def ready(self) -> bool:
        """Whether there is something to export: a track with a segment (docs/protocol.md §6).

        A text draft is ready unless it is blank.
        """
        if self._text is not None:
            return bool(self._text.strip())
        return is_ready(self._value)

    def summary(self) -> str:
        """Return the timeline on one line, in the form of docs/protocol.md §6."""
        if self._text is not None:
            return f"Draft in an unknown format ({len(self._text):,} characters of text)"
        return summarize(self)

    def diff(self, other: Draft) -> DraftDiff:
        """Return the changes from this draft to `other`: `before.diff(after)`.

        It is empty if and only if the two are equal, as Python compares JSON values (1 equals 1.0).
        """
        from nemovideo.draft.compare import compare

        changes = () if self == other else tuple(compare(self, other))
        return DraftDiff(changes, self, other)

    def evolve(
        self,
        *,
        tracks: Iterable[Track] | None = None,
        duration_ms: int | None = None,
        metadata: Mapping[str, object] | None = None,
    ) -> Draft:
        """Return this draft with the given parts replaced and everything else kept.

        Args:
            tracks: The new tracks. The duration is updated, if the draft has one.
            duration_ms: The new length, in milliseconds.
            metadata: The new metadata.

        Raises:
            InvalidRequestError: The duration is negative, the metadata is not JSON, or the draft
                is text.
        """
        if self._text is not None:
            raise InvalidRequestError("A text draft cannot be edited")
        if tracks is None:
            changed = self._changed(duration_ms, metadata)
            return self if changed is None else Draft(snapshot(changed))
        parts = list(tracks)
        if duration_ms is None and self._own_duration_ms() is not None:
            duration_ms = _longest_ms(parts)
        return Draft(snapshot(self._changed(duration_ms, metadata, **{TRACKS: raw_list(parts)})))

    def without_track(self, track: int) -> Draft:
        """Return this draft without the track at this index.

        Raises:
            InvalidRequestError: There is no such track.
        """
        removed = _at(self.tracks, track, "track")
        return self.evolve(tracks=[each for each in self.tracks if each is not removed])

    def trim(self, track: int, segment: int, duration_ms: int) -> Draft:
        """Return this draft with one segment trimmed to its first `duration_ms` milliseconds.

        The segments after it move up, and the durations of track and draft are updated.

        Raises:
            InvalidRequestError: There is no such segment, or it is shorter than that.
        """
        found = _at(_at(self.tracks, track, "track").segments, segment, "segment")
        if not 0 < duration_ms <= found.duration_ms:
            raise InvalidRequestError(
                f"A segment of {found.duration_ms} ms cannot be trimmed to {duration_ms} ms"
            )
        return self._with_segment(track, found, found.evolve(duration_ms=duration_ms))

    def with_text(self, track: int, segment: int, text: str) -> Draft:
        """Return this draft with new text in one segment, under the key that held the old text.

        In a segment without text, it is stored under `text`.

        Raises:
            InvalidRequestError: There is no such segment.
        """
        found = _at(_at(self.tracks, track, "track").segments, segment, "segment")
        metadata = found.metadata
        key = next((key for key in TEXT_KEYS if first_text(metadata, [key])), TEXT_KEYS[0])
        return self._with_segment(track, found, found.evolve(metadata={**metadata, key: text}))

    def with_title(self, text: str, *, start_ms: int = 0, duration_ms: int = 3000) -> Draft:
        """Return this draft with a title over it, in a new text track.

        The text and the start are stored under `text` and `start_ms`, the local backend's keys; the
        protocol does not define any.

        Raises:
            InvalidRequestError: A time is negative.
        """
        if milliseconds(start_ms) is None:
            raise InvalidRequestError(f"{start_ms!r} is not a time in milliseconds")
        metadata = {"text": text} | ({START_MS: start_ms} if start_ms else {})
        segment = Segment({}).evolve(duration_ms=duration_ms, metadata=metadata)
        title = Track({TYPE: TrackType.TEXT.value, SEGMENTS: []}).evolve(segments=[segment])
        return self.evolve(tracks=[*self.tracks, title.evolve(duration_ms=start_ms + duration_ms)])

    def _with_segment(self, track: int, old: Segment, new: Segment) -> Draft:
        tracks = list(self.tracks)
        segments = [new if segment is old else segment for segment in tracks[track].segments]
        tracks[track] = tracks[track].evolve(segments=segments)
        return self.evolve(tracks=tracks)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Draft):
            return NotImplemented
        return self._snapshot == other._snapshot or (
            self._text == other._text and self._value == other._value
        )

    __hash__: ClassVar[None] = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[object, ...]:
        return Draft.from_json, (restored(self._snapshot),)

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        if self._text is not None:
            return f"Draft({len(self._text)} characters of text)"
        return f"Draft({len(self.tracks)} tracks, {seconds(self.duration_ms)})"

    def _repr_html_(self) -> str:
        from nemovideo.draft.cards import draft_card, text_card

        return draft_card(self) if self._text is None else text_card(self.summary())

    def _repr_mimebundle_(self, **_formats: object) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": self._repr_html_()}


@attrs.frozen
class DraftDiff:
    """The changes from one draft to another; iterates over them, and is false if there are none.

    Attributes:
        changes: The changes in the order of the tracks; those of the whole draft come last.
        before: The old draft.
        after: The new draft.
    """

    changes: tuple[Change, ...]
    before: Draft = attrs.field(repr=False)
    after: Draft = attrs.field(repr=False)

    @property
    def sentences(self) -> tuple[str, ...]:
        """The changes as English sentences."""
        return tuple(change.sentence for change in self.changes)

    def __iter__(self) -> Iterator[Change]:
        return iter(self.changes)

    def __len__(self) -> int:
        return len(self.changes)

    def __str__(self) -> str:
        return "\n".join(self.sentences) or "Nothing changed"

    def _repr_html_(self) -> str:
        from nemovideo.draft.cards import diff_card

        return diff_card(self.changes, self.before, self.after)

    def _repr_mimebundle_(self, **_formats: object) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": self._repr_html_()}


def _checked(
    holder: dict[str, object], key: str, track: int | None = None
) -> list[dict[str, object] | None]:
    """Return the list under `key` after checking that it holds only objects and nulls."""
    found = holder.get(key)
    if found is None:
        return []
    if isinstance(found, list) and _OBJECT_OR_NULL.issuperset(map(type, found)):
        return found
    path = f"$.{key}" if track is None else f"$.{TRACKS}[{track}].{key}"
    if not isinstance(found, list):
        raise MalformedResponseError(f"The draft has no list at {path}", path=path)
    for index, item in enumerate(found):
        if not isinstance(item, dict | None):
            where = f"{path}[{index}]"
            raise MalformedResponseError(f"The draft has no JSON object at {where}", path=where)
    return found


def _at(parts: Sequence[_Found], index: int, what: str) -> _Found:
    try:
        return parts[index]
    except IndexError:
        raise InvalidRequestError(f"There is no {what} {index}: there are {len(parts)}") from None


def _longest_ms(tracks: Iterable[Track]) -> int:
    return max((track.duration_ms for track in tracks), default=0)
