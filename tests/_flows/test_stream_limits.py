"""Silent and endless streams end at a limit, after notices."""

from __future__ import annotations

import socket
from pathlib import Path

import anyio
import pytest

from nemovideo import errors
from nemovideo.events import (
    AgentEvent,
    StillWorkingEvent,
)
from nemovideo.local import LocalBackend
from nemovideo.retry import StreamLimits
from nemovideo.testing import FakeClock
from tests.support.blocking import KINDS
from tests.support.service import Service, begin_stream, send_chunk, serving
from tests.support.streams import (
    TITLE,
    add_fault,
    client_of,
    fast_clock,
    runs,
    sync_client,
)


def heartbeat_backend(clock: FakeClock, state: Path) -> LocalBackend:
    """Return a backend whose pauses advance the client's clock."""

    async def sleep(seconds: float) -> None:
        clock.now += seconds
        await anyio.sleep(0.005)

    return LocalBackend(state, sleep=sleep)


def test_a_stream_of_heartbeats_times_out_after_ten_minutes(tmp_path: Path) -> None:
    clock = FakeClock(grace_s=10)
    events: list[AgentEvent] = []
    with (
        heartbeat_backend(clock, tmp_path / "s") as backend,
        sync_client(backend, clock=clock) as client,
    ):
        add_fault(backend, "heartbeats", body="data: heartbeat", delay_s=10)
        session = client.sessions.create()
        started = clock.now
        with (
            pytest.raises(
                errors.StreamTimeoutError, match="sent only heartbeats within 10 minutes"
            ) as caught,
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
        with pytest.raises(errors.StreamTimeoutError, match="did not finish within 15 minutes"):
            session.send(TITLE)
    assert 900 <= clock.now - started < 1000


@pytest.mark.parametrize(("kind", "after_bytes"), [("sync", None), ("asyncio", 700), ("trio", 0)])
def test_a_stalled_stream_gives_notices_and_times_out(
    backend: LocalBackend, kind: str, after_bytes: int | None
) -> None:
    clock = fast_clock()
    add_fault(backend, "stall", after_bytes=after_bytes)
    events: list[AgentEvent] = []
    with client_of(kind, backend, clock=clock) as client:
        session = client.sessions.create()
        with (
            pytest.raises(errors.StreamTimeoutError, match="sent nothing within 10 minutes"),
            session.stream(TITLE) as stream,
        ):
            events.extend(stream)
    elapsed = [event.elapsed_s for event in events if isinstance(event, StillWorkingEvent)]
    assert elapsed == [120 * (number + 1) for number in range(len(elapsed))]
    assert 5 <= len(elapsed) <= 6  # the silence starts at the last event, and the first may be slow
    assert runs(backend) == 1


def test_the_limits_are_configurable(backend: LocalBackend) -> None:
    limits = StreamLimits(notice_s=5, silence_s=20)
    add_fault(backend, "stall", after_bytes=0)
    events: list[AgentEvent] = []
    with sync_client(backend, clock=fast_clock(), stream=limits) as client:
        session = client.sessions.create()
        with (
            pytest.raises(errors.StreamTimeoutError, match="sent nothing within 20 seconds"),
            session.stream(TITLE) as stream,
        ):
            events.extend(stream)
    assert [event.elapsed_s for event in events if isinstance(event, StillWorkingEvent)] == [
        *(5, 10, 15, 20)
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_whose_heartbeats_stop_is_a_dropped_connection(kind: str) -> None:
    def beat(service: Service, connection: socket.socket, path: str) -> None:
        begin_stream(connection)
        for _ in range(3):
            clock.now += 15
            send_chunk(connection, b": ping\n\n")
        service.draft = {**service.draft, "d": 2000}
        service.stopping.wait(20)

    clock = FakeClock(grace_s=0.3)
    with (
        serving(run_sse=beat) as service,
        client_of(kind, service, clock=clock, token="nmv_usr_x", timeout_s=30) as client,
    ):
        session = client.sessions.create()
        session.state()
        began = clock.now
        reply = session.send("go")
    assert reply.recovered
    # Three pauses of 15 s, a silence of three times the longest one at most, and two reads.
    assert 45 + 30 <= clock.now - began - 90 <= 45 + 3 * 45


def test_the_environment_limits_the_silence(
    backend: LocalBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEMO_SILENCE", "7.5")
    add_fault(backend, "stall", after_bytes=0)
    with (
        sync_client(backend, clock=fast_clock()) as client,
        pytest.raises(errors.StreamTimeoutError, match=r"sent nothing within 7\.5 seconds"),
    ):
        client.sessions.create().send(TITLE)


def test_a_deadline_ends_a_stalled_stream(backend: LocalBackend) -> None:
    clock = fast_clock()
    add_fault(backend, "stall", after_bytes=0)
    with sync_client(backend, clock=clock) as client:
        session = client.sessions.create()
        started = clock.now
        message = "deadline of 50 s has passed; the agent has been silent for 50 seconds"
        with pytest.raises(errors.APITimeoutError, match=message) as caught:
            session.send(TITLE, deadline=50)
    assert clock.now - started == 50
    assert caught.value.may_have_spent
    assert runs(backend) == 1
