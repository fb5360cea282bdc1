"""Create sessions (docs/protocol.md §4)."""

from __future__ import annotations

from typing import Protocol

from nemovideo._flows.auth import authorized
from nemovideo._flows.context import Context
from nemovideo._flows.steps import Flow, Request
from nemovideo._wire import models as wire
from nemovideo.models import SessionState

_PATH = "/api/tasks/me/with-session/nemo_agent"


class SessionLike(Protocol):
    """A session, sync or async."""

    @property
    def id(self) -> str:
        """The session's id."""
        ...

    @property
    def task_id(self) -> str | None:
        """The project's id, if known."""
        ...


def create(
    context: Context, task_name: str, language: str
) -> Flow[tuple[str, str | None, str | None]]:
    """Create a session; return its id, the project's id and the user's id."""
    body = {"task_name": task_name, "language": language}
    data = yield from authorized(context, Request("POST", _PATH, json=body, retry_if_stale=True))
    ids = wire.read_session(data)
    # A new session is empty; its state is needed if the first edit is silent.
    context.known[ids[0]] = SessionState(draft=None)
    return ids
