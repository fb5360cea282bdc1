"""Fault injection: each kind of fault, as seen by a client."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest

from nemovideo import Client, errors
from nemovideo.local import Fault, LocalBackend
from nemovideo.local.server.faults import Faults, read_faults
from nemovideo.local.server.sse import TEMPORARY_ISSUE
from tests.support.app import VIDEO, Api, complete_text, read_events, run_body, serving
from tests.support.jobs import QuickRenderer

BALANCE = "/api/credits/balance/simple"


def on_run(kind: Any, **options: Any) -> Fault:
    return Fault(kind=kind, path="/run_sse", **options)


def receive(api: Api, session_id: str, timeout_s: float) -> tuple[bytes, Exception | None]:
    """Run an edit, and return the received bytes of its stream and the error that ended it."""
    received, body = b"", run_body(session_id, "edit Hello")
    try:
        with api.http.stream("POST", "/run_sse", json=body, timeout=timeout_s) as response:
            for chunk in response.iter_raw():
                received += chunk
    except httpx.TransportError as error:
        return received, error
    return received, None


def test_a_rule_fires_on_the_requests_that_it_counts() -> None:
    faults = Faults([Fault(kind="drop", method="GET", path="/a*", nth=2, times=2)])
    paths = ["/a", "/b", "/ab", "/a", "/a"]
    assert [len(faults.fire("GET", path)) for path in paths] == [0, 0, 1, 1, 0]
    assert faults.fire("POST", "/a") == ()


def test_a_rule_without_a_limit_fires_until_it_is_cleared() -> None:
    faults = Faults([Fault(kind="drop", times=None)])
    assert [len(faults.fire("GET", "/")) for _ in range(3)] == [1, 1, 1]
    faults.clear()
    assert faults.fire("GET", "/") == ()


@pytest.mark.parametrize("path", ["*", "/*", "/run_sse"])
@pytest.mark.parametrize("kind", ["silent", "with_text", "slow", "heartbeats", "inject"])
def test_a_rule_for_runs_counts_only_runs(kind: Any, path: str) -> None:
    faults = Faults([Fault(kind=kind, path=path, nth=2)])
    requests = [
        ("POST", "/api/upload-video/x"),
        ("POST", "/run_sse"),
        ("GET", "/api/state/x"),
        ("OPTIONS", "/run_sse"),
        ("POST", "/run_sse"),
        ("POST", "/run_sse"),
    ]
    assert [len(faults.fire(*request)) for request in requests] == [0, 0, 0, 0, 1, 0]


def test_a_rule_for_runs_needs_no_path() -> None:
    with serving(faults=[Fault(kind="error", form="system", message="no")]) as api:
        session_id = api.session()
        assert api.balance() == (100, 0, 100)
        (failure,) = api.events(session_id, "edit Hello")[-1]["content"]["parts"]
        assert failure["text"] == "Error: no"
        assert "Error" not in str(api.events(session_id, "edit Hello"))


def test_a_render_that_fails_is_submitted_once_more(tmp_path: Path, clip: Path) -> None:
    fault = Fault(kind="render_error", message="out of film")
    with (
        LocalBackend(faults=[fault], render=QuickRenderer()) as backend,
        Client(backend.issue_token(), base_url=backend.url) as client,
    ):
        session = client.sessions.create()
        session.upload(clip)
        session.export(tmp_path / "one.mp4")
        backend.faults.add(attrs.evolve(fault, times=2))
        with pytest.raises(errors.RenderFailedError, match="out of film") as caught:
            session.export(tmp_path / "two.mp4")
        assert client.render.get(str(caught.value.render_id)).status == "failed"
        submits = [seen for seen in backend.requests if seen.path.endswith("/lambda")]
        assert len(submits) == 4
        assert not backend.faults.unused


def test_the_rules_that_have_not_fired_are_listed() -> None:
    first, second = Fault(kind="drop", path="/a", nth=2), Fault(kind="silent")
    faults = Faults([first, second])
    unused = []
    for request in [("GET", "/a"), ("GET", "/a"), ("POST", "/run_sse")]:
        faults.fire(*request)
        unused.append(faults.unused)
    assert unused == [(first, second), (second,), ()]
    assert faults.rules == (first, second)


@pytest.mark.parametrize("length", [0, 1, 100, 700])
def test_a_drop_cuts_the_body_at_the_byte(length: int) -> None:
    with serving(faults=[on_run("drop", after_bytes=length)]) as api:
        received, error = receive(api, api.session(), timeout_s=30)
        assert len(received) == length
        assert isinstance(error, httpx.RemoteProtocolError)


def test_a_drop_before_the_status_line_sends_nothing() -> None:
    with serving(faults=[Fault(kind="drop", path=BALANCE)]) as api:
        with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
            api.balance()
        assert api.backend.requests == (("GET", BALANCE, 0),)
        assert api.balance() == (100, 0, 100)


def test_a_drop_can_reset_the_connection() -> None:
    fault = Fault(kind="drop", path=BALANCE, reset=True)
    with serving(faults=[fault]) as api, pytest.raises(httpx.ReadError):
        api.balance()


def test_a_run_can_continue_after_a_drop() -> None:
    with serving(faults=[on_run("drop", after_bytes=0, run_continues=True)]) as api:
        session_id = api.session()
        with pytest.raises(httpx.RemoteProtocolError):
            api.run(session_id, "edit Hello")
        api.events(session_id, "hello")  # waits for the run before it
        assert api.titles(session_id) == ["Hello"]


@pytest.mark.parametrize("after_bytes", [None, 0, 50])
def test_a_stall_keeps_the_connection_open_without_data(after_bytes: int | None) -> None:
    with serving(faults=[on_run("stall", after_bytes=after_bytes)]) as api:
        session_id = api.session()
        received, error = receive(api, session_id, timeout_s=0.2)
        assert len(received) == (after_bytes or 0)
        assert isinstance(error, httpx.ReadTimeout)
        api.events(session_id, "hello")  # waits for the run before it
        assert api.balance() == (100, 0, 100)
        assert api.draft(session_id) is None


def test_a_backend_stops_despite_open_streams() -> None:
    with serving(faults=[on_run("stall", after_bytes=0)]) as api:
        body = run_body(api.session(), "edit Hello")
        with api.http.stream("POST", "/run_sse", json=body) as response:
            api.backend.stop()
            with pytest.raises(httpx.TransportError):
                response.read()


def test_heartbeats_are_sent_instead_of_a_run() -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    fault = on_run("heartbeats", count=3, delay_s=60, body='data: {"type":"heartbeat"}')
    with serving(faults=[fault], sleep=sleep) as api:
        session_id = api.session()
        response = api.run(session_id, "edit Hello")
        assert response.text == 'data: {"type":"heartbeat"}\n\n' * 3
        assert response.headers["content-type"].startswith("text/event-stream")
        assert waited == [60, 60, 60]
        assert api.draft(session_id) is None


def test_endless_heartbeats_end_when_the_client_disconnects() -> None:
    with serving(faults=[on_run("heartbeats")]) as api:
        body = run_body(api.session(), "x")
        with api.http.stream("POST", "/run_sse", json=body) as response:
            assert next(response.iter_lines()) == ": ping"
        assert api.balance() == (100, 0, 100)


def test_a_status_replaces_the_nth_response() -> None:
    with serving(faults=[Fault(kind="status", path="/api/state/*", nth=2)]) as api:
        session_id = api.session()
        path = f"/api/state/nemo_agent/me/{session_id}/latest"
        responses = [api.ask("GET", path) for _ in range(3)]
        assert [response.status_code for response in responses] == [200, 401, 200]
        assert responses[1].json()["code"] == 1001


@pytest.mark.parametrize("body", ["<html>Bad gateway</html>", {"code": 502, "message": "no"}])
def test_a_fault_can_have_a_custom_body_and_headers(body: Any) -> None:
    fault = Fault(kind="status", status=502, body=body, headers={"Retry-After": "7"})
    with serving() as api:
        api.backend.faults.add(fault)
        response = api.ask("GET", BALANCE)
        assert (response.status_code, response.headers["retry-after"]) == (502, "7")
        assert (response.text if isinstance(body, str) else response.json()) == body


def test_a_fault_can_redirect() -> None:
    fault = Fault(kind="redirect", path=BALANCE, status=302, location="https://other.example/")
    with serving(faults=[fault]) as api:
        response = api.ask("GET", BALANCE)
        assert (response.status_code, response.headers["location"]) == (
            302,
            "https://other.example/",
        )


def test_a_fault_can_change_the_content_type_and_truncate_the_body() -> None:
    rules = [
        Fault(kind="content_type", path=BALANCE, content_type="text/html"),
        Fault(kind="truncate", path=BALANCE, after_bytes=9),
    ]
    with serving(faults=rules) as api:
        response = api.ask("GET", BALANCE)
        assert response.headers["content-type"] == "text/html"
        assert response.content == b'{"code":0'


def test_a_file_can_be_served_without_ranges_or_with_other_headers() -> None:
    with serving() as api:
        (file,) = api.upload(api.session(), ("talk.mp4", VIDEO)).json()["data"]["files"]
        ranged = {"Range": "bytes=6-7"}
        for rule, status, tag in (
            (Fault(kind="no_range", path="/files/*"), 200, None),
            (Fault(kind="headers", path="/files/*", headers={"ETag": '"new"'}), 206, '"new"'),
        ):
            api.backend.faults.add(rule)
            response = httpx.get(file["cdn_url"], headers=ranged)
            assert response.status_code == status
            assert tag in (None, response.headers["etag"])


def test_a_rule_makes_replies_silent_or_adds_text() -> None:
    with serving(faults=[on_run("silent", form="stop"), on_run("with_text", nth=2)]) as api:
        session_id = api.session()
        silent = api.events(session_id, "edit one")
        assert (complete_text(silent), silent[-1]["errorCode"]) == ("", "STOP")
        assert complete_text(api.events(session_id, "quietly two")) == "Done! The title is there."
        assert api.titles(session_id) == ["one", "two"]


def failing_run(api: Api, form: str, after_events: int | None) -> str:
    fault = on_run("error", form=form, after_events=after_events, message='it said "no"')
    api.backend.faults.add(fault)
    return api.run(api.session(), "edit Hello").text


def test_a_run_can_fail_in_every_form() -> None:
    with serving() as api:
        assert failing_run(api, "bare", 0) == 'data: {"error": "it said "no""}\n\n'
        (system,) = read_events(failing_run(api, "system", 0))
        assert system["author"] == "system"
        assert system["content"]["parts"] == [{"text": 'Error: it said "no"'}]
        (details,) = read_events(failing_run(api, "details", 0))
        assert details["error"] == 'RuntimeError: it said "no"'
        assert details["error_details"]["error_message"] == 'it said "no"'
        event, last = read_events(failing_run(api, "event", 0))
        assert (event["errorCode"], event["errorMessage"]) == ("RuntimeError", 'it said "no"')
        assert last["error"] == details["error"]
        assert api.balance() == (100, 0, 100)


def test_a_failure_after_an_edit_keeps_the_edit_and_its_charge() -> None:
    with serving() as api:
        events = read_events(failing_run(api, "details", 2))
        assert "functionResponse" in str(events[1])
        assert "error" in events[2]
        assert api.balance() == (99, 0, 99)


def test_a_temporary_issue_follows_the_successful_answer() -> None:
    with serving() as api:
        events = read_events(failing_run(api, "temporary", None))
        assert complete_text(events) == f"Done! The title is there.{TEMPORARY_ISSUE}"


def test_slow_events_use_the_injected_sleep() -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    with serving(faults=[on_run("slow", delay_s=12.5)], sleep=sleep) as api:
        assert len(api.events(api.session(), "edit Hello")) == len(waited) == 3
        assert set(waited) == {12.5}


def test_a_rule_sends_events_of_the_simple_dialect() -> None:
    with serving(faults=[on_run("dialect", form="simple")]) as api:
        events = api.events(api.session(), "edit Hello", streaming=True)
        assert events == [
            {"type": "tool_call", "name": "edit_title", "args": {"text": "Hello"}},
            {"type": "tool_result", "name": "edit_title", "result": {"status": "success"}},
            {"type": "text", "content": "Done! The title is there."},
        ]


def test_raw_frames_are_injected_between_events() -> None:
    fault = on_run("inject", after_events=1, frames=[": ping\n\n", "event: x\ndata:\n\n"])
    with serving(faults=[fault]) as api:
        frames = api.run(api.session(), "edit Hello").text.split("\n\n")
        assert frames[1:3] == [": ping", "event: x\ndata:"]
        assert "functionResponse" in frames[3]


def test_faults_are_set_listed_and_cleared_over_http() -> None:
    with serving() as api:
        rule = {"kind": "status", "path": BALANCE, "status": 503, "times": None}
        once = {"kind": "headers", "path": BALANCE}
        later = {"kind": "drop", "path": BALANCE, "nth": 4}
        rules = [rule, once, later]
        added = api.data("POST", "/__faults__", json={"faults": rules})
        assert added == {"faults": rules, "fired": [0, 0, 0]}
        for _ in range(2):
            assert api.ask("GET", BALANCE).status_code == 503
        listed = api.data("GET", "/__faults__")
        assert listed == {"faults": rules, "fired": [2, 1, 0]}
        assert api.data("DELETE", "/__faults__") == {"faults": [], "fired": []}
        assert api.balance() == (100, 0, 100)
        api.data("POST", "/__faults__", json=listed)  # the response to GET can be sent again
        assert api.data("GET", "/__faults__")["fired"] == [0, 0, 0]


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ({"kind": "earthquake"}, "earthquake"),
        ({"kind": "drop", "after": 5}, "after"),
        ({"kind": "error", "form": "loud"}, "loud"),
        ({"kind": "drop", "nth": "x"}, "nth"),
        ({}, "kind"),
        (5, "fault"),
    ],
)
def test_an_invalid_rule_is_rejected(rule: object, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        read_faults(rule)


def test_a_web_page_cannot_set_faults() -> None:
    with serving() as api:
        rule = json.dumps({"kind": "drop", "times": None})
        response = api.ask(
            "POST", "/__faults__", content=rule, headers={"Content-Type": "text/plain"}
        )
        assert response.status_code == 415
        assert api.backend.faults.rules == ()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"kind": "error", "path": BALANCE, "status": 503}, r"/run_sse only.*kind='status'"),
        ({"kind": "error", "path": BALANCE, "form": "event"}, r"/run_sse only.*kind='status'"),
        ({"kind": "error", "status": 503}, r"needs a form: one of bare.*kind='status'"),
        ({"kind": "slow", "path": "/files/*"}, "/run_sse only"),
        ({"kind": "silent", "path": "/run_sse", "method": "GET"}, "/run_sse only"),
        ({"kind": "drop", "nth": 0}, "never fire"),
        ({"kind": "drop", "times": 0}, "never fire"),
    ],
)
def test_a_fault_that_could_never_fire_is_refused(fault: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Fault(**fault)
    with pytest.raises(ValueError, match=said):
        read_faults(fault)
