"""Limits of memory, connections and timeouts."""

from __future__ import annotations

import socket
import time

import anyio
import pytest

from nemovideo import AsyncClient, Client, Upload, errors
from nemovideo._drivers import routes
from nemovideo._wire import sse
from tests.support.blocking import KINDS, client_of
from tests.support.servers import PNG
from tests.support.service import (
    Service,
    begin_stream,
    end_stream,
    hanging,
    send_chunk,
    send_event,
    serving,
)

TOKEN = "nmv_usr_x"
MEGABYTE = 1_000_000


class Flood:
    """Sends events of one megabyte each until the connection blocks."""

    def __init__(self) -> None:
        self.sent_bytes = 0

    def __call__(self, service: Service, connection: socket.socket, path: str) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        begin_stream(connection)
        while not service.stopping.is_set():
            send_event(connection, "x" * MEGABYTE)
            self.sent_bytes += MEGABYTE


def settled(flood: Flood) -> int:
    """Wait until sending blocks, and return the number of bytes sent."""
    before = -1
    while before != flood.sent_bytes:
        before = flood.sent_bytes
        time.sleep(0.3)
    return before


@pytest.mark.parametrize("kind", KINDS)
def test_a_slow_consumer_applies_backpressure(kind: str) -> None:
    flood = Flood()
    with (
        serving(run_sse=flood) as service,
        client_of(kind, token=TOKEN, base_url=service.url) as client,
        client.sessions.create().stream("go") as stream,
    ):
        next(stream)
        sent = settled(flood)
    assert sent < 48 * MEGABYTE  # the socket buffers of Linux grow up to 32 MB


@pytest.mark.parametrize("lines", ["one line", "many lines", "no line end"])
def test_the_size_of_an_event_is_limited(lines: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT_BYTES", 2 * MEGABYTE)
    chunk = b"x" * 100_000

    def grow(service: Service, connection: socket.socket, path: str) -> None:
        begin_stream(connection)
        for number in range(1000):
            start = b"data: " if number == 0 or lines == "many lines" else b""
            send_chunk(connection, start + chunk + (b"\n" if lines == "many lines" else b""))
        send_chunk(connection, b"\n\n" if lines == "one line" else b"")
        end_stream(connection)

    with serving(run_sse=grow) as service, Client(TOKEN, base_url=service.url) as client:
        session = client.sessions.create()
        with pytest.raises(errors.MalformedResponseError, match="over 1 MiB") as caught:
            session.send("go")
    assert caught.value.may_have_spent


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_in_an_encoding_without_a_limit_is_refused(kind: str) -> None:
    def compressed(service: Service, connection: socket.socket, path: str) -> None:
        header = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: br\r\n"
        connection.sendall(header + b"Content-Length: 1\r\n\r\nx")

    with (
        serving(run_sse=compressed) as service,
        client_of(kind, token=TOKEN, base_url=service.url) as client,
    ):
        session = client.sessions.create()
        with pytest.raises(errors.MalformedResponseError, match="encoded as 'br'"):
            session.send("go")


def slow(service: Service, connection: socket.socket, path: str) -> object:
    time.sleep(0.3)
    return {"available": 1, "frozen": 0, "total": 1}


def test_calls_wait_for_a_free_connection_without_a_timeout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(routes, "MAX_CONNECTIONS", 2)
    with serving(api__credits=slow) as service:

        async def main() -> int:
            async with (
                AsyncClient(TOKEN, base_url=service.url, timeout_s=0.9) as client,
                anyio.create_task_group() as group,
            ):
                for _ in range(10):
                    group.start_soon(client.credits.balance)
            return len(service.seen)

        assert anyio.run(main) == 10


def test_the_cache_of_session_states_is_bounded() -> None:
    with serving() as service, Client(TOKEN, base_url=service.url) as client:
        sessions = [client.sessions.create() for _ in range(40)]
        for session in sessions:
            session.state()
        service.seen.clear()
        assert len(client._context.known) <= 16
        sessions[-1].send("its state is cached")
        sessions[0].send("its state is requested")
    states = [seen for seen in service.seen if "/state/" in seen]
    assert states == ["GET /api/state/nemo_agent/me/s1/latest"]


def test_a_timeout_is_not_retried() -> None:
    with serving(api__credits=hanging) as service:
        started = time.monotonic()
        with (
            Client(TOKEN, base_url=service.url, timeout_s=0.5) as client,
            pytest.raises(errors.APITimeoutError, match=r"no response within 0.5 s") as caught,
        ):
            client.credits.balance()
        assert "timeout_s=" in caught.value.remedy
        assert time.monotonic() - started < 1.5


def test_an_upload_whose_connection_drops_names_the_file_and_the_reason_first() -> None:
    with (
        serving(**{"api__upload-video": lambda *_: False}) as service,
        Client(TOKEN, base_url=service.url) as client,
        pytest.raises(errors.APIConnectionError) as caught,
    ):
        client.uploads.upload("1", Upload(PNG, name="beach.png"))
    message = caught.value.message
    assert message.startswith("'beach.png' could not be uploaded: ")
    assert message.endswith(f" at {service.url.removeprefix('http://')})")
    assert caught.value.remedy.startswith("Try again; if it persists, check the log")


def test_creating_a_session_survives_a_dead_pooled_connection() -> None:
    def close_second(service: Service, connection: socket.socket, path: str) -> object:
        if service.connections == 1:
            return False
        return {"task_id": "t", "session_id": "s1"}

    with (
        serving(api__tasks=close_second) as service,
        Client(TOKEN, base_url=service.url) as client,
    ):
        client.credits.balance()
        assert client.sessions.create().id == "s1"
        assert client.uploads.upload_urls("s1", "https://x.example/a.mp4")
    assert service.connections == 3  # requests that cannot be retried use a new one
