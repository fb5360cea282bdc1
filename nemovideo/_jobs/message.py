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
from nemovideo._jobs.checkpoints import MessageEntry
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
"""The outcome of a message.

"changed": the draft changed. "answered": it was answered without a change. "unclear": unknown.
"lost": it had no effect, and will have none.
"""

_TRIM_SLACK_S = 0.5
_REPLY_CHARS = 20_000
_MAX_WARNINGS = 50
_LINK = ("http://", "https://")


def entry_before(sent_at: float, state: SessionState, credits: Credits) -> MessageEntry:  # noqa: A002
    """Return the entry to write before a message is sent."""
    return MessageEntry(
        "sending",
        sent_at,
        draft=draft_digest(state),
        rest=rest_digest(state),
        available=credits.available,
        frozen=credits.frozen,
    )


def outcome_of(entry: MessageEntry, state: SessionState, credits: Credits | None) -> MessageOutcome:  # noqa: A002
    """Derive the outcome of a message whose run has ended from the state and the balance.

    A run in progress freezes credits, and a finished one has spent credits or changed the state; if
    neither is the case, the message had no effect. Any other difference may have a different cause.
    Without credits, only the state decides.
    """
    if draft_digest(state) != entry.draft:
        return "changed"
    if entry.status == "answered":
        return "answered"
    same_balance = credits is None or (
        (credits.available, credits.frozen) == (entry.available, entry.frozen)
    )
    return "lost" if same_balance and rest_digest(state) == entry.rest else "unclear"


def recover(
    context: Context,
    session_id: str,
    entry: MessageEntry,
    *,
    send_again: bool,
    in_batch: bool,
    on_wait: Callable[[MessageEntry], Flow[None]],
) -> Flow[Reply | None]:
    """Return the recovered reply to a message, or None if the message should be sent.

    `on_wait` saves the entry with the time at which the wait for the message's effect began. If the
    job is resumed again, it continues that wait.

    With `send_again`, the message is sent again if its effect is unknown. In a batch, the balance
    is ignored, since other jobs change it. A batch also resends a message that was fully
    answered but changed nothing: the user has run the batch again.

    Raises:
        AgentError: It was answered, but did not do what was asked.
        StreamInterruptedError: Its answer was cut off before the edits that were asked for, or it
            may have arrived, and its effect is unknown.
    """
    state = yield from state_flow.get(context, session_id)
    may_continue = not _run_has_ended(context, entry)
    if draft_digest(state) == entry.draft and may_continue:
        now = context.settings.clock.time()
        lost_at = now if entry.lost_at is None else min(entry.lost_at, now)  # the clock may go back
        yield from on_wait(attrs.evolve(entry, lost_at=lost_at))
        yield from agent.watch(
            context,
            session_id,
            lambda current: draft_digest(current) != entry.draft,
            elapsed_s=now - lost_at,
        )
        state = yield from state_flow.get(context, session_id)
    if draft_digest(state) != entry.draft and may_continue:
        state = yield from agent.settled(context, session_id, state)
    balance = None if in_batch else (yield from state_flow.balance(context))
    found = outcome_of(entry, state, balance)
    reply = Reply(raw_text=entry.reply, text=entry.reply, recovered=True)
    if found == "changed":
        return reply if entry.status == "answered" else agent.cut_off(reply, session_id)
    if found == "lost" or send_again:
        return None
    if found == "answered" and in_batch and not entry.incomplete:
        return None
    if found == "answered":
        raise _answered_error(entry, reply)
    raise StreamInterruptedError(
        "it is unknown whether the message arrived: the draft has not changed since, but the "
        "credits or the rest of the session have, perhaps through another job of the account",
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
    """Return the reply with the warnings about the job, and those of the agent's questions.

    Nobody answers the agent's questions in a job.
    """
    asked = [
        f"the agent asked: {found}" for call in reply.tool_calls if (found := question_of(call))
    ]
    return attrs.evolve(reply, warnings=(*notes, *reply.warnings, *asked))


def entry_with_reply(entry: MessageEntry, reply: Reply) -> MessageEntry:
    """Return the entry with the agent's answer and warnings, without secrets."""
    warnings = [envelopes.redact(text)[:_REPLY_CHARS] for text in reply.warnings[:_MAX_WARNINGS]]
    text = envelopes.redact(reply.text)[:_REPLY_CHARS]
    return attrs.evolve(
        entry, reply=text, warnings=tuple(warnings), incomplete=reply.recovered and reply.incomplete
    )


def answered_entry(entry: MessageEntry, state: SessionState, error: NemoError) -> MessageEntry:
    """Return the entry for an answer that did not do what was asked, whatever it changed."""
    failure = envelopes.redact(error.message)
    return attrs.evolve(entry, status="answered", draft=draft_digest(state), failure=failure)


def unchanged_error(reply: Reply) -> AgentError | StreamInterruptedError:
    """Return the error for an answer that did not change the draft."""
    return _edit_error("did not change the video", reply)


def _answered_error(entry: MessageEntry, reply: Reply) -> AgentError | StreamInterruptedError:
    """Rebuild the error recorded for an answered message."""
    if not entry.failure:
        return unchanged_error(reply)
    if entry.incomplete:
        return _interrupted_error(entry.failure, reply)
    error = AgentError(entry.failure)
    error.reply = reply
    return error


def _edit_error(
    what: str, reply: Reply, remedy: str | None = None
) -> AgentError | StreamInterruptedError:
    if reply.recovered:
        message = f"the connection dropped during the agent's answer, so the agent {what}"
        return _interrupted_error(message, reply)
    error = AgentError(f"the agent {what}: {reply.text or 'it sent no text'}", remedy=remedy)
    error.reply = reply
    return error


def _interrupted_error(message: str, reply: Reply) -> StreamInterruptedError:
    error = StreamInterruptedError(
        message,
        remedy=(
            "Its other edits are in the session, and paid for. If the whole message is sent again, "
            "it is charged again."
        ),
        may_have_spent=True,
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
        StreamInterruptedError: The same, since the connection dropped during the answer.
    """
    failed = any("background" in name for name in reply.failed_tools)
    if failed and not backgrounds(draft):
        raise _edit_error("did not change the background", reply)
    if expected_duration_s is None or draft is None:
        return
    if draft.duration_ms > 1000 * (expected_duration_s + _TRIM_SLACK_S):
        remedy = "Check that trim= lies within the video."
        raise _edit_error("did not trim the video", reply, remedy)


def after_failure(entry: MessageEntry, error: NemoError) -> MessageEntry | None:
    """Return the entry for a message that failed; None if it did not arrive."""
    if isinstance(error, AgentError):
        return attrs.evolve(entry, status="answered", reply=envelopes.redact(error.message))
    refused = isinstance(error, APIError) and not isinstance(error, ServerError)
    unsent = isinstance(error, APIConnectionError) and not error.sent
    return None if refused or unsent else entry


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


def _run_has_ended(context: Context, entry: MessageEntry) -> bool:
    """Return whether the run of the message has certainly ended.

    Either it was answered, or it is older than twice the limit for a stream (docs/protocol.md §10),
    or its local backend has been restarted since.
    """
    age_s = context.settings.clock.time() - entry.sent_at
    longest_s = 2 * context.settings.stream.total_s
    backend_started_at = context.backend_started_at or 0.0
    return entry.status == "answered" or age_s > longest_s or backend_started_at > entry.sent_at


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
