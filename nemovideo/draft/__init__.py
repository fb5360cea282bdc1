"""The draft that the user is editing, and the changes between two drafts."""

from nemovideo.draft.diff import Change, ChangeKind, Subject
from nemovideo.draft.keys import TrackType
from nemovideo.draft.model import Draft, DraftDiff
from nemovideo.draft.parts import Segment, Track, Tracks

__all__ = [
    "Change",
    "ChangeKind",
    "Draft",
    "DraftDiff",
    "Segment",
    "Subject",
    "Track",
    "TrackType",
    "Tracks",
]
