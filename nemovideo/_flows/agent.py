"""Send a message to the agent and read the answer, even from a dropped stream (§5)."""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import attrs

from nemovideo import gui
from nemovideo._flows import state as state_flow
from nemovideo._flows.auth import with_token
from nemovideo._flows.context import Context
from nemovideo._flows.outages import Outage
from nemovideo._flows.steps import (
    Emit,
    End,
    Flow,
    Request,
    Sleep,
    exclusive,
    open_stream,
    read,
)
from nemovideo._values.lines import duration_text
from nemovideo._wire.answer import AnswerBuilder
from nemovideo._wire.sse import Frame, StreamDecoder
from nemovideo.errors import (
    AgentError,
    APIConnectionError,
    APITimeoutError,
    InvalidRequestError,
    MalformedResponseError,
    NemoError,
    RateLimitError,
    ServerError,
    StreamInterruptedError,
    StreamTimeoutError,
)
from nemovideo.events import ErrorEvent, StillWorkingEvent
from nemovideo.models import Reply, SessionState, Token

log = logging.getLogger("nemovideo")

_MAX_CONVERSATION_CHARS = 200_000
"""Longer answers are data, and removing GUI instructions from megabytes takes seconds."""

_MAX_SILENCE_FACTOR = 3
"""A stream with heartbeats is considered dead after this many times its longest pause."""

_TEMPORARY = (APIConnectionError, ServerError, RateLimitError)


def send(
    context: Context,
    session_id: str,
    text: str,
    *,
    tokens: bool = False,
    on_lost: Callable[[], Flow[None]] | None = None,
) -> Flow[Reply]:
    """Send one message, at most once, emit its events, and return the reply.

    Sends within a session are serialized. A message that may have arrived is never sent
    again: after a dropped connection, `on_lost` runs, and the session's state is polled instead.
    """
    if not text.strip():
        raise InvalidRequestError("the message is empty", remedy="Say what the agent should do.")
    turn = _turn(context, session_id, text, tokens, on_lost)
    return (yield from exclusive(f"session {session_id}", turn))


def _turn(
    context: Context,
    session_id: str,
    text: str,
    tokens: bool,
    on_lost: Callable[[], Flow[None]] | None,
) -> Flow[Reply]:
    before = yield from state_flow.latest(context, session_id)
    request = Request(
        "POST",
        "/run_sse",
        json={
            "app_name": "nemo_agent",
            "user_id": "me",
            "session_id": session_id,
            "new_message": {"role": "user", "parts": [{"text": text}]},
            **({"streaming": True} if tokens else {}),
        },
        headers={"Accept": "text/event-stream", "Accept-Encoding": "identity"},
    )
    context.known.forget(session_id)
    builder = AnswerBuilder()
    try:
        yield from with_token(context, lambda bearer: _listen(context, request, bearer, builder))
    except APIConnectionError as error:
        if not error.sent:
            raise
        if builder.failure is not None:
            raise _agent_error(builder, builder.failure) from error
        with _marking_may_have_spent():
            if isinstance(error, APITimeoutError) and error.deadline_passed:
                raise
            return (yield from _recover(context, session_id, before, builder, error, on_lost))
    except StreamTimeoutError as error:
        if builder.failure is not None or not builder.complete:
            raise
        with _marking_may_have_spent():
            return (yield from _recover(context, session_id, before, builder, error, on_lost))
    except (ServerError, MalformedResponseError) as error:
        error.may_have_spent = True  # the request may have gotten past the gateway
        raise
    if builder.failure is not None:
        raise _agent_error(builder, builder.failure)
    reply = _reply(builder)
    if not builder.ended_without_text:
        return reply
    with _marking_may_have_spent():
        after = yield from _state_after_silence(context, session_id, reply)
    return attrs.evolve(reply, changes=state_flow.changes(before, after))


@contextmanager
def _marking_may_have_spent() -> Iterator[None]:
    """Set `may_have_spent` on any error in the block: the message has arrived."""
    try:
        yield
    except NemoError as error:
        error.may_have_spent = True
        raise


def _listen(
    context: Context, request: Request, bearer: Token, builder: AnswerBuilder
) -> Flow[None]:
    """Read the stream to its end, within the stream limits."""
    handle = yield from open_stream(request.with_token(bearer))
    limits, clock = context.settings.stream, context.settings.clock
    decoder = StreamDecoder()
    started = active_at = last_data_at = clock.monotonic()
    longest_pause_s, earlier_heartbeats = 0.0, 0
    notice_at = started + limits.notice_s
    turn_ends_at = math.inf
    while True:
        ends_at = min(active_at + limits.silence_s, started + limits.total_s)
        lost_at = math.inf
        if builder.heartbeats:  # then silence means that the connection is dead
            lost_at = last_data_at + max(
                context.settings.timeout_s, _MAX_SILENCE_FACTOR * longest_pause_s
            )
        waits_until = min(notice_at, ends_at, turn_ends_at, lost_at)
        try:
            chunk = yield from read(handle, waits_until - clock.monotonic())
        except APIConnectionError as lost:
            yield from _feed(builder, decoder.finish())
            if builder.turn_complete:  # only the end of the stream was lost
                return
            if isinstance(lost, APITimeoutError) and lost.deadline_passed:
                silent_s = duration_text(clock.monotonic() - last_data_at)
                lost.message += f"; the agent has been silent for {silent_s}"
            raise
        except InvalidRequestError as closed:  # the client was closed during the answer
            closed.may_have_spent = True
            raise
        now = clock.monotonic()
        if chunk == b"":
            yield from _feed(builder, decoder.finish())
            return
        if chunk is not None:
            longest_pause_s, last_data_at = max(longest_pause_s, now - last_data_at), now
        if chunk is not None and (yield from _feed(builder, decoder.feed(chunk))):
            active_at, earlier_heartbeats = now, builder.heartbeats
            turn_ends_at = now + limits.turn_grace_s if builder.turn_complete else math.inf
        if now >= turn_ends_at:  # some servers leave the connection open
            yield End(handle)
            yield from _feed(builder, decoder.finish())
            return
        if now >= lost_at and chunk is None:
            yield End(handle)
            yield from _feed(builder, decoder.finish())
            silent_s = duration_text(now - last_data_at)
            raise APITimeoutError(f"not even a heartbeat from the agent within {silent_s}")
        if now >= notice_at:
            yield Emit(StillWorkingEvent(now - started))
            notice_at += limits.notice_s * ((now - notice_at) // limits.notice_s + 1)
        if now - started >= limits.total_s or now - active_at >= limits.silence_s:
            yield End(handle)
            total = now - started >= limits.total_s
            limit = duration_text(limits.total_s if total else limits.silence_s)
            what = "did not finish"
            if not total:
                what = "sent nothing"
                if builder.heartbeats > earlier_heartbeats:
                    what = "sent only heartbeats"
            error = StreamTimeoutError(f"the agent {what} within {limit}", may_have_spent=True)
            error.reply = _reply(builder)
            raise error


def _feed(builder: AnswerBuilder, frames: Iterable[Frame]) -> Flow[bool]:
    """Add frames to the answer and emit their events; return whether any was not a heartbeat."""
    active = False
    for frame in frames:
        builder.add(frame)
        active = active or not frame.heartbeat
        for event in frame.events:
            yield Emit(event)
    return active


def _state_after_silence(context: Context, session_id: str, reply: Reply) -> Flow[SessionState]:
    """Return the state after an answer without text.

    A failure here must not look as if the message had not arrived: sending it again would be
    charged again.
    """
    try:
        return (yield from state_flow.get(context, session_id))
    except _TEMPORARY as cause:
        error = StreamInterruptedError(
            "the agent answered without text, and the session state could not be fetched",
            may_have_spent=True,
        )
        error.reply = reply
        raise error from cause


def _recover(
    context: Context,
    session_id: str,
    before: SessionState,
    builder: AnswerBuilder,
    cause: NemoError,
    on_lost: Callable[[], Flow[None]] | None,
) -> Flow[Reply]:
    """After a dropped stream, determine from the state whether the message took effect (§10).

    The run may have been stopped between two edits, so the reply is incomplete.
    """
    if on_lost is not None:
        yield from on_lost()
    after = yield from watch(context, session_id, lambda now: _differ(before, now))
    if after is not None:
        after = yield from settled(context, session_id, after)
        changes = state_flow.changes(before, after)
        reply = attrs.evolve(_reply(builder), recovered=True, changes=changes)
        return cut_off(reply, session_id)
    if isinstance(cause, StreamTimeoutError):
        raise cause
    error = StreamInterruptedError(
        "the connection dropped during the answer, and the draft has not changed since",
        may_have_spent=True,
    )
    error.reply = _reply(builder)
    raise error from cause


def watch(
    context: Context,
    session_id: str,
    changed: Callable[[SessionState], bool],
    *,
    elapsed_s: float = 0.0,
) -> Flow[SessionState | None]:
    """Poll the state as §10 prescribes; return it once it has changed, else None.

    `elapsed_s` is the time since the stream was lost; polls that were due earlier are skipped.
    """
    limits = context.settings.stream
    due = [limits.first_check_s + limits.check_s * check for check in range(limits.checks)]
    left = [0.0, *(at - elapsed_s for at in due if at >= elapsed_s)]
    purpose = "to find out whether the message arrived"
    if left[-1] > 0:
        log.info("session %s: waiting up to %.0f s %s", session_id, left[-1], purpose)
    outage = Outage(context)
    for last, at in itertools.pairwise(left):
        yield Sleep(at - last, purpose=purpose, needs_s=left[-1] - last)
        now = yield from _read_state(context, session_id, outage)
        if now is not None and changed(now):
            return now
    return None


def settled(context: Context, session_id: str, state: SessionState) -> Flow[SessionState]:
    """Poll the state until it stops changing; a run may continue after its stream was lost."""
    limits, outage = context.settings.stream, Outage(context)
    for _ in range(limits.checks):
        yield Sleep(limits.check_s, purpose="to find out whether the agent has finished")
        now = yield from _read_state(context, session_id, outage)
        if now is None:
            continue
        if not _differ(state, now):
            return now
        state = now
    return state


def _read_state(context: Context, session_id: str, outage: Outage) -> Flow[SessionState | None]:
    """Return the state, or None if it cannot be read for now, as the next poll may."""
    try:
        state = yield from state_flow.get(context, session_id, outage.begin_read())
    except _TEMPORARY as failure:
        outage.record(failure, endless=True)
        name = type(failure).__name__
        log.info("session %s: %s; treating its state as unchanged", session_id, name)
        return None
    outage.end()
    return state


def cut_off(reply: Reply, session_id: str) -> Reply:
    """Return a reply whose end was not received as incomplete, with a warning."""
    warning = (
        "The connection dropped during the agent's answer, so edits may be missing: check the "
        f"result, and ask only for what is missing, in session {session_id}."
    )
    return attrs.evolve(reply, incomplete=True, warnings=(*reply.warnings, warning))


def _differ(before: SessionState, after: SessionState) -> bool:
    """Return whether the state has changed; a missing part equals an empty one."""
    parts = ("draft", "video_infos", "generated_media", "canvas_config", "video_analyses")
    return any((getattr(before, part) or None) != (getattr(after, part) or None) for part in parts)


def _reply(builder: AnswerBuilder) -> Reply:
    """Return the reply so far, without GUI instructions unless it is too long to be a message."""
    reply = builder.reply()
    if len(reply.raw_text) > _MAX_CONVERSATION_CHARS:
        return reply
    cleaned = gui.clean(reply.raw_text)
    return attrs.evolve(reply, text=cleaned.text, actions=cleaned.actions)


def _agent_error(builder: AnswerBuilder, failure: ErrorEvent) -> AgentError:
    message = failure.message or failure.code or "no reason given"
    error = AgentError(f"the agent reported a failure: {message}", may_have_spent=True)
    error.code = failure.code
    error.reply = _reply(builder)
    return error
