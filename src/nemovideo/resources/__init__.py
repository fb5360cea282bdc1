"""The layers of a client, each the sync and the async face of the same flows."""

from __future__ import annotations

from nemovideo.resources.agent import Agent, AgentStream, AsyncAgent, AsyncAgentStream
from nemovideo.resources.auth import AsyncAuth, Auth
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
    "AsyncCreditsResource",
    "AsyncRender",
    "AsyncSession",
    "AsyncSessions",
    "AsyncState",
    "AsyncUploads",
    "Auth",
    "CreditsResource",
    "Render",
    "Session",
    "Sessions",
    "State",
    "Uploads",
]
