"""Streams that are left early, read again, or closed elsewhere."""

from __future__ import annotations

import threading

import anyio
import anyio.to_thread
import pytest

from nemovideo import Session, errors
from nemovideo.events import (
    StillWorkingEvent,
    ToolCallEvent,
)
from nemovideo.local import LocalBackend
from nemovideo.testing import FakeClock
from tests.support.blocking import KINDS, LOOPS
from tests.support.streams import (
    TEXT,
    TITLE,
    add_fault,
    async_client,
    client_of,
    fast_clock,
    read_all,
    runs,
    runs_seen,
    sync_client,
)


@pytest.mark.parametrize("after_bytes", [None, 700])
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
@pytest.mark.parametrize("anyio_backend", LOOPS)
@pytest.mark.parametrize("after_bytes", [None, 700])
async def test_canceling_the_task_ends_the_stream(
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
@pytest.mark.parametrize("anyio_backend", LOOPS)
async def test_a_cancel_scope_around_one_event_can_time_out(backend: LocalBackend) -> None:
    add_fault(backend, "stall", after_bytes=0)
    async with async_client(backend) as client:
        session = await client.sessions.create()
        async with session.stream(TITLE) as stream:
            with anyio.move_on_after(0.2) as scope:
                await stream.__anext__()
            assert scope.cancelled_caught
        assert (await session.send("hello")).text


@pytest.mark.parametrize("kind", KINDS)
def test_an_exception_in_the_block_propagates_and_ends_the_stream(
    backend: LocalBackend, kind: str
) -> None:
    def leave(session: Session) -> None:
        with session.stream(TITLE, tokens=True) as stream:
            next(stream)
            raise ZeroDivisionError

    with client_of(kind, backend) as client:
        session = client.sessions.create()
        with pytest.raises(ZeroDivisionError):
            leave(session)
        assert session.send("hello").text


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
        backend._requested_port = port
        backend.start()
        resume.set()
        reader.join(10)
        for thread in threading.enumerate():
            if thread.name == "nemovideo-stream":
                thread.join(10)
    assert runs(backend) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_that_is_not_iterated_sends_nothing(backend: LocalBackend, kind: str) -> None:
    with client_of(kind, backend) as client:
        session = client.sessions.create()
        with session.stream(TITLE):
            pass
        stream = session.stream(TITLE)
        stream.close()
        stream.close()
        with pytest.raises(errors.InvalidRequestError):
            next(stream)
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


@pytest.mark.usefixtures("_quick_locks")
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
@pytest.mark.usefixtures("_quick_locks")
@pytest.mark.parametrize("anyio_backend", LOOPS)
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
