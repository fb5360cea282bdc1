"""NemoVideo: take a video, remove its background, give back a clean one.

`Client` and `AsyncClient` speak to the cloud service, or, with `Client.local()`,
to a backend on this machine that needs neither an account nor a network.
Nothing heavy is loaded until a client is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nemovideo.client import AsyncClient, Client

if TYPE_CHECKING:
    from nemovideo.conversation import AsyncConversation, Conversation, Route
    from nemovideo.draft import Draft, Segment, Track, TrackType
    from nemovideo.draft_diff import DraftDiff
    from nemovideo.errors import NemoError
    from nemovideo.gui import GuiAction
    from nemovideo.models import (
        Answer,
        Credits,
        MediaFile,
        Progress,
        RenderedVideo,
        RenderJob,
        Reply,
        SessionState,
        Token,
    )
    from nemovideo.resources import AsyncSession, Session
    from nemovideo.retry import Polling, RetryPolicy, StreamLimits

__all__ = [
    "Answer",
    "AsyncClient",
    "AsyncConversation",
    "AsyncSession",
    "Client",
    "Conversation",
    "Credits",
    "Draft",
    "DraftDiff",
    "GuiAction",
    "MediaFile",
    "NemoError",
    "Polling",
    "Progress",
    "RenderJob",
    "RenderedVideo",
    "Reply",
    "RetryPolicy",
    "Route",
    "Segment",
    "Session",
    "SessionState",
    "StreamLimits",
    "Token",
    "Track",
    "TrackType",
]

_HOMES = {
    "nemovideo.conversation": ("AsyncConversation", "Conversation", "Route"),
    "nemovideo.draft": ("Draft", "Segment", "Track", "TrackType"),
    "nemovideo.draft_diff": ("DraftDiff",),
    "nemovideo.errors": ("NemoError",),
    "nemovideo.gui": ("GuiAction",),
    "nemovideo.models": (
        *("Answer", "Credits", "MediaFile", "Progress", "RenderJob"),
        *("RenderedVideo", "Reply", "SessionState", "Token"),
    ),
    "nemovideo.resources": ("AsyncSession", "Session"),
    "nemovideo.retry": ("Polling", "RetryPolicy", "StreamLimits"),
}


def __getattr__(name: str) -> object:
    """Load a public name when it is first asked for."""
    from importlib import import_module

    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
