"""The one message of a job: what became of it when the process that sent it died (§4, §10).

The state decides. A message that could have arrived is sent again only where it
is known that nothing has come of it, and nothing will: see docs/jobs.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlsplit

import attrs

from nemovideo._flows import agent
from nemovideo._flows import state as state_flow
from nemovideo._flows.context import Context
from nemovideo._flows.steps import Flow
from nemovideo._jobs.checkpoints import MessageNote, OrderNote
from nemovideo._values.remedies import Option, Remedy
from nemovideo._wire import envelopes
from nemovideo.errors import (
    AgentError,
    APIConnectionError,
    APIError,
    NemoError,
    ServerError,
    StreamInterruptedError,
)
from nemovideo.models import Credits, Reply, SessionState

Verdict = Literal["changed", "answered", "unclear", "lost"]
"""What is known of a message: the draft has changed; or it was answered, and has not; or nobody
can say; or nothing came of it, and nothing will."""

_TRIM_SLACK_S = 0.5
_LINK = ("http://", "https://")


def noted(words_sent_at: float, state: SessionState, credits: Credits) -> MessageNote:  # noqa: A002
    """Return the note of a message that is about to be sent."""
    return MessageNote(
        "sending",
        words_sent_at,
        draft=draft_digest(state),
        rest=rest_digest(state),
        available=credits.available,
        frozen=credits.frozen,
    )


def verdict(note: MessageNote, state: SessionState, credits: Credits | None) -> Verdict:  # noqa: A002
    """Judge by the state and the balance, once no run of the message can be under way.

    Work in progress shows as frozen credits, and work done as spent ones or as a
    change in the state: where there is none of it, the message is as good as
    never sent. Any other difference may have come from something else, or not.
    With None for the credits, the state alone decides.
    """
    if draft_digest(state) != note.draft:
        return "changed"
    if note.status == "answered":
        return "answered"
    same_balance = credits is None or (
        (credits.available, credits.frozen) == (note.available, note.frozen)
    )
    return "lost" if same_balance and rest_digest(state) == note.rest else "unclear"


def aftermath(
    context: Context,
    session_id: str,
    note: MessageNote,
    *,
    send_again: bool,
    in_batch: bool,
) -> Flow[Reply | None]:
    """Find out what became of a message; None means that it is to be sent.

    Args:
        context: The client's.
        session_id: The session.
        note: What was noted before the message was sent.
        send_again: Send it where nobody can say.
        in_batch: The balance says nothing, for other jobs use it too; and one that was
            answered, and has not changed the draft, is sent again: for that the batch was
            run again.

    Raises:
        AgentError: It was answered, and has not changed the draft.
        StreamInterruptedError: It may have arrived, and nobody can say what came of it.
    """
    state = yield from state_flow.get(context, session_id)
    if draft_digest(state) == note.draft and not _over(context, note):
        yield from agent.watch(context, session_id, lambda now: draft_digest(now) != note.draft)
        state = yield from state_flow.get(context, session_id)
    balance = None if in_batch else (yield from state_flow.balance(context))
    found = verdict(note, state, balance)
    if found == "changed":
        return Reply(raw_text=note.reply, text=note.reply, recovered=True)
    if found == "lost" or send_again or (found == "answered" and in_batch):
        return None
    if found == "answered":
        raise unchanged(note.reply)
    raise StreamInterruptedError(
        "the process ended while the message was under way, and it may have arrived: "
        "the draft has not changed since, but the credits or the rest of the session have",
        remedy=Remedy(
            (
                "look at the project; where the message is still needed, resume with ",
                Option("send_again", True),
                ": it may be charged again",
            )
        ),
        may_have_spent=True,
    )


def unchanged(said: str) -> AgentError:
    """Return the error for an answer after which the draft is what it was."""
    return AgentError(
        f"the agent did not change the video: {said or 'it said nothing'}", may_have_spent=True
    )


def untrimmed(order: OrderNote, state: SessionState, reply: Reply) -> AgentError | None:
    """Return the error for a video that is longer than it was to be trimmed to."""
    if order.stretch_s is None or state.draft is None:
        return None
    if state.draft.duration_ms <= 1000 * (order.stretch_s + _TRIM_SLACK_S):
        return None
    error = AgentError(
        f"the agent did not trim the video: {reply.text or 'it said nothing'}",
        remedy="Check that trim= lies within the video.",
        may_have_spent=True,
    )
    error.reply = reply
    return error


def after_failure(note: MessageNote, error: NemoError) -> MessageNote | None:
    """Return what is to be noted of a message whose send failed; None: it did not arrive."""
    if isinstance(error, AgentError):
        return attrs.evolve(note, status="answered", reply=envelopes.redact(error.message))
    refused = isinstance(error, APIError) and not isinstance(error, ServerError)
    unsent = isinstance(error, APIConnectionError) and not error.sent
    return None if refused or unsent else note


def draft_digest(state: SessionState) -> str:
    """Return a digest of the draft; no draft and an empty one are the same."""
    return _digest(None if state.draft is None else state.draft.to_json() or None)


def rest_digest(state: SessionState) -> str:
    """Return a digest of what the state holds besides the draft."""
    parts = (
        *(list(state.video_infos), state.generated_media),
        *(state.canvas_config, state.video_analyses),
    )
    return _digest([part or None for part in parts])


def _over(context: Context, note: MessageNote) -> bool:
    """Say whether a run of the message cannot be under way any more.

    It was heard to its end, or no stream lasts so long (§10; twice that, for to be
    sent takes its time too), or the backend in which it ran has died since.
    """
    age_s = context.settings.clock.time() - note.sent_at
    longest_s = 2 * context.settings.stream.total_s
    born = context.backend_since
    return note.status == "answered" or age_s > longest_s or (born or 0.0) > note.sent_at


def _digest(value: object) -> str:
    text = json.dumps(_settled(value), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _settled(value: object) -> object:
    """Return the value with links reduced to their paths: they are signed anew every time."""
    if isinstance(value, str) and value.startswith(_LINK):
        return urlsplit(value).path
    if isinstance(value, Mapping):
        return {str(key): _settled(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_settled(item) for item in value]
    return value
