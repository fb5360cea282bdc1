"""After a dropped connection, no second message is sent.

The session state shows whether the first one took effect.
"""

from __future__ import annotations

import logging
import random
import socket
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from nemovideo import errors
from nemovideo.local import LocalBackend
from nemovideo.local.server.faults import Fault
from nemovideo.models import Reply
from nemovideo.testing import FakeClock
from tests.support.blocking import KINDS
from tests.support.service import Service, begin_stream, send_event, serving
from tests.support.streams import (
    RAW,
    TEXT,
    TITLE,
    add_fault,
    client_of,
    runs,
    sync_client,
)

AFTER_DROP_S = [30, 60, 60, 60, 60]


def positions(backend: LocalBackend, token: str, count: int) -> list[int]:
    """Return 0 and random offsets in the body of a whole run, fetched without the SDK."""
    headers = {
        "Authorization": f"Bearer {token}",
        "X-Skill-Source": "test",
        "X-Skill-Version": "1",
        "X-Skill-Platform": "unknown",
    }
    with httpx.Client(base_url=backend.url, headers=headers) as plain:
        created = plain.post("/api/tasks/me/with-session/nemo_agent", json={}).json()
        body = {
            "app_name": "nemo_agent",
            "user_id": "me",
            "session_id": created.get("data", created)["session_id"],
            "new_message": {"role": "user", "parts": [{"text": TITLE}]},
            "streaming": True,
        }
        length = len(plain.post("/run_sse", json=body).content)
    return [0, *sorted(random.Random(17).sample(range(1, length), count - 1))]


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


@pytest.mark.parametrize(("kind", "count"), [("sync", 10), ("asyncio", 6), ("trio", 4)])
def test_a_drop_at_any_byte_sends_no_second_message(
    backend: LocalBackend, kind: str, count: int
) -> None:
    outcomes = []
    clock = FakeClock()
    with client_of(kind, backend, clock=clock) as client:
        for position in positions(backend, client.auth.token(), count):
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


@pytest.mark.parametrize("reset", [True, False])
def test_a_drop_before_the_status_line_may_have_spent_credits(
    backend: LocalBackend, reset: bool
) -> None:
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
    assert reply.incomplete
    assert "edits may be missing" in reply.warnings[0]
    assert reply.silent
    assert str(reply) == str(reply.changes) != "Nothing changed"
    assert runs(backend) == 1


def test_a_failed_state_check_counts_as_unchanged(
    backend: LocalBackend, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "nemovideo")
    clock = FakeClock()
    with sync_client(backend, clock=clock) as client:
        session = client.sessions.create()
        add_fault(backend, "drop", run_continues=True)
        backend.faults.add(Fault(kind="status", path="/api/state/*", status=503, times=4))
        assert session.send(TITLE).recovered
    assert [wait for wait in clock.waits if wait >= 30] == [30, 60, 60]
    unchanged = f"session {session.id}: ServerError; treating its state as unchanged"
    assert caplog.messages.count(unchanged) == 1


def dropped(*events: dict[str, Any]) -> Callable[[Service, socket.socket, str], bool]:
    """Return a route that sends these events and drops the connection."""

    def route(service: Service, connection: socket.socket, path: str) -> bool:
        begin_stream(connection)
        for event in events:
            send_event(connection, **event)
        service.draft = {**service.draft, "d": 2000}
        return False

    return route


def test_a_run_that_continues_after_a_drop_is_awaited_until_the_draft_is_stable() -> None:
    class Editing(FakeClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if len(self.waits) <= 3:
                service.draft = {**service.draft, "d": 2000 + len(self.waits)}

    clock = Editing()
    with (
        serving(run_sse=dropped({"text": "First"})) as service,
        client_of("sync", service, clock=clock, token="nmv_usr_x") as client,
    ):
        reply = client.sessions.create().send("go")
    assert reply.changes is not None
    assert reply.changes.after.duration_ms == 2003
    assert (reply.recovered, reply.incomplete) == (True, True)
    assert clock.waits == [30, 60, 60, 60]


@pytest.mark.parametrize("kind", KINDS)
def test_a_drop_after_the_end_of_the_turn_loses_nothing(kind: str) -> None:
    clock = FakeClock()
    end = {"text": "Done!", "turnComplete": True}
    with (
        serving(run_sse=dropped(end)) as service,
        client_of(kind, service, clock=clock, token="nmv_usr_x") as client,
    ):
        reply = client.sessions.create().send("go")
    assert (reply.text, reply.recovered, reply.warnings) == ("Done!", False, ())
    assert clock.waits == []


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
        backend._requested_port = port
        assert session.send(TITLE).text == TEXT
    assert runs(backend) == 1


def test_a_server_on_this_machine_has_time_to_restart(backend: LocalBackend) -> None:
    clock = FakeClock()
    with sync_client(backend, clock=clock) as client:
        client.auth.token()
        backend.stop()
        with pytest.raises(errors.APIConnectionError) as caught:
            client.credits.balance()
    assert not caught.value.sent
    assert 5 <= sum(clock.waits) <= 7


def test_a_gateway_error_is_not_retried(backend: LocalBackend) -> None:
    add_fault(backend, "status", status=502, body="<html><title>Bad Gateway</title></html>")
    with (
        sync_client(backend, clock=FakeClock()) as client,
        pytest.raises(errors.ServerError) as caught,
    ):
        client.sessions.create().send(TITLE)
    assert caught.value.may_have_spent
    assert runs(backend) == 1
