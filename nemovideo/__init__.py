"""NemoVideo: remove or replace the background of videos.

`Client` and `AsyncClient` talk to the cloud service, or, with `Client.local()`, to a backend on
this machine that needs neither an account nor a network. Heavy dependencies are loaded on first
use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nemovideo._support.version import __version__ as __version__
from nemovideo.client import AsyncClient, Client

if TYPE_CHECKING:
    from nemovideo.batch import BatchReport, BatchRow
    from nemovideo.conversation import AsyncConversation, Conversation, Route
    from nemovideo.draft import Draft, DraftDiff, Segment, Track, TrackType
    from nemovideo.errors import NemoError
    from nemovideo.files import Upload
    from nemovideo.jobs import AsyncJob, Job, JobStatus
    from nemovideo.models import (
        Answer,
        Credits,
        Estimate,
        GuiAction,
        MediaFile,
        MediaInfo,
        Preview,
        Progress,
        RenderedVideo,
        RenderJob,
        Reply,
        SavedVideo,
        SessionState,
        Token,
    )
    from nemovideo.resources.sessions import AsyncSession, Session
    from nemovideo.retry import Polling, RetryPolicy, StreamLimits

__all__ = [
    "Answer",
    "AsyncClient",
    "AsyncConversation",
    "AsyncJob",
    "AsyncSession",
    "BatchReport",
    "BatchRow",
    "Client",
    "Conversation",
    "Credits",
    "Draft",
    "DraftDiff",
    "Estimate",
    "GuiAction",
    "Job",
    "JobStatus",
    "MediaFile",
    "MediaInfo",
    "NemoError",
    "Polling",
    "Preview",
    "Progress",
    "RenderJob",
    "RenderedVideo",
    "Reply",
    "RetryPolicy",
    "Route",
    "SavedVideo",
    "Segment",
    "Session",
    "SessionState",
    "StreamLimits",
    "Token",
    "Track",
    "TrackType",
    "Upload",
    "__version__",
]

_MODULES = {
    "nemovideo.batch": ("BatchReport", "BatchRow"),
    "nemovideo.files": ("Upload",),
    "nemovideo.conversation": ("AsyncConversation", "Conversation", "Route"),
    "nemovideo.draft": ("Draft", "DraftDiff", "Segment", "Track", "TrackType"),
    "nemovideo.errors": ("NemoError",),
    "nemovideo.jobs": ("AsyncJob", "Job", "JobStatus"),
    "nemovideo.models": (
        *("Answer", "Credits", "GuiAction", "MediaFile", "MediaInfo", "Progress", "RenderJob"),
        *("Estimate", "Preview", "RenderedVideo", "Reply", "SavedVideo", "SessionState", "Token"),
    ),
    "nemovideo.resources.sessions": ("AsyncSession", "Session"),
    "nemovideo.retry": ("Polling", "RetryPolicy", "StreamLimits"),
}


if not TYPE_CHECKING:  # a type checker would accept any name

    def __getattr__(name: str) -> object:
        """Load a public name on first use."""
        from importlib import import_module

        for module, names in _MODULES.items():
            if name in names:
                return getattr(import_module(module), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
