"""Fetch the session's state and the credit balance (docs/protocol.md §4)."""

from __future__ import annotations

from urllib.parse import quote

from nemovideo._flows.auth import authorized
from nemovideo._flows.context import Context
from nemovideo._flows.steps import Flow, Request
from nemovideo._wire import models as wire
from nemovideo.draft import Draft
from nemovideo.models import Credits, SessionState

_PATTERN = "/api/state/nemo_agent/me/{session_id}/latest"


def get(context: Context, session_id: str) -> Flow[SessionState]:
    """Fetch the session's state, and cache it."""
    path = _PATTERN.replace("{session_id}", quote(session_id, safe=""))
    data = yield from authorized(context, Request("GET", path, repeatable=True, pattern=_PATTERN))
    state = wire.read_state(data)
    context.known[session_id] = state
    return state


def draft_of(state: SessionState) -> Draft:
    """Return the state's draft, or an empty one."""
    return state.draft if state.draft is not None else Draft.from_json({})


def balance(context: Context) -> Flow[Credits]:
    """Fetch the credit balance."""
    request = Request("GET", "/api/credits/balance/simple", repeatable=True)
    return wire.read_credits((yield from authorized(context, request)))
