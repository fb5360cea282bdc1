"""The agent's stream over real sockets: dropped connections, silence, errors, limits, closing."""

from __future__ import annotations

import gc
import random
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import pairwise
from pathlib import Path

import anyio
import anyio.to_thread
import httpx
import pytest

from nemovideo import AsyncClient, Client, errors
from nemovideo.events import (
    AgentEvent,
    ErrorEvent,
    HeartbeatEvent,
    StillWorkingEvent,
    TextEvent,
    ToolCallEvent,
    UnknownEvent,
)
from nemovideo.local import LocalBackend
from nemovideo.local.server.faults import Fault
from nemovideo.local.server.sse import SILENT_ENDINGS
from nemovideo.models import Reply
from nemovideo.retry import StreamLimits
from nemovideo.testing import FakeClock

TITLE = "create a 5 second title card that says 'Number 17'"
"""A request with two stages that needs no upload."""
STAGES = (
    "Done! I can't film or draw footage, so I've made a plain title video of 5 s.",
    "I've added the title “Number 17”.",
)
TEXT = "\n\n".join(STAGES)
RAW = f"{TEXT} Preview it in the timeline, then click the Export button in the top right."
AFTER_DROP_S = [30, 60, 60, 60, 60]


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(autouse=True)
def _no_thread_leaks() -> Iterator[None]:
    before = {thread for thread in threading.enumerate() if thread.name == "nemovideo-stream"}
    yield
    after = {thread for thread in threading.enumerate() if thread.name == "nemovideo-stream"}
    assert after <= before
    gc.collect()  # an unclosed socket warns now, and warnings are errors


def runs(backend: LocalBackend) -> int:
    return sum(seen.path == "/run_sse" for seen in backend.requests)


def add_fault(backend: LocalBackend, kind: str, **more: object) -> None:
    backend.faults.add(Fault(kind=kind, path="/run_sse", **more))  # type: ignore[arg-type]


def sync_client(backend: LocalBackend, **more: object) -> Client:
    return Client(base_url=backend.url, web_url=backend.url, **more)  # type: ignore[arg-type]


def async_client(backend: LocalBackend, **more: object) -> AsyncClient:
    return AsyncClient(base_url=backend.url, web_url=backend.url, **more)  # type: ignore[arg-type]


async def runs_seen(backend: LocalBackend, count: int) -> None:
    """Wait until the backend has received `count` runs, for at most 10 s."""
    with anyio.fail_after(10):
        await anyio.to_thread.run_sync(wait_for_runs, backend, count)


def wait_for_runs(backend: LocalBackend, count: int) -> None:
    while runs(backend) < count:
        time.sleep(0.005)


async def collect(stream: AsyncIterator[AgentEvent], events: list[AgentEvent]) -> None:
    async for event in stream:
        events.append(event)


# --- dropped connections ----------------------------------------------------------------------


def positions(backend: LocalBackend, token: str, count: int) -> list[int]:
    """Return random offsets in the body of a whole run, fetched without the SDK."""
    headers = {
        "Authorization": f"Bearer {token}",
        "X-Skill-Source": "test",
        "X-Skill-Version": "1",
        "X-Skill-Platform": "unknown",
    }
    with httpx.Client(base_url=backend.url, headers=headers) as plain:
        made = plain.post("/api/tasks/me/with-session/nemo_agent", json={}).json()
        body = {
            "app_name": "nemo_agent",
            "user_id": "me",
            "session_id": made.get("data", made)["session_id"],
            "new_message": {"role": "user", "parts": [{"text": TITLE}]},
            "streaming": True,
        }
        length = len(plain.post("/run_sse", json=body).content)
    return sorted(random.Random(17).sample(range(length), count))


def check_after_drop(
    reply: Reply | None, error: errors.StreamInterruptedError | None, draft: object, waits: object
) -> str:
    if reply is not None:
        assert reply.recovered
        assert draft is not None
        assert reply.changes
        assert reply.changes.after == draft
        received = reply.raw_text
    else:
        assert error is not None
        assert draft is None
        assert error.may_have_spent
        assert error.reply is not None
        assert waits == AFTER_DROP_S
        received = error.reply.raw_text
    assert RAW.startswith(received)
    return "recovered" if reply is not None else "interrupted"


def test_a_drop_at_any_byte_sends_no_second_message(backend: LocalBackend) -> None:
    outcomes = []
    clock = FakeClock()
    with sync_client(backend, clock=clock) as client:
        for position in positions(backend, client.auth.token(), 12):
            session = client.sessions.create()
            before, waited = runs(backend), len(clock.waits)
            add_fault(backend, "drop", after_bytes=position)
            reply, error = None, None
            try:
                reply = session.send(TITLE, tokens=True)
            except errors.StreamInterruptedError as caught:
                error = caught
            assert runs(backend) == before + 1
            draft = session.state().draft
            outcomes.append(check_after_drop(reply, error, draft, clock.waits[waited:]))
    assert set(outcomes) == {"recovered", "interrupted"}


@pytest.mark.anyio
async def test_a_drop_at_any_byte_sends_no_second_message_async(
    backend: LocalBackend, anyio_backend: str
) -> None:
    outcomes = []
    clock = FakeClock()
    async with async_client(backend, clock=clock) as client:
        token = await client.auth.token()
        found = await anyio.to_thread.run_sync(positions, backend, token, 8)
        for position in found if anyio_backend == "asyncio" else found[::3]:
            session = await client.sessions.create()
            before, waited = runs(backend), len(clock.waits)
            add_fault(backend, "drop", after_bytes=position)
            reply, error = None, None
            try:
                reply = await session.send(TITLE, tokens=True)
            except errors.StreamInterruptedError as caught:
                error = caught
            assert runs(backend) == before + 1
            draft = (await session.state()).draft
            outcomes.append(check_after_drop(reply, error, draft, clock.waits[waited:]))
    assert set(outcomes) == {"recovered", "interrupted"}


@pytest.mark.parametrize("reset", [True, False])
def test_a_drop_before_the_status_line_is_a_drop(backend: LocalBackend, reset: bool) -> None:
    clock = FakeClock()
    add_fault(backend, "drop", reset=reset)
    with (
        sync_client(backend, clock=clock) as client,
        pytest.raises(errors.StreamInterruptedError) as caught,
    ):
        client.sessions.create().send(TITLE)
    assert caught.value.may_have_spent
    assert clock.waits == AFTER_DROP_S
    assert runs(backend) == 1


def test_a_run_that_finishes_after_a_drop_is_found_in_the_state(backend: LocalBackend) -> None:
    add_fault(backend, "drop", run_continues=True)
    with sync_client(backend, clock=FakeClock()) as client:
        reply = client.sessions.create().send(TITLE)
    assert reply.recovered
    assert reply.silent
    assert str(reply) == str(reply.changes) != "Nothing changed"
    assert runs(backend) == 1


def test_a_failed_state_check_counts_as_unchanged(
    backend: LocalBackend,
) -> None:
    clock = FakeClock()
    with sync_client(backend, clock=clock) as client:
        session = client.sessions.create()
        add_fault(backend, "drop", run_continues=True)
        backend.faults.add(Fault(kind="status", path="/api/state/*", status=503, times=4))
        assert session.send(TITLE).recovered
    assert [wait for wait in clock.waits if wait >= 30] == [30, 60]


def test_a_deadline_during_recovery_may_have_spent_credits(
    backend: LocalBackend,
) -> None:
    add_fault(backend, "drop", after_bytes=10)
    with sync_client(backend, clock=FakeClock()) as client:
        session = client.sessions.create()
        with pytest.raises(errors.APITimeoutError, match="deadline of 100 s") as caught:
            session.send(TITLE, deadline=100)
    assert caught.value.may_have_spent
    assert runs(backend) == 1


def test_a_refused_connection_is_retried(backend: LocalBackend) -> None:
    class RestartsServer(FakeClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            backend.start()

    with sync_client(backend, clock=RestartsServer()) as client:
        session = client.sessions.create()  # the state of a new session is known, and not requested
        port = int(backend.url.rpartition(":")[2])
        backend.stop()
        backend._wanted_port = port
        assert session.send(TITLE).text == TEXT
    assert runs(backend) == 1


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_gateway_error_is_not_retried(backend: LocalBackend, status: int) -> None:
    add_fault(backend, "status", status=status, body="<html><title>Bad Gateway</title></html>")
    with (
        sync_client(backend, clock=FakeClock()) as client,
        pytest.raises(errors.ServerError) as caught,
    ):
        client.sessions.create().send(TITLE)
    assert caught.value.may_have_spent
    assert runs(backend) == 1


# --- responses that are not a stream ----------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, {"detail": "Not authenticated"}, errors.AuthenticationError),
        (200, {"code": 1001, "message": "token expired"}, errors.AuthenticationError),
        (200, {"code": 1002, "message": "no such session"}, errors.SessionNotFoundError),
        (404, {"detail": "Session not found: 1"}, errors.SessionNotFoundError),
        (200, {"code": 2001, "message": "no credits"}, errors.InsufficientCreditsError),
        (403, {"detail": "scope"}, errors.ScopeError),
        (422, {"detail": [{"type": "missing", "loc": ["body"], "msg": "x"}]}, errors.APIError),
        (200, {"code": 0, "data": {}}, errors.MalformedResponseError),
        (200, "<html>hello</html>", errors.MalformedResponseError),
    ],
)
def test_a_response_that_is_not_a_stream_raises_a_typed_error(
    backend: LocalBackend, status: int, body: object, error: type[errors.NemoError]
) -> None:
    add_fault(backend, "status", status=status, body=body)
    with (
        sync_client(backend, token=backend.issue_token()) as client,
        pytest.raises(error),
    ):
        client.sessions.create().send(TITLE)
    assert runs(backend) == 1


# --- errors within the stream -----------------------------------------------------------------


@pytest.mark.parametrize("form", ["bare", "system", "details", "event"])
@pytest.mark.parametrize("after_events", [0, 2, None])
def test_a_failure_of_every_form_is_raised_once(
    backend: LocalBackend, form: str, after_events: int | None
) -> None:
    message = 'it said "no"' if form == "bare" else "the model failed"
    add_fault(backend, "error", form=form, after_events=after_events, message=message)
    events: list[AgentEvent] = []
    with sync_client(backend) as client:
        session = client.sessions.create()
        with (
            pytest.raises(errors.AgentError) as caught,
            session.stream(TITLE) as stream,
        ):
            events.extend(stream)
        assert session.send("hello").text
    assert message in caught.value.message
    assert caught.value.reply is not None
    assert caught.value.reply.text == (TEXT if after_events is None else "")
    assert any(isinstance(event, ErrorEvent) for event in events)
    assert runs(backend) == 2


def test_a_final_temporary_issue_is_dropped(backend: LocalBackend) -> None:
    add_fault(backend, "error", form="temporary")
    with sync_client(backend) as client:
        assert client.sessions.create().send(TITLE).text == TEXT


def test_unknown_frames_become_events_and_keep_the_reply(backend: LocalBackend) -> None:
    frames = (": ping\n\n", "event: x\ndata: {oops\n\n", 'data: {"new": 1}\n\n', "data:\n\n")
    add_fault(backend, "inject", frames=frames, after_events=1)
    with sync_client(backend) as client, client.sessions.create().stream(TITLE) as stream:
        kinds = [type(event) for event in stream]
    assert kinds.count(UnknownEvent) == 2
    assert kinds.count(HeartbeatEvent) == 2
    assert stream.reply.text == TEXT


# --- dialects, tokens, stages -----------------------------------------------------------------


@pytest.mark.parametrize("dialect", ["adk", "simple"])
@pytest.mark.parametrize("tokens", [True, False])
def test_both_dialects_with_and_without_tokens_give_the_same_reply(
    backend: LocalBackend, dialect: str, tokens: bool
) -> None:
    add_fault(backend, "dialect", form=dialect)
    add_fault(backend, "slow", delay_s=0.002)
    with sync_client(backend) as client:
        with client.sessions.create().stream(TITLE, tokens=tokens) as stream:
            partial = [event for event in stream if isinstance(event, TextEvent) and event.partial]
        assert bool(partial) == (tokens and dialect == "adk")
        reply = stream.reply
        assert reply.text == TEXT
        assert reply.raw_text == RAW
        assert reply.changes is None
        assert [call.name for call in reply.tool_calls] == ["generate_video", "add_title"]
        assert not reply.incomplete


@pytest.mark.parametrize("silent", [False, True])
def test_the_reply_has_the_texts_of_both_stages(backend: LocalBackend, silent: bool) -> None:
    """A silent second stage is reported by its changes."""
    if silent:
        add_fault(backend, "silent")
    with sync_client(backend) as client:
        reply = client.sessions.create().send(TITLE)
    assert not reply.silent
    if silent:
        assert reply.text == STAGES[0]
        assert reply.changes is not None
        assert "Number 17" in str(reply.changes)
        assert str(reply) == f"{STAGES[0]}\n\n{reply.changes}"
    else:
        assert str(reply) == reply.text == TEXT
        assert reply.changes is None


# --- silent edits -----------------------------------------------------------------------------


@pytest.mark.parametrize("ending", SILENT_ENDINGS)
@pytest.mark.parametrize("tokens", [True, False])
def test_a_silent_edit_of_every_form_reports_its_changes(
    backend: LocalBackend, clip: Path, ending: str, tokens: bool
) -> None:
    with sync_client(backend) as client:
        session = client.sessions.create()
        session.upload(clip)
        add_fault(backend, "silent", form=ending)
        reply = session.send("add the title 'Paradise Found'", tokens=tokens)
        assert reply.silent
        assert not reply.recovered
        assert "Paradise Found" in str(reply)
        add_fault(backend, "silent", form=ending)
        assert "Paradise Found" in str(session.send("remove the title", tokens=tokens))


@pytest.mark.anyio
async def test_a_silent_edit_of_the_async_client(backend: LocalBackend) -> None:
    add_fault(backend, "silent")
    async with async_client(backend) as client:
        reply = await (await client.sessions.create()).send(TITLE)
    assert "Number 17" in str(reply)


def test_a_silent_reply_without_a_change_says_so(backend: LocalBackend) -> None:
    add_fault(backend, "heartbeats", count=1)
    with sync_client(backend) as client:
        reply = client.sessions.create().send("hello")
    assert reply.silent
    assert reply.changes is not None
    assert not reply.changes
    assert str(reply) == "Nothing changed"


def test_the_previous_state_is_requested_only_if_unknown(backend: LocalBackend, clip: Path) -> None:
    def state_requests() -> int:
        return sum(seen.path.startswith("/api/state/") for seen in backend.requests)

    with sync_client(backend) as client:
        session = client.sessions.create()
        session.send(TITLE)
        assert state_requests() == 0  # a new session is empty
        session.upload(clip)
        session.send("hello")
        assert state_requests() == 1
        session.state()
        session.send("hello")
        assert state_requests() == 2  # known from state()


def test_a_silent_edit_without_a_state_is_an_interrupted_stream(
    backend: LocalBackend,
) -> None:
    add_fault(backend, "silent")
    backend.faults.add(Fault(kind="status", path="/api/state/*", status=503, times=None))
    with sync_client(backend, clock=FakeClock()) as client:
        session = client.sessions.create()
        with pytest.raises(errors.StreamInterruptedError) as caught:
            session.send(TITLE)
    assert caught.value.may_have_spent
    assert caught.value.reply is not None
    assert caught.value.reply.tool_calls


# --- time -------------------------------------------------------------------------------------


def fast_clock() -> FakeClock:
    """Return a fake clock that waits 0.3 s for data before it moves on."""
    return FakeClock(grace_s=0.3)


def heartbeat_backend(clock: FakeClock, state: Path) -> LocalBackend:
    """Return a backend whose pauses advance the client's clock."""

    async def sleep(seconds: float) -> None:
        clock.now += seconds
        await anyio.sleep(0.005)

    return LocalBackend(state, sleep=sleep)


@pytest.mark.parametrize("beat", [": ping", "data: heartbeat", 'data: {"type":"heartbeat"}'])
def test_a_stream_of_heartbeats_times_out_after_ten_minutes(tmp_path: Path, beat: str) -> None:
    clock = FakeClock(grace_s=10)
    events: list[AgentEvent] = []
    with (
        heartbeat_backend(clock, tmp_path / "s") as backend,
        sync_client(backend, clock=clock) as client,
    ):
        add_fault(backend, "heartbeats", body=beat, delay_s=10)
        session = client.sessions.create()
        started = clock.now
        with (
            pytest.raises(errors.StreamTimeoutError) as caught,
            session.stream(TITLE) as stream,
        ):
            events.extend(stream)
    assert 600 <= clock.now - started < 700
    assert caught.value.may_have_spent
    assert runs(backend) == 1
    elapsed = [event.elapsed_s for event in events if isinstance(event, StillWorkingEvent)]
    assert [int(seconds // 120) for seconds in elapsed] == [1, 2, 3, 4, 5]


def test_an_endless_stream_times_out_after_fifteen_minutes(tmp_path: Path) -> None:
    clock = FakeClock(grace_s=10)
    with (
        heartbeat_backend(clock, tmp_path / "s") as backend,
        sync_client(backend, clock=clock) as client,
    ):
        add_fault(backend, "heartbeats", body='data: {"state": "thinking"}', delay_s=10)
        session = client.sessions.create()
        started = clock.now
        with pytest.raises(errors.StreamTimeoutError):
            session.send(TITLE)
    assert 900 <= clock.now - started < 1000


@pytest.mark.parametrize("after_bytes", [None, 0, 700])
def test_a_stalled_stream_gives_notices_and_times_out(
    backend: LocalBackend, after_bytes: int | None
) -> None:
    clock = fast_clock()
    add_fault(backend, "stall", after_bytes=after_bytes)
    events: list[AgentEvent] = []
    with sync_client(backend, clock=clock) as client:
        session = client.sessions.create()
        with pytest.raises(errors.StreamTimeoutError), session.stream(TITLE) as stream:
            events.extend(stream)
    elapsed = [event.elapsed_s for event in events if isinstance(event, StillWorkingEvent)]
    assert elapsed == [120 * (number + 1) for number in range(len(elapsed))]
    assert 5 <= len(elapsed) <= 6  # the silence starts at the last event, and the first may be slow
    assert runs(backend) == 1


@pytest.mark.anyio
@pytest.mark.parametrize("after_bytes", [None, 0])
async def test_a_stalled_stream_of_the_async_client(
    backend: LocalBackend, after_bytes: int | None
) -> None:
    add_fault(backend, "stall", after_bytes=after_bytes)
    events: list[AgentEvent] = []
    async with async_client(backend, clock=fast_clock()) as client:
        session = await client.sessions.create()
        async with session.stream(TITLE) as stream:
            with pytest.raises(errors.StreamTimeoutError):
                await collect(stream, events)
    elapsed = [event.elapsed_s for event in events if isinstance(event, StillWorkingEvent)]
    assert elapsed == [120, 240, 360, 480, 600]


def test_the_limits_are_settings(backend: LocalBackend) -> None:
    limits = StreamLimits(notice_s=5, silence_s=20)
    add_fault(backend, "stall", after_bytes=0)
    events: list[AgentEvent] = []
    with sync_client(backend, clock=fast_clock(), stream=limits) as client:
        session = client.sessions.create()
        with pytest.raises(errors.StreamTimeoutError), session.stream(TITLE) as stream:
            events.extend(stream)
    assert [event.elapsed_s for event in events if isinstance(event, StillWorkingEvent)] == [
        *(5, 10, 15, 20)
    ]


def test_a_deadline_ends_a_stalled_stream(backend: LocalBackend) -> None:
    clock = fast_clock()
    add_fault(backend, "stall", after_bytes=0)
    with sync_client(backend, clock=clock) as client:
        session = client.sessions.create()
        started = clock.now
        with pytest.raises(errors.APITimeoutError, match="deadline of 50 s") as caught:
            session.send(TITLE, deadline=50)
    assert clock.now - started == 50
    assert caught.value.may_have_spent
    assert runs(backend) == 1


# --- concurrency ------------------------------------------------------------------------------


def test_two_threads_that_send_to_one_session_take_turns(backend: LocalBackend) -> None:
    add_fault(backend, "stall", after_bytes=0)
    with sync_client(backend) as client:
        session = client.sessions.create()
        done: list[str] = []
        with session.stream(TITLE) as first:
            waiting = threading.Thread(target=lambda: done.append(session.send("hello").text))
            reader = threading.Thread(target=read_all, args=(first,))
            reader.start()
            wait_for_runs(backend, 1)
            waiting.start()
            waiting.join(0.2)
            assert runs(backend) == 1
            first.close()
        waiting.join(10)
        reader.join(10)
        assert not reader.is_alive()
    assert len(done) == 1
    assert runs(backend) == 2


def read_all(stream: Iterator[AgentEvent]) -> None:
    with suppress(errors.NemoError):
        list(stream)


@pytest.mark.anyio
async def test_two_tasks_that_send_to_one_session_take_turns(backend: LocalBackend) -> None:
    add_fault(backend, "slow", delay_s=0.02, times=2)
    async with async_client(backend) as client:
        session = await client.sessions.create()
        order: list[str] = []

        async def talk(name: str) -> None:
            async with session.stream(TITLE) as stream:
                order.extend([name async for _ in stream])

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(talk, "a")
            tasks.start_soon(talk, "b")
    changes = sum(one != other for one, other in pairwise(order))
    assert changes == 1


@pytest.mark.anyio
async def test_concurrent_streams_give_their_own_replies(
    backend: LocalBackend, anyio_backend: str
) -> None:
    count = 40 if anyio_backend == "asyncio" else 10
    replies: dict[int, Reply] = {}
    add_fault(backend, "slow", delay_s=0.01, times=None)
    async with async_client(backend) as client:

        async def talk(number: int) -> None:
            session = await client.sessions.create()
            text = f"create a 5 second title card that says 'Number {number}'"
            async with session.stream(text, tokens=number % 2 == 0) as stream:
                async for _ in stream:
                    pass
            replies[number] = stream.reply

        async with anyio.create_task_group() as tasks:
            for number in range(count):
                tasks.start_soon(talk, number)
    assert runs(backend) == count
    for number, reply in replies.items():
        assert reply.text == TEXT.replace("17", str(number))
        assert len(reply.tool_calls) == 2
    assert len(replies) == count


# --- closing early ----------------------------------------------------------------------------


@pytest.mark.parametrize("after_bytes", [None, 0, 700])
def test_leaving_a_stalled_stream_closes_it(backend: LocalBackend, after_bytes: int | None) -> None:
    add_fault(backend, "stall", after_bytes=after_bytes)
    with sync_client(backend, clock=fast_clock()) as client:
        session = client.sessions.create()
        with session.stream(TITLE) as stream:
            for event in stream:
                if isinstance(event, StillWorkingEvent):
                    break
        assert session.send("hello").text  # the session's lock is free
    assert runs(backend) == 2


@pytest.mark.anyio
@pytest.mark.parametrize("after_bytes", [None, 700])
async def test_leaving_a_stalled_stream_of_the_async_client(
    backend: LocalBackend, after_bytes: int | None
) -> None:
    add_fault(backend, "stall", after_bytes=after_bytes)
    async with async_client(backend, clock=fast_clock()) as client:
        session = await client.sessions.create()
        async with session.stream(TITLE) as stream:
            async for event in stream:
                if isinstance(event, StillWorkingEvent):
                    break
        assert (await session.send("hello")).text


@pytest.mark.anyio
@pytest.mark.parametrize("after_bytes", [None, 700])
async def test_cancelling_the_task_ends_the_stream(
    backend: LocalBackend, after_bytes: int | None
) -> None:
    add_fault(backend, "stall", after_bytes=after_bytes)
    async with async_client(backend) as client:
        session = await client.sessions.create()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(session.send, TITLE)
            await runs_seen(backend, 1)
            tasks.cancel_scope.cancel()
        assert (await session.send("hello")).text
    assert runs(backend) == 2


@pytest.mark.anyio
async def test_a_cancel_scope_around_one_event_can_time_out(backend: LocalBackend) -> None:
    add_fault(backend, "stall", after_bytes=0)
    async with async_client(backend) as client:
        session = await client.sessions.create()
        async with session.stream(TITLE) as stream:
            with anyio.move_on_after(0.2) as scope:
                await stream.__anext__()
            assert scope.cancelled_caught
        assert (await session.send("hello")).text


def test_an_exception_in_the_block_propagates(backend: LocalBackend) -> None:
    with sync_client(backend) as client:
        session = client.sessions.create()
        with suppress(ZeroDivisionError), session.stream(TITLE, tokens=True) as stream:
            next(stream)
            raise ZeroDivisionError
        assert session.send("hello").text


@pytest.mark.anyio
async def test_an_exception_in_the_async_block_propagates(backend: LocalBackend) -> None:
    async with async_client(backend) as client:
        session = await client.sessions.create()
        with suppress(ZeroDivisionError):
            async with session.stream(TITLE, tokens=True) as stream:
                await stream.__anext__()
                raise ZeroDivisionError
        assert (await session.send("hello")).text


def test_a_stream_closed_before_it_connects_sends_nothing(backend: LocalBackend) -> None:
    connecting, resume = threading.Event(), threading.Event()

    class BlockedClock(FakeClock):
        def sleep(self, seconds: float) -> None:
            connecting.set()
            resume.wait(10)

    with sync_client(backend, clock=BlockedClock()) as client:
        session = client.sessions.create()
        port = int(backend.url.rpartition(":")[2])
        backend.stop()
        stream = session.stream(TITLE)
        reader = threading.Thread(target=read_all, args=(stream,))
        reader.start()
        assert connecting.wait(10)
        stream.close()
        backend._wanted_port = port
        backend.start()
        resume.set()
        reader.join(10)
        for thread in threading.enumerate():
            if thread.name == "nemovideo-stream":
                thread.join(10)
    assert runs(backend) == 0


# --- iteration --------------------------------------------------------------------------------


def test_a_stream_that_is_not_iterated_sends_nothing(backend: LocalBackend) -> None:
    with sync_client(backend) as client:
        session = client.sessions.create()
        with session.stream(TITLE):
            pass
        stream = session.stream(TITLE)
        stream.close()
        stream.close()
        with pytest.raises(errors.InvalidRequestError):
            next(stream)
    assert runs(backend) == 0


@pytest.mark.anyio
async def test_an_async_stream_that_is_not_iterated_sends_nothing(
    backend: LocalBackend,
) -> None:
    async with async_client(backend) as client:
        session = await client.sessions.create()
        async with session.stream(TITLE) as stream:
            pass
        await stream.aclose()
        with pytest.raises(errors.InvalidRequestError):
            await stream.__anext__()
    assert runs(backend) == 0


def test_a_second_loop_continues_where_the_first_stopped(backend: LocalBackend) -> None:
    with sync_client(backend) as client, client.sessions.create().stream(TITLE) as stream:
        for event in stream:
            assert isinstance(event, ToolCallEvent)
            break
        rest = list(stream)
        assert len(rest) == 7
        assert list(stream) == []
        assert stream.reply.text == TEXT
    assert stream.reply.text == TEXT
    assert runs(backend) == 1


def test_a_failed_stream_does_not_restart(backend: LocalBackend) -> None:
    add_fault(backend, "error", form="bare", after_events=0)
    with sync_client(backend) as client, client.sessions.create().stream(TITLE) as stream:
        with pytest.raises(errors.AgentError):
            list(stream)
        with pytest.raises(errors.InvalidRequestError):
            list(stream)
    assert runs(backend) == 1


def test_a_thread_with_an_open_stream_gets_an_error_instead_of_a_deadlock(
    backend: LocalBackend,
) -> None:
    with sync_client(backend) as client:
        session = client.sessions.create()
        with session.stream(TITLE) as stream:
            next(stream)
            with pytest.raises(errors.InvalidRequestError, match="still open"):
                session.send("hello")
            assert len(list(stream)) == 7
    assert runs(backend) == 1


@pytest.mark.anyio
async def test_a_task_with_an_open_stream_gets_an_error_instead_of_a_deadlock(
    backend: LocalBackend,
) -> None:
    async with async_client(backend) as client:
        session = await client.sessions.create()
        async with session.stream(TITLE) as stream:
            await stream.__anext__()
            with pytest.raises(errors.InvalidRequestError, match="still open"):
                await session.send("hello")
            assert len([event async for event in stream]) == 7
    assert runs(backend) == 1


# --- sockets ----------------------------------------------------------------------------------


def keepalive_option(stream: object) -> int:
    (handle,) = stream._run._streams  # type: ignore[attr-defined]
    connection: socket.socket = handle._connection._stream.get_extra_info("socket")
    return connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


def test_streams_use_tcp_keepalive(backend: LocalBackend) -> None:
    add_fault(backend, "slow", delay_s=0.05)
    with sync_client(backend) as client, client.sessions.create().stream(TITLE) as stream:
        next(stream)
        assert keepalive_option(stream)


@contextmanager
def forwarding(target: str) -> Iterator[str]:
    """Run an HTTP proxy that forwards every host to `target`; yield its URL."""
    host, _, port = target.removeprefix("http://").partition(":")

    def forward(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while chunk := source.recv(65536):
                chunk = chunk.replace(b"http://nemo.invalid/", b"/")
                sink.sendall(chunk.replace(b"nemo.invalid", target[7:].encode()))
            sink.shutdown(socket.SHUT_WR)

    def serve() -> None:
        with ExitStack() as open_sockets, suppress(OSError):
            while True:
                client = open_sockets.enter_context(listener.accept()[0])
                server = open_sockets.enter_context(socket.create_connection((host, int(port))))
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=forward, args=pair, daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_proxy_from_the_environment_is_used_with_keepalive(
    backend: LocalBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    add_fault(backend, "slow", delay_s=0.05)
    url = "http://nemo.invalid"  # resolved by the proxy alone
    with forwarding(backend.url) as proxy:
        monkeypatch.setenv("http_proxy", proxy)
        with Client(base_url=url, web_url=url, allow_http=True) as client:
            session = client.sessions.create()
            with session.stream(TITLE) as stream:
                next(stream)
                assert keepalive_option(stream)
                assert len(list(stream)) == 7
            assert stream.reply.text == TEXT
