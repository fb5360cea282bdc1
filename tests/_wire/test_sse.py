"""Decode event streams, in any chunking, into events and replies (docs/protocol.md §5)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nemovideo._wire.answer import AnswerBuilder
from nemovideo._wire.sse import Frame, StreamDecoder, read_frame
from nemovideo.errors import MalformedResponseError
from nemovideo.events import (
    AgentEvent,
    ErrorEvent,
    HeartbeatEvent,
    StateDeltaEvent,
    TextEvent,
    ThoughtEvent,
    ToolCallEvent,
    ToolResultEvent,
    UnknownEvent,
)

SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.sse"))


def frames(*chunks: bytes) -> list[Frame]:
    decoder = StreamDecoder()
    return [*(f for chunk in chunks for f in decoder.feed(chunk)), *decoder.finish()]


def events(*chunks: bytes) -> list[AgentEvent]:
    return [event for frame in frames(*chunks) for event in frame.events]


def answer(*chunks: bytes) -> AnswerBuilder:
    builder = AnswerBuilder()
    for frame in frames(*chunks):
        builder.add(frame)
    return builder


def data(*values: object) -> bytes:
    return b"".join(f"data: {json.dumps(v, ensure_ascii=False)}\n\n".encode() for v in values)


def adk(*parts: Mapping[str, object], **more: object) -> dict[str, object]:
    return {"content": {"parts": list(parts), "role": "model"}, "author": "nemo_agent", **more}


EXPECTED = {
    "chinese.stream": ("你好，视频已剪辑完成。🎬 Ünïcödé 𠮷", 0, None),
    "linesep.nostream": (
        (
            "[LF\n][CR\r][CRLF\r\n][VT\v][FF\f][FS\x1c][GS\x1d][RS\x1e][NEL\x85][LS\u2028][PS\u2029]"
            "[NUL\0][DEL\x7f][BOM\ufeff][SP\u3000]"
        ),
        0,
        None,
    ),
    "max_tokens.stream": ("This answer is cut off he", 0, None),
    "raise_midstream.nostream": ("", 0, "model exploded in mid-stream"),
    "silent_edit.nostream": ("", 1, None),
    "silent_edit.stream": ("", 1, None),
    "state_delta.nostream": ("State saved.", 1, None),
    "text.nostream": ("Hello, this is a plain text answer.", 0, None),
    "tokens.stream": ("Hello, world! Done.", 0, None),
    "tool_then_text.nostream": ("I trimmed the intro.", 1, None),
    "tool_then_text.stream": ("I trimmed the intro.", 1, None),
}


def test_every_sample_has_an_expectation() -> None:
    assert {path.stem for path in SAMPLES} == set(EXPECTED)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_recording_gives_the_expected_reply(path: Path) -> None:
    text, calls, failure = EXPECTED[path.stem]
    found = answer(path.read_bytes())
    assert found.text == text
    assert len(found.reply().tool_calls) == calls
    assert (found.failure.message if found.failure else None) == failure


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_chunks_split_at_any_byte_give_the_same_frames(path: Path) -> None:
    whole = path.read_bytes()
    expected = frames(whole)
    for at in range(0, len(whole), 3):
        assert frames(whole[:at], whole[at:]) == expected
    assert frames(*(whole[i : i + 1] for i in range(len(whole)))) == expected


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_the_last_blank_line_may_be_missing(path: Path) -> None:
    assert frames(path.read_bytes().rstrip(b"\n")) == frames(path.read_bytes())


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_only_lf_cr_and_crlf_end_lines(end: bytes) -> None:
    text = "a\u2028b\u2029c\u0085d"
    body = b"data: " + json.dumps({"text": text}, ensure_ascii=False).encode() + end + end
    assert [getattr(e, "text", None) for e in events(body * 2)] == [text, text]


@pytest.mark.parametrize(
    "beat",
    [
        b": ping\n\n",
        b":\n\n",
        b"data:\n\n",
        b"data: heartbeat\n\n",
        b'data: "heartbeat"\n\n',
        b'data: {"type":"heartbeat"}\n\n',
        b"event: ping\ndata:\n\n",
    ],
)
def test_heartbeats_of_every_form_are_recognized(beat: bytes) -> None:
    found = events(beat)
    assert found
    assert all(isinstance(event, HeartbeatEvent) for event in found)


def test_events_of_the_simple_dialect_are_read() -> None:
    found = events(
        data(
            {"type": "text", "content": "I'll generate your video now..."},
            {"type": "tool_call", "name": "cut", "args": {"a_b": 1}},
            {"type": "tool_result", "name": "cut", "result": {"ok": True}},
            {"text": "bare"},
        )
    )
    assert [type(event) for event in found] == [
        TextEvent,
        ToolCallEvent,
        ToolResultEvent,
        TextEvent,
    ]
    assert isinstance(found[1], ToolCallEvent)
    assert found[1].args == {"a_b": 1}


def test_thoughts_are_excluded_from_the_text() -> None:
    body = data(adk({"text": "hmm", "thought": True}, {"text": "Done."}))
    assert [type(event) for event in events(body)] == [ThoughtEvent, TextEvent]
    assert answer(body).text == "Done."


def test_incomplete_tool_calls_in_partial_events_are_ignored() -> None:
    call = {"functionCall": {"id": "1", "name": "cut", "args": {"to": 3}}}
    incomplete = {"functionCall": {"id": "1", "name": "cut", "args": {}}}
    body = data(adk(incomplete, partial=True), adk(call, partial=False))
    assert [event for event in events(body) if isinstance(event, ToolCallEvent)] == [
        ToolCallEvent("cut", {"to": 3}, "1", raw=adk(call, partial=False))
    ]


def test_partial_texts_without_a_complete_text_are_an_incomplete_reply() -> None:
    reply = answer(
        data(adk({"text": "Half "}, partial=True), adk({"text": "an"}, partial=True))
    ).reply()
    assert (reply.raw_text, reply.incomplete) == ("Half an", True)


def test_partial_and_whole_texts_may_differ_in_id() -> None:
    body = data(
        adk({"text": "Hel"}, partial=True, id="1"),
        adk({"text": "lo"}, partial=True, id="2"),
        adk({"text": "Hello"}, id="3"),
    )
    assert answer(body).text == "Hello"


def test_texts_of_several_steps_are_separated_by_a_blank_line() -> None:
    response = {"functionResponse": {"id": "1", "name": "cut", "response": {}}}
    body = data(adk({"text": "First."}), adk(response), adk({"text": "Second."}, author="other"))
    assert answer(body).text == "First.\n\nSecond."


def test_a_state_event_after_the_text_keeps_the_text() -> None:
    late = adk(actions={"stateDelta": {"a": None}})
    body = data(adk({"text": "Done."}), {**late, "content": None})
    assert isinstance(events(body)[-1], StateDeltaEvent)
    assert answer(body).text == "Done."


TOOL_RAN = (
    adk({"functionCall": {"id": "1", "name": "cut", "args": {}}}),
    adk({"functionResponse": {"id": "1", "name": "cut", "response": {"ok": True}}}),
)


@pytest.mark.parametrize(
    "ending",
    [
        (),
        (adk(),),
        (adk({"text": ""}),),
        (adk(errorCode="MODEL_RETURNED_NO_CONTENT", errorMessage="nothing"),),
        (adk(errorCode="STOP"),),
        ({"author": "nemo_agent", "errorCode": "STOP", "content": None},),
    ],
)
def test_a_silent_edit_of_any_form_is_not_a_failure(ending: tuple[dict[str, object], ...]) -> None:
    found = answer(data(*TOOL_RAN, *ending))
    assert found.failure is None
    assert found.reply().silent


def test_an_error_code_with_a_text_is_a_warning() -> None:
    found = answer(data(adk({"text": "Cut off he"}, errorCode="MAX_TOKENS")))
    assert found.failure is None
    assert found.reply().warnings == ("MAX_TOKENS",)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'data: {"error": "Boom"}\n\n', "Boom"),
        (b'data: {"error": "He said "no" twice"}\n\n', 'He said "no" twice'),
        (b'data: {"error": "line one\ndata: line two"}\n\n', "line one\nline two"),
        (b'data: {"error": "line one\n\nline two"}\n\n', "line one"),
        (data(adk({"text": "Error: Boom"}, author="system")), "Boom"),
        (data({"error": "E: Boom", "error_details": {"error_type": "E"}}), "E: Boom"),
        (
            data({"author": "a", "errorCode": "E", "errorMessage": "Boom"}, {"error": "E: Boom"}),
            "Boom",
        ),
        (b'data: {"error": "cut in the mid', "cut in the mid"),
    ],
)
def test_a_failure_of_every_form_is_reported_once(body: bytes, message: str) -> None:
    found = answer(data(*TOOL_RAN) + body)
    assert found.failure is not None
    assert found.failure.message == message


def test_a_final_temporary_issue_is_dropped_after_a_good_text() -> None:
    issue = adk({"text": "I encountered a temporary issue. Please try again."})
    assert answer(data(adk({"text": "Done."}), issue)).text == "Done."
    assert answer(data(issue)).text.startswith("I encountered")


def test_any_number_of_final_temporary_issues_is_dropped() -> None:
    text = "Done!" + "\n\nI encountered a temporary issue." * 100_000
    assert answer(data(adk({"text": text}))).text == "Done!"


def test_a_temporary_issue_within_a_text_is_kept() -> None:
    said = "Done.\n\nThe title reads: I encountered a temporary issue with my cat."
    assert answer(data(adk({"text": said}))).text == said
    ending = "Done.\n\nSorry, I've encountered a temporary issue. Please try again."
    assert answer(data(adk({"text": ending}))).text == "Done."
    assert (
        answer(data(adk({"text": "好了"}), adk({"text": "抱歉，我遇到了一个临时问题。"}))).text
        == "好了"
    )


TRUNCATED: dict[str, object] = {"author": "nemo_agent", "errorCode": "MAX_TOKENS"}


def test_truncation_after_a_text_is_a_warning() -> None:
    whole = answer(data(adk({"text": "All I"}, partial=True), adk({"text": "All I"}), TRUNCATED))
    assert (whole.failure, whole.text) == (None, "All I")
    assert whole.reply().warnings == ("MAX_TOKENS",)
    partial = answer(data(adk({"text": "All I"}, partial=True), TRUNCATED))
    assert (partial.failure, partial.text, partial.reply().incomplete) == (None, "All I", True)


def test_truncation_before_any_text_is_a_failure() -> None:
    assert answer(data(TRUNCATED)).failure is not None
    assert answer(data(adk({"text": "Wait."}), *TOOL_RAN, TRUNCATED)).failure is not None


def test_an_error_is_a_warning_once_the_model_continues() -> None:
    bad_call = {"author": "nemo_agent", "errorCode": "MALFORMED_FUNCTION_CALL"}
    for rest in ([adk({"text": "Done."})], list(TOOL_RAN)):
        found = answer(data(bad_call, *rest))
        assert found.failure is None
        assert found.reply().warnings == ("MALFORMED_FUNCTION_CALL",)


def test_a_failure_after_the_final_text_keeps_the_text() -> None:
    found = answer(data(adk({"text": "Done."}), {"error": "E: late", "error_details": {}}))
    assert found.failure is not None
    assert found.text == "Done."


def test_texts_of_concurrent_agents_stay_separate() -> None:
    def said(who: str, text: str, *, partial: bool = False) -> dict[str, object]:
        return {**adk({"text": text}, partial=partial), "author": who}

    partial = [said(who, f"{who}{n} ", partial=True) for n in (1, 2) for who in "ab"]
    assert answer(data(*partial)).text == "a1 a2 \n\nb1 b2 "
    assert answer(data(*partial, said("b", "B"), said("a", "A"))).text == "A\n\nB"
    assert answer(data(*partial, said("b", "B"))).reply().incomplete


def test_partial_texts_before_a_tool_call_are_kept() -> None:
    call = adk({"functionCall": {"id": "1", "name": "cut", "args": {}}}, partial=False)
    body = data(adk({"text": "Let me "}, partial=True), adk({"text": "see."}, partial=True), call)
    found = answer(body + data(TOOL_RAN[1], adk({"text": "Done."})))
    assert found.text == "Let me see.\n\nDone."
    assert not found.reply().incomplete


def test_a_whole_text_after_its_tool_result_is_not_repeated() -> None:
    # google-adk 1.0 runs a tool as soon as a partial event calls it.
    body = data(adk({"text": "On it."}, partial=True), TOOL_RAN[1], adk({"text": "On it."}))
    assert answer(body + data(adk({"text": "Done."}))).text == "On it.\n\nDone."


def test_a_reply_is_silent_without_text_after_the_last_tool() -> None:
    assert answer(data(*TOOL_RAN)).ended_without_text
    assert answer(data(adk({"text": "On it."}), *TOOL_RAN)).ended_without_text
    assert not answer(data(*TOOL_RAN, adk({"text": "Done."}))).ended_without_text


@pytest.mark.parametrize("code", ["STOP", "MODEL_RETURNED_NO_CONTENT", "MAX_TOKENS"])
def test_a_truncated_event_is_not_a_failure(code: str) -> None:
    last = data({"errorCode": code, "author": "nemo_agent", "errorMessage": "none"})
    for end in range(len(last) - 3):
        assert answer(data(*TOOL_RAN) + last[:end]).failure is None


def test_unknown_and_invalid_frames_become_unknown_events() -> None:
    body = data({"new": 1}, [1], adk({"inlineData": {"data": "x"}})) + b"data: {oops\n\n"
    found = events(body + data({"text": "on"}))
    assert [type(event) for event in found] == [*[UnknownEvent] * 4, TextEvent]


def test_events_keep_the_raw_json() -> None:
    value = adk({"text": "x"}, usageMetadata={"n": 1}, longRunningToolIds=["a"])
    assert events(data(value))[0].raw == value


def test_deeply_nested_json_is_an_unknown_event() -> None:
    frame = read_frame("[" * 100_000)
    assert isinstance(frame.events[0], UnknownEvent)


def test_a_number_beyond_json_keeps_the_text() -> None:
    for number in ("NaN", "-Infinity", "1e999"):
        (event,) = read_frame(f'{{"type":"text","content":"Hi","avgLogprobs":{number}}}').events
        assert isinstance(event, TextEvent)
        assert event.text == "Hi"
        assert event.raw == {"type": "text", "content": "Hi", "avgLogprobs": None}


def test_a_large_event_in_small_chunks_is_decoded() -> None:
    body = data({"text": "中" * 700_000})
    found = events(*(body[i : i + 100] for i in range(0, len(body), 100)))
    assert [len(event.text) for event in found if isinstance(event, TextEvent)] == [700_000]


def test_a_reply_without_end_is_refused() -> None:
    partial = data(adk({"text": "x" * 1024**2}, partial=True))
    with pytest.raises(MalformedResponseError, match="reply is over 64 MiB"):
        frames(*[partial] * 65)


def test_an_event_of_endless_empty_lines_is_refused() -> None:
    with pytest.raises(MalformedResponseError, match="event of the agent's stream is over"):
        frames(*[b"data\n" * 100_000] * 20)


@given(st.lists(st.binary(max_size=40) | st.sampled_from([b"data: ", b"\n\n", b'{"error"', b"\r"])))
def test_any_bytes_in_any_chunking_decode_without_an_exception(chunks: list[bytes]) -> None:
    assume(b"<" not in b"".join(chunks))  # an HTML page raises an error
    assert frames(*chunks) == frames(b"".join(chunks))


KEYS = (
    *("content", "parts", "text", "error", "type", "actions", "stateDelta", "functionCall"),
    *("errorCode", "author", "partial", "name", "args", "error_details"),
)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6)
        ),
        max_leaves=20,
    )
)
@settings(max_examples=30)
def test_any_json_decodes_without_an_exception(value: object) -> None:
    builder = answer(data(value))
    assert isinstance(builder.text, str)
    assert builder.failure is None or isinstance(builder.failure, ErrorEvent)


def test_the_agents_question_is_part_of_the_text() -> None:
    call = {"functionCall": {"id": "1", "name": "ask_question", "args": {"question": "Which one?"}}}
    done = {"functionResponse": {"id": "1", "name": "ask_question", "response": {}}}
    builder = answer(data(adk({"text": "I need to know."}), adk(call), adk(done)))
    assert builder.text == "I need to know.\n\nWhich one?"
    assert not builder.ended_without_text


def _tool(name: str, response: Mapping[str, object]) -> dict[str, object]:
    return adk({"functionResponse": {"id": "1", "name": name, "response": response}})


@pytest.mark.parametrize(
    ("response", "warning"),
    [
        ({"status": "error", "message": "No font."}, "No font."),
        ({"status": "FAILED", "error": {"code": 3}}, "the agent's tool 'add_title' failed"),
        ({"success": False, "error": "No font."}, "No font."),
        ({"error": "No font."}, "No font."),
        ({"isError": True, "detail": "No font."}, "No font."),
    ],
)
def test_a_tool_that_failed_is_a_warning(response: Mapping[str, object], warning: str) -> None:
    builder = answer(data(_tool("add_title", response), adk({"text": "Done."})))
    assert builder.reply().warnings == (warning,)
    assert builder.failure is None


@pytest.mark.parametrize(
    "response", [{}, {"status": "success", "message": "Added."}, {"error": None}, {"success": True}]
)
def test_a_tool_that_succeeded_is_not_a_warning(response: Mapping[str, object]) -> None:
    assert not answer(data(_tool("add_title", response), adk({"text": "Done."}))).reply().warnings


def test_a_successful_retry_of_a_tool_clears_its_failure_unless_text_came_between() -> None:
    failed, worked = _tool("add", {"error": "busy"}), _tool("add", {"status": "success"})
    assert not answer(data(failed, worked, adk({"text": "Done."}))).reply().warnings
    builder = answer(data(failed, adk({"text": "I can't."}), worked, adk({"text": "Done."})))
    assert builder.reply().warnings == ("busy",)
