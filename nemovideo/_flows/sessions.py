"""Making a session (docs/protocol.md §4)."""

from __future__ import annotations

from typing import Protocol

from nemovideo._flows.auth import authorized
from nemovideo._flows.context import Context
from nemovideo._flows.steps import Flow, Request
from nemovideo._wire import models as wire
from nemovideo.models import SessionState

PATH = "/api/tasks/me/with-session/nemo_agent"


class SessionLike(Protocol):
    """A session, sync or async, as far as another call needs it."""

    @property
    def id(self) -> str:
        """Its id."""
        ...

    @property
    def task_id(self) -> str | None:
        """Its project's id, if that is known."""
        ...


def create(
    context: Context, task_name: str, language: str
) -> Flow[tuple[str, str | None, str | None]]:
    """Make a session; return its id, its task's id and its user's id."""
    body = {"task_name": task_name, "language": language}
    data = yield from authorized(context, Request("POST", PATH, json=body, spare=True))
    found = wire.read_session(data)
    # A new session holds nothing: known without asking, and needed after a silent first edit.
    context.known[found[0]] = SessionState(draft=None)
    return found
