"""Fetch the session's state and the credit balance (docs/protocol.md §4)."""

from __future__ import annotations

import math

from nemovideo._flows.auth import authorized
from nemovideo._flows.context import Context
from nemovideo._flows.steps import Flow, Request
from nemovideo._wire import models as wire
from nemovideo.draft import Draft, DraftDiff
from nemovideo.models import Credits, SessionState

_PATH = "/api/state/nemo_agent/me/{session_id}/latest"


def get(context: Context, session_id: str, within_s: float = math.inf) -> Flow[SessionState]:
    """Fetch the session's state, and cache it."""
    request = Request("GET", _PATH, repeatable=True, within_s=within_s).for_id(session_id)
    state = wire.read_state((yield from authorized(context, request)))
    context.known[session_id] = state
    return state


def latest(context: Context, session_id: str) -> Flow[SessionState]:
    """Return the session's state: the cached one if it is still valid, else a fresh one."""
    known = context.known.get(session_id)
    return known if known is not None else (yield from get(context, session_id))


def changes(before: SessionState, after: SessionState) -> DraftDiff:
    """Return the changes between the drafts of two states; a missing draft is empty."""
    old, new = (Draft.from_json({}) if s.draft is None else s.draft for s in (before, after))
    return old.diff(new)


def balance(context: Context) -> Flow[Credits]:
    """Fetch the credit balance."""
    request = Request("GET", "/api/credits/balance/simple", repeatable=True)
    return wire.read_credits((yield from authorized(context, request)))
