"""The agent's reply over real sockets: errors, dialects, silent edits, concurrency, proxies."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import pairwise
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from nemovideo import Client, errors
from nemovideo.events import (
    AgentEvent,
    ErrorEvent,
    TextEvent,
)
from nemovideo.local import LocalBackend
from nemovideo.local.server.faults import Fault
from nemovideo.local.server.sse import SILENT_ENDINGS
from nemovideo.models import Reply
from nemovideo.testing import FakeClock
from tests.support.blocking import LOOPS
from tests.support.streams import (
    RAW,
    STAGES,
    TEXT,
    TITLE,
    add_fault,
    async_client,
    read_all,
    runs,
    sync_client,
    wait_for_runs,
)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, {"detail": "Not authenticated"}, errors.AuthenticationError),
        (200, {"code": 1002, "message": "no such session"}, errors.SessionNotFoundError),
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


@pytest.mark.parametrize(
    ("form", "after_events"), [("bare", None), ("system", 0), ("details", None), ("event", 0)]
)
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


@pytest.mark.parametrize("ending", SILENT_ENDINGS)
def test_a_silent_edit_of_every_form_reports_its_changes(
    backend: LocalBackend, clip: Path, ending: str
) -> None:
    with sync_client(backend) as client:
        session = client.sessions.create()
        session.upload(clip)
        add_fault(backend, "silent", form=ending)
        reply = session.send("add the title 'Paradise Found'", tokens=True)
        assert reply.silent
        assert not reply.recovered
        assert "Paradise Found" in str(reply)
        add_fault(backend, "silent", form=ending)
        assert "Paradise Found" in str(session.send("remove the title", tokens=False))


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


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", LOOPS)
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
async def test_concurrent_streams_give_their_own_replies(backend: LocalBackend) -> None:
    count = 12
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
