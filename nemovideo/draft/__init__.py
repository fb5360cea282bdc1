"""The draft: what the user is editing, in plain names, and what changed from one to the next."""

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
