"""The agent's stream over HTTP, and the state after a run."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import attrs
import pytest

from nemovideo.local import Fault
from nemovideo.local.agent.turn import Step, Turn
from nemovideo.local.server.sse import SILENT_ENDINGS, Dialect, Event, chunks, frames
from nemovideo.local.timeline import Timeline, Title
from tests.support.app import Api, complete_text, respond, run_body, serving


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """A backend for independent sessions."""
    with serving() as api:
        yield api


def parts(event: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = event.get("content", {}).get("parts", [])
    return found


def test_text_is_one_event_in_adks_form(api: Api) -> None:
    (event,) = api.events(api.session(), "你好，世界\u2028!")
    assert parts(event) == [{"text": "You said: 你好，世界\u2028!"}]
    assert event["author"] == "nemo_agent"
    assert event["actions"]["stateDelta"] == {}
    assert {"id", "invocationId", "timestamp"} <= event.keys()
    assert "partial" not in event


def test_text_is_raw_utf8_on_one_line(api: Api) -> None:
    body = api.run(api.session(), "说\n话").content
    assert "说".encode() in body
    assert body.count(b"\n") == 2


def test_an_edit_is_a_function_call_a_response_and_text(api: Api) -> None:
    session_id = api.session()
    call, response, text = api.events(session_id, "edit Hello")
    function_call = parts(call)[0]["functionCall"]
    function_response = parts(response)[0]["functionResponse"]
    assert function_call["args"] == {"text": "Hello"}
    assert function_call["id"] == function_response["id"]
    assert function_response["response"] == {"status": "success"}
    assert parts(text) == [{"text": "Done! The title is there."}]
    assert response["actions"]["stateDelta"]["draft"] == api.draft(session_id)
    assert api.titles(session_id) == ["Hello"]


def test_with_streaming_partial_events_precede_the_complete_one(api: Api) -> None:
    events = api.events(api.session(), "edit Hello", streaming=True)
    complete = [event for event in events if event.get("partial") is not True]
    partial_text = "".join(
        part.get("text", "") for event in events if event.get("partial") for part in parts(event)
    )
    assert partial_text == complete_text(complete) == "Done! The title is there."
    calls = [event["partial"] for event in events if "functionCall" in str(event)]
    assert calls == [True, False]


def test_chunks_add_up_to_the_text() -> None:
    text = "One two three 四五六七八九十 and much more than one chunk"
    assert "".join(chunks(text)) == text
    assert len(chunks(text)) > 2


def test_silent_edits_rotate_through_the_known_endings(api: Api) -> None:
    session_id = api.session()
    last = []
    for number in range(2 * len(SILENT_ENDINGS)):
        events = api.events(session_id, f"quietly {number}")
        assert complete_text(events) == ""
        end = events[-1]
        content = end.get("content", {})
        last.append((end.get("errorCode"), len(content.get("parts", [])), content.get("role")))
    one_round = [
        (None, 1, "user"),
        (None, 0, "model"),
        (None, 1, "model"),
        ("MODEL_RETURNED_NO_CONTENT", 0, "model"),
        ("STOP", 0, None),
    ]
    assert last == one_round * 2
    assert len(api.titles(session_id)) == 10


def test_two_steps_of_one_turn_are_one_version_and_one_charge(api: Api) -> None:
    session_id = api.session()
    before = api.balance()[0]
    events = api.events(session_id, "generate Stars")
    deltas = [event["actions"]["stateDelta"] for event in events]
    drafts = [delta["draft"] for delta in deltas if delta]
    assert [draft["m"]["title"] for draft in drafts] == ["project", "with music"]
    assert before - api.balance()[0] == 2
    api.events(session_id, "undo")
    assert api.draft(session_id) is None


def test_undo_goes_back_one_version_at_a_time(api: Api) -> None:
    session_id = api.session()
    for name in ("one", "two", "three"):
        api.events(session_id, f"edit {name}")
    _, response, _ = api.events(session_id, "undo")
    assert api.titles(session_id) == ["one", "two"]
    assert response["actions"]["stateDelta"]["draft"] == api.draft(session_id)
    api.events(session_id, "undo")
    assert api.titles(session_id) == ["one"]
    api.events(session_id, "edit four")
    assert api.titles(session_id) == ["one", "four"]


def test_an_unknown_session_is_reported_before_the_stream(api: Api) -> None:
    response = api.run("5529798706024415232", "hello")
    assert (response.status_code, response.json()["code"]) == (404, 1002)


@pytest.mark.parametrize(
    ("change", "kind", "loc"),
    [
        ({"session_id": None}, "missing", ["body", "session_id"]),
        ({"user_id": 5}, "str_type", ["body", "user_id"]),
        ({"new_message": None}, "missing", ["body", "new_message"]),
        ({"new_message": "text"}, "dict_type", ["body", "new_message"]),
        ({"new_message": {"role": "user"}}, "list_type", ["body", "new_message", "parts"]),
        (
            {"new_message": {"parts": [{"text": "  "}]}},
            "value_error",
            ["body", "new_message", "parts"],
        ),
    ],
)
def test_an_invalid_body_is_rejected_as_by_fastapi(
    api: Api, change: dict[str, Any], kind: str, loc: list[str]
) -> None:
    response = api.ask("POST", "/run_sse", json={**run_body("1", "hi"), **change})
    assert response.status_code == 422
    (problem,) = response.json()["detail"]
    assert (problem["type"], problem["loc"]) == (kind, loc)
    assert {"msg", "input"} <= problem.keys()


@pytest.mark.parametrize("value", [["x"] * 100_000, {"x": "x" * 100_000}, "x" * 100_000])
def test_the_response_to_an_invalid_body_does_not_repeat_it(api: Api, value: object) -> None:
    for change in ({"session_id": None, "extra": value}, {"new_message": {"parts": value}}):
        response = api.ask("POST", "/run_sse", json={**run_body("1", "hi"), **change})
        assert (response.status_code, len(response.content) < 1000) == (422, True)


def test_a_body_that_is_not_json_is_unprocessable(api: Api) -> None:
    response = api.ask("POST", "/run_sse", content=b'{"app_name"')
    assert (response.status_code, response.json()["detail"][0]["type"]) == (422, "json_invalid")


def test_a_body_over_a_megabyte_is_too_large(api: Api) -> None:
    assert api.run(api.session(), "x" * 1024 * 1024).status_code == 413


def test_a_disconnect_before_the_edit_changes_and_costs_nothing() -> None:
    with serving(faults=[Fault(kind="drop", path="/run_sse", after_bytes=10)]) as api:
        session_id = api.session()
        with pytest.raises(Exception, match="incomplete chunked read"):
            api.run(session_id, "edit Hello")
        assert api.draft(session_id) is None
        assert api.balance() == (100, 0, 100)


def test_a_disconnect_after_the_edit_keeps_it_and_its_charge() -> None:
    with serving() as api:
        whole = api.run(api.session(), "edit Hello").content
        cut = whole.index(b"functionResponse")
        api.backend.faults.add(Fault(kind="drop", path="/run_sse", after_bytes=cut))
        session_id = api.session()
        with pytest.raises(Exception, match="incomplete chunked read"):
            api.run(session_id, "edit Hello")
        assert api.titles(session_id) == ["Hello"]
        assert api.balance() == (98, 0, 98)


def test_concurrent_runs_in_a_session_do_not_lose_edits(api: Api) -> None:
    session_id = api.session()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: api.events(session_id, f"edit {n}"), range(8)))
    assert sorted(api.titles(session_id)) == [str(n) for n in range(8)]


def test_undo_stops_at_the_oldest_version_that_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    histories: list[list[Timeline | None]] = []

    def recorded(text: str, *, history: Sequence[Timeline | None], **now: Any) -> Turn:
        histories.append(list(history))
        return respond(text, history=history, **now)

    monkeypatch.setattr("nemovideo.local.store.projects._VERSIONS_KEPT", 2)
    with serving(respond=recorded) as api:
        session_id = api.session()
        for text in ("edit 0", "edit 1", "edit 2", "edit 3", "undo", "hello"):
            api.events(session_id, text)
        assert api.titles(session_id) == ["0", "1", "2"]
    lengths = [[v and len(v.titles) for v in history] for history in histories]
    assert lengths == [[], [None], [None, 1], [2], [3], []]


def test_a_large_draft_is_streamed_and_saved_in_full(api: Api) -> None:
    session_id = api.session()
    words = "很长" * 150_000
    events = api.events(session_id, f"edit {words}")
    assert words in json.dumps(events[1], ensure_ascii=False)
    assert api.titles(session_id) == [words]


def test_a_draft_is_serialized_outside_the_event_loop(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_thread: dict[str, list[str]] = {}

    def recorded(event: Event, dialect: Dialect) -> list[str]:
        texts = frames(event, dialect)
        by_thread.setdefault(threading.current_thread().name, []).extend(texts)
        return texts

    monkeypatch.setattr("nemovideo.local.server.runs.frames", recorded)
    api.events(api.session(), "edit Hello")
    in_loop = "".join(by_thread.pop("nemovideo-local"))
    (apart,) = by_thread.values()
    assert '"draft"' in "".join(apart)
    assert '"draft"' not in in_loop


def test_other_requests_are_answered_between_the_events_of_a_run(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []

    def recorded(event: Event, dialect: Dialect) -> list[str]:
        order.append("event")
        asyncio.get_running_loop().call_soon(order.append, "other")
        return frames(event, dialect)

    monkeypatch.setattr("nemovideo.local.server.runs.frames", recorded)
    api.events(api.session(), "hello", streaming=True)
    assert order[:6] == ["event", "other"] * 3


def test_a_draft_that_cannot_be_parsed_back_is_not_saved() -> None:
    def endless(text: str, **now: Any) -> Turn:
        turn = respond(text, **now)
        if text == "edit well":
            return turn
        return attrs.evolve(
            turn, steps=(Step(None, "Done.", Timeline(titles=(Title("x", 10**12),))),)
        )

    with serving(respond=endless) as api:
        session_id = api.session()
        assert "in the draft" in str(api.events(session_id, "edit badly"))
        assert api.draft(session_id) is None
        api.run(session_id, "edit well")
        assert api.titles(session_id) == ["well"]
