"""Invalid requests: rejected with a reason, never with HTTP 500 or a path of the server."""

from __future__ import annotations

import json
import socket
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from nemovideo._support import json_text
from nemovideo.errors import RenderFailedError
from nemovideo.local import Limits
from nemovideo.local.store import Render
from nemovideo.local.store.renders import Renders
from tests.support.app import RUN, VIDEO, Api, Rendered, client, serving

HALF = "\ud83d"
DEEP = json.loads("[" * 400 + "]" * 400)
VALUES: list[object] = [
    *(None, True, 0, -1, 10**400, 1.5, "", HALF, "x" * 5000, "\0", [], {}, [HALF], {"a": HALF}),
    *(float("nan"), float("inf"), DEEP),
]
RENDER = "/api/render/proxy/lambda"
BODIES: dict[str, tuple[str, ...]] = {
    "/api/tasks/me/with-session/nemo_agent": ("task_name", "language"),
    "/api/auth/claim-token": ("task_id", "session_id"),
    "/run_sse": ("app_name", "user_id", "session_id", "new_message", "streaming"),
    "/api/upload-video/nemo_agent/me/{}": ("urls", "source_type"),
    RENDER: ("id", "sessionId", "draft", "output"),
}


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """A backend that renders immediately."""
    with serving() as api:
        yield api


def valid(path: str, session_id: str) -> dict[str, Any]:
    draft = {"t": [{"tt": 0, "sg": [{"d": 1000, "m": {"media": "m1"}}]}], "m": {}}
    message = {"role": "user", "parts": [{"text": "hello"}]}
    bodies: dict[str, dict[str, Any]] = {
        "/run_sse": {**RUN, "session_id": session_id, "new_message": message},
        "/api/auth/claim-token": {"session_id": session_id, "task_id": "t"},
        RENDER: {"id": "r", "sessionId": session_id, "draft": draft},
    }
    return bodies.get(path, {})


@pytest.mark.parametrize("path", BODIES)
def test_no_field_value_causes_a_server_error(api: Api, path: str) -> None:
    session_id = api.session_with_video()
    where = path.format(session_id)
    for field in BODIES[path]:
        for value in VALUES:
            body = json.dumps({**valid(path, session_id), field: value})
            response = api.ask("POST", where, content=body)
            assert response.status_code < 500, (field, str(value)[:50], response.text)
            response.json() if "json" in response.headers["content-type"] else response.text


@pytest.mark.parametrize(
    "body",
    [b"\xff", b"[" * 100_000, b'{"a":' * 50_000, b"1" * 10_000, b'{"fps": 1e999}', b"NaN", b"\0"],
)
def test_bodies_that_are_not_json_are_rejected(api: Api, body: bytes) -> None:
    for path in BODIES:
        response = api.ask("POST", path.format(api.session()), content=body)
        assert response.status_code in (400, 422), response.text


@pytest.mark.parametrize(
    "body",
    [
        "[" * 100_000,
        "[" * 300 + "]" * 300,
        "NaN",
        "5",
        '{"kind": "status", "path": "/none", "body": "\\ud83d"}',
        '{"kind": "status", "nth": 1e999}',
        " " * 2_000_000,
    ],
)
def test_invalid_fault_rules_cause_no_server_error(api: Api, body: str) -> None:
    headers = {"Content-Type": "application/json"}
    response = api.ask("POST", "/__faults__", content=body, headers=headers)
    assert response.status_code in (200, 400, 413), response.text
    assert api.ask("DELETE", "/__faults__").status_code == 200


def test_a_lone_surrogate_in_a_message_is_preserved(api: Api) -> None:
    session_id = api.session()
    message = {"parts": [{"text": f"edit {HALF} 说"}]}
    body = {**valid("/run_sse", session_id), "new_message": message}
    response = api.ask("POST", "/run_sse", content=json.dumps(body))
    assert b"\\ud83d \xe8\xaf\xb4" in response.content
    assert api.titles(session_id) == [f"{HALF} 说"]
    draft = api.draft(session_id)
    sent = json.dumps({**valid(RENDER, session_id), "draft": draft, "id": "half"})
    assert api.ask("POST", RENDER, content=sent).status_code == 200


@pytest.mark.parametrize(
    ("part", "value"),
    [
        *(("fps", "NaN"), ("fps", "Infinity"), ("width", 10**30), ("height", [4])),
        *(("speed", "Infinity"), ("speed", "-inf"), ("volume", 10**400), ("source_start_ms", "1")),
    ],
)
def test_unusable_numbers_in_a_draft_fail_the_render(api: Api, part: str, value: object) -> None:
    session_id = api.session_with_video()
    clip: dict[str, Any] = {"d": 1000, "m": {"media": "m1", "name": "a.mp4"}}
    canvas: dict[str, Any] = {}
    draft = {"t": [{"tt": 0, "sg": [clip]}], "m": canvas}
    (canvas if part in ("fps", "width", "height") else clip["m"])[part] = value
    render_id = f"{part}-{str(value)[:8].strip('[]')}"
    body = {"id": render_id, "sessionId": session_id, "draft": draft, "output": {}}
    assert api.ask("POST", RENDER, json=body).status_code == 200
    job = api.finished(render_id)
    expected = "completed" if part == "source_start_ms" else "failed"  # "1" is a number in JSON
    assert job["status"] == expected
    assert expected == "completed" or "in the draft" in job["error"]


@pytest.mark.parametrize("render_id", ["a/b", "a b", "x" * 201, "a\nb", "../x"])
def test_a_render_id_must_be_usable_in_a_path(api: Api, render_id: str) -> None:
    body = {**valid(RENDER, api.session_with_video()), "id": render_id}
    assert api.ask("POST", RENDER, json=body).status_code == 400


def test_errors_contain_no_paths_of_the_server() -> None:
    def render(*_: object, **__: object) -> Rendered:
        raise RenderFailedError("cannot open '/var/lib/secret folder/in/a.mp4' or C:\\me\\b.mp4")

    def respond(*_: object, **__: object) -> Any:
        raise OSError(2, "No such file", str(Path(__file__)))

    with serving(render=render) as api:
        session_id = api.session_with_video()
        api.submit(session_id, "r", format="mp4")
        error = api.finished("r")["error"]
        assert "a.mp4" in error
        assert not any(part in error for part in ("var", "lib", "me\\"))
    with serving(respond=respond) as api:
        error = str(api.events(api.session(), "hello"))
        assert "test_odd_requests.py" in error
        assert str(Path(__file__).parent) not in error
        api.upload(api.session(), ("a.mp4", VIDEO))


def test_a_large_body_is_parsed_outside_the_event_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads: list[str] = []

    def parse(text: str | bytes) -> object:
        threads.append(threading.current_thread().name)
        return json.loads(text)

    with (
        serving(host="127.0.0.1", api_key="first-key") as served,
        client(served.backend, "first-key") as api,
    ):
        monkeypatch.setattr(json_text, "read_json", parse)
        for size in (10, 100_000):
            body = {"task_name": "project", "x": "x" * size}
            created = api.ask("POST", "/api/tasks/me/with-session/nemo_agent", json=body)
            assert created.status_code == 200
    assert [name == "nemovideo-local" for name in threads] == [True, False]


def test_many_large_bodies_take_no_memory_while_they_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate, parse = threading.Event(), json_text.read_json

    def wait(text: str | bytes) -> object:
        gate.wait(30)
        return parse(text)

    with (
        serving(host="127.0.0.1", api_key="first-key") as served,
        client(served.backend, "first-key") as api,
        ExitStack() as stack,
    ):
        body = b" " * 4 * 1024**2 + json.dumps(valid(RENDER, api.session_with_video())).encode()
        head = (
            f"POST {RENDER} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer first-key\r\n"
            f"X-Skill-Source: x\r\nX-Skill-Version: 1\r\nX-Skill-Platform: x\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode()
        monkeypatch.setattr(json_text, "read_json", wait)
        stack.callback(gate.set)
        tracemalloc.start()
        stack.callback(tracemalloc.stop)
        sent = []
        for _ in range(12):
            held = socket.create_connection(("127.0.0.1", served.backend.port), timeout=30)
            sent.append(stack.enter_context(held))
            held.sendall(head + body)
        tracemalloc.reset_peak()
        gate.set()
        assert sorted(held.recv(12)[-3:] for held in sent) == [b"200", *[b"409"] * 11]
        _, peak_bytes = tracemalloc.get_traced_memory()
        assert peak_bytes < 36 * 1024**2  # 48 MB were sent; those being parsed are copied


def test_a_large_draft_is_stored_as_it_was_sent_outside_the_event_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stored: list[tuple[str, bytes]] = []
    add = Renders.add

    def store(self: Renders, render_id: str, *, request: bytes, **options: Any) -> Render:
        stored.append((threading.current_thread().name, request))
        return add(self, render_id, request=request, **options)

    monkeypatch.setattr(Renders, "add", store)
    with serving() as api:
        body = json.dumps(valid(RENDER, api.session_with_video()), indent=3).encode()
        body = body.replace(b"{}", b'{"x": [' + b"1.50, " * 20_000 + b"0]}")
        assert api.ask("POST", RENDER, content=body).status_code == 200
        assert api.finished("r")["status"] == "completed"
    ((thread, request),) = stored
    assert thread != "nemovideo-local"
    assert request == body


def test_large_bodies_count_against_the_disk_quota() -> None:
    with serving(limits=Limits(disk_bytes=300_000)) as api:
        path = "/api/tasks/me/with-session/nemo_agent"
        for size, status in ((10_000, 200), (400_000, 507), (10_000, 200)):
            assert api.ask("POST", path, json={"x": "x" * size}).status_code == status


def test_a_body_with_too_many_values_is_refused() -> None:
    with serving() as api:
        body = b'{"x":[' + b"[]," * 300_000 + b"0]}"
        response = api.ask("POST", "/api/tasks/me/with-session/nemo_agent", content=body)
        assert (response.status_code, "values" in response.json()["message"]) == (413, True)
