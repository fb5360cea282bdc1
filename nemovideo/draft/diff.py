"""What changed between two drafts, in typed changes and in sentences.

`Draft.diff()` makes a `DraftDiff`. The sentences are what a user is told after an
edit about which the agent said nothing (protocol.md §10).
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import TYPE_CHECKING

import attrs

from nemovideo._notebook import cards

if TYPE_CHECKING:
    from nemovideo.draft.model import Draft


class ChangeKind(Enum):
    """What kind of change it is."""

    TRACK_ADDED = "track added"
    TRACK_REMOVED = "track removed"
    TRACK_MOVED = "track moved"
    SEGMENT_ADDED = "segment added"
    SEGMENT_REMOVED = "segment removed"
    SEGMENT_MOVED = "segment moved"
    SEGMENT_REPLACED = "segment replaced"
    DURATION = "duration"
    START = "start"
    TEXT = "text"
    VOLUME = "volume"
    BACKGROUND = "background"
    ADJUSTMENT = "adjustment"
    NAME = "name"
    SETTING = "setting"


@attrs.frozen
class Change:
    """One thing that changed.

    Attributes:
        kind: What kind of change it is.
        sentence: The change in words, without a full stop.
        track: The index of the track it is about, or None if it is about the whole draft. It
            counts in the draft after; for something removed, in the draft before.
        segment: The index of the segment within that track, or None if it is about the track.
    """

    kind: ChangeKind
    sentence: str
    track: int | None = None
    segment: int | None = None

    @property
    def removed(self) -> bool:
        """Whether it is about something that only the draft before has."""
        return self.kind in {ChangeKind.TRACK_REMOVED, ChangeKind.SEGMENT_REMOVED}

    @property
    def added(self) -> bool:
        """Whether it is about something that only the draft after has."""
        return self.kind in {ChangeKind.TRACK_ADDED, ChangeKind.SEGMENT_ADDED}

    def __str__(self) -> str:
        return self.sentence


@attrs.frozen
class DraftDiff:
    """All that changed from one draft to another; iterates its changes, and is false if none.

    Attributes:
        changes: What changed, in the order of the tracks; what concerns all of it comes last.
        before: The draft before.
        after: The draft after.
    """

    changes: tuple[Change, ...]
    before: Draft = attrs.field(repr=False)
    after: Draft = attrs.field(repr=False)

    @property
    def sentences(self) -> tuple[str, ...]:
        """The changes in words."""
        return tuple(change.sentence for change in self.changes)

    def __iter__(self) -> Iterator[Change]:
        return iter(self.changes)

    def __len__(self) -> int:
        return len(self.changes)

    def __str__(self) -> str:
        return "\n".join(self.sentences) or "Nothing changed"

    def _repr_html_(self) -> str:
        return cards.draft_diff(self)

    def _repr_mimebundle_(self, **_formats: object) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": self._repr_html_()}
