"""Turns that end while the connection stays open; renders with a fake clock."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from nemovideo import Client, RenderJob, errors
from nemovideo.local import LocalBackend
from nemovideo.retry import Polling, StreamLimits
from nemovideo.testing import FakeClock
from tests.support.blocking import KINDS, client_of
from tests.support.service import Service, begin_stream, send_event, serving

TOKEN = "nmv_usr_x"


class OpenStream:
    """Sends these events, and keeps the connection open."""

    def __init__(self, *events: dict[str, object], changes: bool = False) -> None:
        self._events = events
        self._changes = changes

    def __call__(self, service: Service, connection: socket.socket, path: str) -> None:
        begin_stream(connection)
        for event in self._events:
            send_event(connection, **event)  # type: ignore[arg-type]
        if self._changes:
            service.draft = {**service.draft, "d": 2000}
        service.stopping.wait(30)


def fast_clock() -> FakeClock:
    return FakeClock(grace_s=0.2)


@pytest.mark.parametrize("kind", KINDS)
def test_a_complete_turn_ends_with_the_connection_still_open(kind: str) -> None:
    events: list[dict[str, object]]
    events = [{"text": "Done!"}, {"text": "One thing more.", "turnComplete": True}]
    with (
        serving(run_sse=OpenStream(*events)) as service,
        client_of(kind, token=TOKEN, base_url=service.url, clock=fast_clock()) as client,
    ):
        reply = client.sessions.create().send("go")
    assert reply.raw_text == "Done!\n\nOne thing more."
    assert not reply.recovered


@pytest.mark.parametrize("changes", [True, False])
def test_a_timeout_after_a_complete_text_is_decided_by_the_state(changes: bool) -> None:
    limits = StreamLimits(silence_s=60)
    with (
        serving(run_sse=OpenStream({"text": "Done!"}, changes=changes)) as service,
        Client(TOKEN, base_url=service.url, clock=fast_clock(), stream=limits) as client,
    ):
        session = client.sessions.create()
        session.state()
        if changes:
            reply = session.send("go")
            assert (reply.text, reply.recovered, bool(reply.changes)) == ("Done!", True, True)
        else:
            with pytest.raises(errors.StreamTimeoutError, match="sent nothing within 1 minute"):
                session.send("go")
        assert service.seen.count("POST /run_sse") == 1


def test_partial_texts_beyond_the_whole_text_are_kept() -> None:
    """ADK 1.0 repeats only the beginning of the text."""
    events = (
        {"text": "I removed ", "partial": True},
        {"text": "the background.", "partial": True},
        {"text": "I removed ", "turnComplete": True},
    )
    with (
        serving(run_sse=OpenStream(*events)) as service,
        Client(TOKEN, base_url=service.url, clock=fast_clock()) as client,
    ):
        assert client.sessions.create().send("go").text == "I removed the background."


def test_a_fake_clock_waits_for_a_real_render(
    backend: LocalBackend, clip: Path, tmp_path: Path
) -> None:
    clock = FakeClock()
    with Client(base_url=backend.url, clock=clock) as client:
        session = client.sessions.create()
        session.upload(clip)
        session.send("remove the background")
        video = session.export(tmp_path / "clean.mp4")
    assert video.path is not None
    assert video.path.stat().st_size > 0


def test_a_job_with_progress_does_not_time_out_on_a_fake_clock() -> None:
    polls = 0

    def slow(service: Service, connection: socket.socket, path: str) -> object:
        nonlocal polls
        polls += 1
        done = polls > 40  # 40 waits of 10 s
        return {
            "status": "completed" if done else "processing",
            "progress": polls,
            "output": {"url": "http://127.0.0.1/x"} if done else None,
        }

    polling = Polling(first_s=10, interval_s=10, timeout_s=100)
    with (
        serving(api__render=slow) as service,
        Client(TOKEN, base_url=service.url, clock=fast_clock(), polling=polling) as client,
    ):
        job = client.render.wait(RenderJob(id="r", status="pending"))
    assert job.completed
