"""The one message of a job, and its recovery if the process died (docs/protocol.md §4, §10).

The session's state decides: a message that may have arrived is only sent again if it certainly had
no effect. See docs/jobs.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import attrs

from nemovideo._flows import agent
from nemovideo._flows import state as state_flow
from nemovideo._flows.context import Context
from nemovideo._flows.steps import Flow
from nemovideo._flows.transparency import backgrounds
from nemovideo._jobs.checkpoints import MessageNote
from nemovideo._support.urls import path_of
from nemovideo._values.remedies import Option, Remedy
from nemovideo._wire import envelopes
from nemovideo._wire.answer import question_of
from nemovideo.draft import Draft
from nemovideo.errors import (
    AgentError,
    APIConnectionError,
    APIError,
    NemoError,
    ServerError,
    StreamInterruptedError,
)
from nemovideo.models import Credits, Reply, SessionState

MessageOutcome = Literal["changed", "answered", "unclear", "lost"]
"""The outcome of a message: the draft changed; it was answered without a change; unknown; or it had
no effect and will have none."""

_TRIM_SLACK_S = 0.5
_REPLY_CHARS = 20_000
_MAX_WARNINGS = 50
_LINK = ("http://", "https://")


def note_before(sent_at: float, state: SessionState, credits: Credits) -> MessageNote:  # noqa: A002
    """Return the note to write before a message is sent."""
    return MessageNote(
        "sending",
        sent_at,
        draft=draft_digest(state),
        rest=rest_digest(state),
        available=credits.available,
        frozen=credits.frozen,
    )


def outcome_of(note: MessageNote, state: SessionState, credits: Credits | None) -> MessageOutcome:  # noqa: A002
    """Derive the outcome of a message whose run has ended from the state and the balance.

    A run in progress freezes credits, and a finished one has spent credits or changed the state; if
    neither is the case, the message had no effect. Any other difference may have another cause.
    Without credits, only the state decides.
    """
    if draft_digest(state) != note.draft:
        return "changed"
    if note.status == "answered":
        return "answered"
    same_balance = credits is None or (
        (credits.available, credits.frozen) == (note.available, note.frozen)
    )
    return "lost" if same_balance and rest_digest(state) == note.rest else "unclear"


def recover(
    context: Context,
    session_id: str,
    note: MessageNote,
    *,
    send_again: bool,
    in_batch: bool,
    on_wait: Callable[[MessageNote], Flow[None]],
) -> Flow[Reply | None]:
    """Return the recovered reply to a message, or None if the message should be sent.

    `on_wait` writes the note with the time from which the wait for the message's effect counts, so
    that a job that is resumed again continues that wait.

    With `send_again`, it is sent again if its effect is unknown. In a batch the balance is ignored,
    since other jobs change it, and a message that was answered without a change is sent again,
    since the user ran the batch again.

    Raises:
        AgentError: It was answered, but did not change the draft.
        StreamInterruptedError: It may have arrived, and its effect is unknown.
    """
    state = yield from state_flow.get(context, session_id)
    if draft_digest(state) == note.draft and not _has_ended(context, note):
        now = context.settings.clock.time()
        lost_at = now if note.lost_at is None else min(note.lost_at, now)  # the clock may go back
        yield from on_wait(attrs.evolve(note, lost_at=lost_at))
        yield from agent.watch(
            context,
            session_id,
            lambda now: draft_digest(now) != note.draft,
            elapsed_s=now - lost_at,
        )
        state = yield from state_flow.get(context, session_id)
    balance = None if in_batch else (yield from state_flow.balance(context))
    found = outcome_of(note, state, balance)
    reply = Reply(raw_text=note.reply, text=note.reply, recovered=True)
    if found == "changed":
        return reply
    if found == "lost" or send_again or (found == "answered" and in_batch):
        return None
    if found == "answered":
        raise unchanged_error(reply)
    raise StreamInterruptedError(
        "the process ended while the message was being sent, and it may have arrived: "
        "the draft has not changed since, but the credits or the rest of the session have",
        remedy=Remedy(
            (
                "look at the project; if the message is still needed, resume with ",
                Option("send_again", True),
                ": it may be charged again",
            )
        ),
        may_have_spent=True,
    )


def with_warnings(reply: Reply, notes: Sequence[str]) -> Reply:
    """Return the reply with the warnings about the order, and those of the agent's questions.

    Nobody answers the agent's questions in a job.
    """
    asked = [
        f"the agent asked: {found}" for call in reply.tool_calls if (found := question_of(call))
    ]
    return attrs.evolve(reply, warnings=(*notes, *reply.warnings, *asked))


def note_reply(note: MessageNote, reply: Reply) -> MessageNote:
    """Return the note with the agent's answer and warnings, without secrets."""
    warnings = [envelopes.redact(text)[:_REPLY_CHARS] for text in reply.warnings[:_MAX_WARNINGS]]
    text = envelopes.redact(reply.text)[:_REPLY_CHARS]
    return attrs.evolve(note, reply=text, warnings=tuple(warnings))


def note_answered(note: MessageNote, state: SessionState) -> MessageNote:
    """Return the note for an answer that did not do what was asked, whatever it changed."""
    return attrs.evolve(note, status="answered", draft=draft_digest(state))


def unchanged_error(reply: Reply) -> AgentError:
    """Return the error for an answer that did not change the draft."""
    return _undone_error("did not change the video", reply)


def _undone_error(what: str, reply: Reply, remedy: str | None = None) -> AgentError:
    error = AgentError(
        f"the agent {what}: {reply.text or 'it said nothing'}",
        remedy=remedy,
    )
    error.reply = reply
    return error


def check_edited(expected_duration_s: float | None, draft: Draft | None, reply: Reply) -> None:
    """Check the edits whose effect can be seen in the draft.

    `expected_duration_s` is the expected duration after a trim without other edits.

    If a background tool failed and no segment has a background, the background was not edited,
    even if the draft has the other edits: the result would still show it.

    Raises:
        AgentError: The background was not edited, or the video was not trimmed.
    """
    failed = any("background" in name for name in reply.failed_tools)
    if failed and not backgrounds(draft):
        raise _undone_error("did not change the background", reply)
    if expected_duration_s is None or draft is None:
        return
    if draft.duration_ms > 1000 * (expected_duration_s + _TRIM_SLACK_S):
        remedy = "Check that trim= lies within the video."
        raise _undone_error("did not trim the video", reply, remedy)


def after_failure(note: MessageNote, error: NemoError) -> MessageNote | None:
    """Return the note for a message that failed; None if it did not arrive."""
    if isinstance(error, AgentError):
        return attrs.evolve(note, status="answered", reply=envelopes.redact(error.message))
    refused = isinstance(error, APIError) and not isinstance(error, ServerError)
    unsent = isinstance(error, APIConnectionError) and not error.sent
    return None if refused or unsent else note


def draft_digest(state: SessionState) -> str:
    """Return a digest of the draft; a missing and an empty draft have the same."""
    return _digest(None if state.draft is None else state.draft.to_json() or None)


def rest_digest(state: SessionState) -> str:
    """Return a digest of the state without the draft."""
    parts = (
        *(list(state.video_infos), state.generated_media),
        *(state.canvas_config, state.video_analyses),
    )
    return _digest([part or None for part in parts])


def _has_ended(context: Context, note: MessageNote) -> bool:
    """Return whether the run of the message has certainly ended.

    Either it was answered, or it is older than twice the limit for a stream (docs/protocol.md §10),
    or its local backend has been restarted since.
    """
    age_s = context.settings.clock.time() - note.sent_at
    longest_s = 2 * context.settings.stream.total_s
    backend_started_at = context.backend_since or 0.0
    return note.status == "answered" or age_s > longest_s or backend_started_at > note.sent_at


def _digest(value: object) -> str:
    text = json.dumps(_without_signatures(value), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _without_signatures(value: object) -> object:
    """Return the value with links reduced to their paths, since signatures change."""
    if isinstance(value, str) and value.startswith(_LINK):
        return path_of(value)
    if isinstance(value, Mapping):
        return {str(key): _without_signatures(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_signatures(item) for item in value]
    return value
