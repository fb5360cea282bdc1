"""The layers of a client, each the sync and the async face of the same flows.

Each is loaded when it is first asked for: some need more than others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nemovideo.resources.agent import Agent, AgentStream, AsyncAgent, AsyncAgentStream
    from nemovideo.resources.auth import AsyncAuth, Auth
    from nemovideo.resources.batch import AsyncBatch, Batch
    from nemovideo.resources.credits import AsyncCreditsResource, CreditsResource
    from nemovideo.resources.render import AsyncRender, Render
    from nemovideo.resources.sessions import AsyncSession, AsyncSessions, Session, Sessions
    from nemovideo.resources.state import AsyncState, State
    from nemovideo.resources.uploads import AsyncUploads, Uploads

__all__ = [
    "Agent",
    "AgentStream",
    "AsyncAgent",
    "AsyncAgentStream",
    "AsyncAuth",
    "AsyncBatch",
    "AsyncCreditsResource",
    "AsyncRender",
    "AsyncSession",
    "AsyncSessions",
    "AsyncState",
    "AsyncUploads",
    "Auth",
    "Batch",
    "CreditsResource",
    "Render",
    "Session",
    "Sessions",
    "State",
    "Uploads",
]

_HOMES = {
    "agent": ("Agent", "AgentStream", "AsyncAgent", "AsyncAgentStream"),
    "auth": ("Auth", "AsyncAuth"),
    "batch": ("Batch", "AsyncBatch"),
    "credits": ("CreditsResource", "AsyncCreditsResource"),
    "render": ("Render", "AsyncRender"),
    "sessions": ("Session", "Sessions", "AsyncSession", "AsyncSessions"),
    "state": ("State", "AsyncState"),
    "uploads": ("Uploads", "AsyncUploads"),
}


def __getattr__(name: str) -> object:
    """Load a layer when it is first asked for."""
    from importlib import import_module

    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
