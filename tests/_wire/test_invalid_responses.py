"""Invalid responses over a real socket raise a NemoError or are ignored."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import httpx
import pytest

from nemovideo import Client
from nemovideo.draft import Draft
from nemovideo.errors import APIError, MalformedResponseError, RateLimitError, ServerError
from nemovideo.retry import RetryPolicy
from nemovideo.testing import FakeClock
from tests.support.servers import Script, raw_server, sync_client

_DEEP = "[" * 20_000 + "]" * 20_000


def _response(body: str, status: str = "200 OK", head: str = "") -> bytes:
    raw = body.encode()
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\n{head}"
        f"Content-Length: {len(raw)}\r\n\r\n"
    ).encode() + raw


@pytest.fixture
def served(request: pytest.FixtureRequest) -> Iterator[Client]:
    def respond(connection: socket.socket, _: bytes) -> None:
        connection.sendall(request.param)

    with (
        raw_server(respond) as server,
        Client(
            "nmv_usr_x", base_url=server.url, retry=RetryPolicy(attempts=1), clock=FakeClock()
        ) as client,
    ):
        yield client


@pytest.mark.parametrize(
    ("served", "expected"),
    [
        (_response(_DEEP), MalformedResponseError),
        (_response('{"id":"r","output":{"size":Infinity}}'), MalformedResponseError),
        (_response('{"id":"r","output":{"size":NaN}}'), MalformedResponseError),
        (_response('{"id":"r","progress":1e999}'), MalformedResponseError),
        (_response('{"id":"r","status":true}'), MalformedResponseError),
        (_response('{"id":"\\ud800"}'), MalformedResponseError),
        (_response('{"id":"r","output":{"url":"http://[::::"}}'), MalformedResponseError),
        (_response('{"id":"r","outputUrl":"http://x/\\ud800"}'), MalformedResponseError),
        (_response('{"code":"' + "9" * 5000 + '"}'), APIError),
        (_response(_DEEP, "500 X"), ServerError),
        (_response('{"detail":' + "[" * 150 + '"x"' + "]" * 150 + "}", "500 X"), ServerError),
        (
            _response("{}", "503 X", "Retry-After: Mon, 01 Jan 99999999999999999999 00:00 GMT\r\n"),
            ServerError,
        ),
        (
            _response("{}", "429 X", f"Retry-After: {'9' * 400}\r\n"),
            RateLimitError,
        ),
        (
            _response(
                "{}", "429 X", "Retry-After: Mon, 01 Jan 2024 00:00 +9999999999999999999\r\n"
            ),
            RateLimitError,
        ),
        (_response("", "304 N", "Location: http://[::::\r\n"), APIError),
    ],
    indirect=["served"],
)
def test_an_invalid_response_raises_a_typed_error(
    served: Client, expected: type[Exception]
) -> None:
    with pytest.raises(expected):
        served.render.get("r")


@pytest.mark.parametrize(
    "served", [_response('{"id":"r","progress":1' + "0" * 400 + "}")], indirect=True
)
def test_a_progress_value_too_large_for_a_float_is_none(served: Client) -> None:
    assert served.render.get("r").progress is None


@pytest.mark.parametrize(
    "served",
    [_response(json.dumps({"detail": "x\n" * 100_000 + "\ud800"}), "500 X")],
    indirect=True,
)
def test_the_message_of_an_error_is_bounded_and_printable(served: Client) -> None:
    with pytest.raises(ServerError) as caught:
        served.render.get("r")
    assert len(caught.value.message) <= 1000
    str(caught.value).encode()


def test_a_lone_surrogate_is_sent_as_its_escape() -> None:
    draft = Draft.from_json(json.loads('{"t":[{"sg":[{"m":{"title":"Hi \\ud83d"}}]}]}'))
    script = Script(httpx.Response(200, json={"id": "r", "status": "pending"}))
    with sync_client(script) as client:
        client.render.submit("s", draft)
    (request,) = script.requests
    assert b'"Hi \\ud83d"' in request.content
    assert request.headers["Content-Type"] == "application/json"
