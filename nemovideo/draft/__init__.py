"""The draft: what the user is editing, in plain names, and what changed from one to the next."""

from nemovideo.draft.diff import Change, ChangeKind, DraftDiff
from nemovideo.draft.json_values import TrackType
from nemovideo.draft.model import Draft
from nemovideo.draft.parts import Segment, Track, Tracks

__all__ = ["Change", "ChangeKind", "Draft", "DraftDiff", "Segment", "Track", "TrackType", "Tracks"]
