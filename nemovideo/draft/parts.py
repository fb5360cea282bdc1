"""The parts of a draft: segments on tracks, as views of the draft's JSON.

Each property reads its wire key (docs/protocol.md §6) on demand, so nothing can be lost in
conversions, and a draft that is only passed on to the renderer costs one copy. All parts are
immutable; the values that they return are copies.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import ClassVar

import attrs

from nemovideo._values.lines import seconds, time_range
from nemovideo.draft.keys import (
    DURATION,
    METADATA,
    MUTED,
    NAME_KEYS,
    SEGMENTS,
    START_MS,
    TEXT_KEYS,
    TYPE,
    VOLUME,
    TrackType,
)
from nemovideo.draft.values import copied, first_text, json_object, milliseconds, number, whole
from nemovideo.errors import InvalidRequestError

_MAX_FACTOR = 2
_TRACK_TYPES = frozenset(TrackType)


class Part:
    """Base of draft, track and segment: a view of JSON."""

    __slots__ = ()
    _known_keys: ClassVar[tuple[str, ...]]

    def _fields(self) -> dict[str, object]:
        """Return the JSON itself, empty if it was null; it must not be changed."""
        raise NotImplementedError

    @property
    def metadata(self) -> dict[str, object]:
        """A copy of this part's metadata; empty if there is none."""
        return copied(self._metadata)

    @property
    def name(self) -> str | None:
        """The name, by convention (see `nemovideo.draft.model`)."""
        return first_text(self._metadata, NAME_KEYS)

    @property
    def text(self) -> str | None:
        """The text that it shows, by convention (see `nemovideo.draft.model`)."""
        return first_text(self._metadata, TEXT_KEYS)

    @property
    def volume(self) -> float | None:
        """The volume as a factor (1 is unchanged), by convention (see `nemovideo.draft.model`)."""
        if self._metadata.get(MUTED) is True:
            return 0.0
        found = number(self._metadata.get(VOLUME))
        if found is None or found < 0:
            return None
        return found if found <= _MAX_FACTOR else found / 100

    @property
    def extra(self) -> dict[str, object]:
        """A copy of the items whose keys docs/protocol.md does not define."""
        raw = self._fields()
        return copied({key: raw[key] for key in raw if key not in self._known_keys})

    @property
    def raw(self) -> dict[str, object]:
        """A copy of the received JSON; empty if it was null."""
        return copied(self._fields())

    @property
    def _metadata(self) -> dict[str, object]:
        return json_object(self._fields().get(METADATA))

    def _own_duration_ms(self) -> int | None:
        return milliseconds(self._fields().get(DURATION))

    def _changed(
        self,
        duration_ms: int | None,
        metadata: Mapping[str, object] | None,
        **lists: list[dict[str, object] | None],
    ) -> dict[str, object] | None:
        """Return the JSON with these values replaced in place, and new ones at the end.

        Returns None if there is nothing to replace.
        """
        changes: dict[str, object] = {**lists}
        if duration_ms is not None:
            if milliseconds(duration_ms) is None:
                raise InvalidRequestError(f"{duration_ms!r} is not a duration in milliseconds")
            changes[DURATION] = duration_ms
        if metadata is not None:
            try:
                changes[METADATA] = copied(metadata)
            except ValueError as error:
                raise InvalidRequestError(f"The metadata is {error}") from error
        return {**self._fields(), **changes} if changes else None


@attrs.frozen(repr=False)
class Segment(Part):
    """One segment of a track: a clip, a piece of music, a title.

    Two segments are equal if their JSON is; their start does not matter.

    Attributes:
        start_ms: The start on the timeline, in milliseconds.
        duration_ms: The duration on the timeline, in milliseconds; 0 if the draft has none.
    """

    origin: dict[str, object] | None
    start_ms: int = attrs.field(default=0, eq=False)
    duration_ms: int = attrs.field(default=0, eq=False)
    _known_keys = (DURATION, METADATA)

    def _fields(self) -> dict[str, object]:
        return self.origin or {}

    @property
    def end_ms(self) -> int:
        """The end on the timeline, in milliseconds."""
        return self.start_ms + self.duration_ms

    def evolve(
        self, *, duration_ms: int | None = None, metadata: Mapping[str, object] | None = None
    ) -> Segment:
        """Return this segment with the given parts replaced and everything else kept.

        Args:
            duration_ms: The new length, in milliseconds.
            metadata: The new metadata.

        Raises:
            InvalidRequestError: The duration is negative, or the metadata is not JSON.
        """
        changed = self._changed(duration_ms, metadata)
        if changed is None:
            return self
        kept_ms = self.duration_ms if duration_ms is None else duration_ms
        return Segment(changed, self.start_ms, kept_ms)

    def __repr__(self) -> str:
        return f"Segment({time_range(self.start_ms, self.end_ms)}, {self.origin!r})"


@attrs.frozen(repr=False)
class Track(Part):
    """One track of the timeline. Two tracks are equal if their JSON is."""

    origin: dict[str, object] | None
    _known_keys = (TYPE, SEGMENTS, DURATION, METADATA)

    def _fields(self) -> dict[str, object]:
        return self.origin or {}

    @property
    def type(self) -> TrackType | int | None:
        """The type: a `TrackType`, another number, or None if it is not a number."""
        found = whole(self._fields().get(TYPE))
        return TrackType(found) if found in _TRACK_TYPES else found

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        """The segments in order, each with its start on the timeline."""
        segments: list[Segment] = []
        end_ms = 0
        for raw in raw_parts(self._fields(), SEGMENTS):
            fields = raw or {}
            metadata = fields.get(METADATA)
            start_ms = end_ms
            if isinstance(metadata, dict) and START_MS in metadata:
                own_ms = milliseconds(metadata[START_MS])
                start_ms = end_ms if own_ms is None else own_ms
            duration_ms = milliseconds(fields.get(DURATION)) or 0
            segments.append(Segment(raw, start_ms, duration_ms))
            end_ms = start_ms + duration_ms
        return tuple(segments)

    @property
    def duration_ms(self) -> int:
        """The duration: the draft's own value, otherwise the end of the last segment."""
        found = self._own_duration_ms()
        return end_ms(self.segments) if found is None else found

    def evolve(
        self,
        *,
        segments: Iterable[Segment] | None = None,
        duration_ms: int | None = None,
        metadata: Mapping[str, object] | None = None,
    ) -> Track:
        """Return this track with the given parts replaced and everything else kept.

        Args:
            segments: The new segments. The duration is updated, if the track has one.
            duration_ms: The new length, in milliseconds.
            metadata: The new metadata.

        Raises:
            InvalidRequestError: The duration is negative, or the metadata is not JSON.
        """
        if segments is None:
            changed = self._changed(duration_ms, metadata)
            return self if changed is None else Track(changed)
        parts = list(segments)
        if duration_ms is None and self._own_duration_ms() is not None:
            duration_ms = end_ms(Track({SEGMENTS: raw_list(parts)}).segments)
        return Track(self._changed(duration_ms, metadata, **{SEGMENTS: raw_list(parts)}))

    def __repr__(self) -> str:
        count = len(raw_parts(self._fields(), SEGMENTS))
        return f"Track(type={self.type!r}, {count} segments, {seconds(self.duration_ms)})"


class Tracks(tuple[Track, ...]):
    """The tracks of a draft in order, with the three common types as properties."""

    __slots__ = ()

    @property
    def video(self) -> Tracks:
        """The video tracks."""
        return self._of(TrackType.VIDEO)

    @property
    def audio(self) -> Tracks:
        """The audio tracks."""
        return self._of(TrackType.AUDIO)

    @property
    def text(self) -> Tracks:
        """The text tracks."""
        return self._of(TrackType.TEXT)

    def _of(self, kind: TrackType) -> Tracks:
        return Tracks(track for track in self if track.type is kind)


class Timeline(Part):
    """Base class of `Draft`, with the members that comparisons, summaries and cards need."""

    __slots__ = ()

    @property
    def tracks(self) -> Tracks:
        """The tracks in order."""
        raise NotImplementedError

    @property
    def duration_ms(self) -> int:
        """The duration in milliseconds."""
        raise NotImplementedError


def raw_parts(holder: dict[str, object], key: str) -> list[dict[str, object] | None]:
    """Return a list that `Draft.from_json` has validated."""
    found = holder.get(key)
    return found if isinstance(found, list) else []


def end_ms(segments: Iterable[Segment]) -> int:
    """Return the end of the last segment, in milliseconds."""
    return max((segment.end_ms for segment in segments), default=0)


def raw_list(parts: Iterable[Segment] | Iterable[Track]) -> list[dict[str, object] | None]:
    """Return the JSON of the parts, for a new view to share."""
    return [part.origin for part in parts]
