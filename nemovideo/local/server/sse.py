"""The events of a turn, in ADK's form or the simple dialect (docs/protocol.md §5). No I/O."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal

import attrs

from nemovideo.local.agent.turn import ASK, Step, ToolUse, Turn
from nemovideo.local.store.text import json_text

Event = Mapping[str, object]
Dialect = Literal["adk", "simple"]
ErrorForm = Literal["bare", "system", "details", "event", "temporary"]

SILENT_ENDINGS = ("end", "no_parts", "empty_text", "no_content", "stop")
"""The endings of silent edits, in order of rotation (docs/protocol.md §5, rule 4)."""

TEMPORARY_ISSUE = "I encountered a temporary issue. Please try again."

_CHUNK_CHARS = 12
_MAX_CHUNKS = 1000


@attrs.frozen
class Emission:
    """An event, and the index of the step to apply before it is sent, if any."""

    event: Event
    applies: int | None = None


@attrs.frozen
class EventBuilder:
    """Builds the events of one run; `now` returns epoch seconds for timestamps."""

    now: Callable[[], float]
    invocation_id: str = attrs.field(factory=lambda: f"e-{uuid.uuid4()}")

    def of(
        self, turn: Turn, *, streaming: bool, silent_ending: str | None = None
    ) -> Iterator[Emission]:
        """Yield the events of a turn.

        With `silent_ending`, no text follows the last edit. With `streaming`, partial events
        precede every complete one.
        """
        last_tool = max((i for i, step in enumerate(turn.steps) if step.tool), default=-1)
        if last_tool < 0:
            silent_ending = None
        for index, step in enumerate(turn.steps):
            if step.tool is not None:
                yield from self._tool(turn, index, step.tool, streaming)
            asked = step.tool is not None and step.tool.name == ASK  # its text is in the call
            if step.text and not asked and (silent_ending is None or index < last_tool):
                partials: list[list[Event]] = [[{"text": part}] for part in chunks(step.text)]
                yield from self._model([{"text": step.text}], partials, streaming)
        if silent_ending is not None:
            yield from self._silence(silent_ending, streaming)

    def failure(self, form: ErrorForm, kind: str, message: str) -> Iterator[str]:
        """Yield the frames of a failure of the run, in one of its forms (rule 6).

        "temporary" is not a failure, but text after a successful answer, which clients must ignore
        (docs/protocol.md §10).
        """
        details = {"error_type": kind, "error_message": message, "timestamp": self.now()}
        last = {"error": f"{kind}: {message}", "error_details": details}
        match form:
            case "bare":  # old servers do not escape the text, so this may not be JSON
                yield f'data: {{"error": "{message}"}}\n\n'
            case "system":
                event = self._event({"content": _content([{"text": f"Error: {message}"}])})
                yield frame({**event, "author": "system"})
            case "details":
                yield frame(last)
            case "event":
                yield frame(self._event({"errorCode": kind, "errorMessage": message}))
                yield frame(last)
            case "temporary":
                yield frame(self._event({"content": _content([{"text": TEMPORARY_ISSUE}])}))

    def _tool(self, turn: Turn, index: int, tool: ToolUse, streaming: bool) -> Iterator[Emission]:
        call_id = f"adk-{uuid.uuid4()}"
        call: list[Event] = [
            {"functionCall": {"id": call_id, "args": tool.args, "name": tool.name}}
        ]
        yield from self._model(call, [call], streaming, longRunningToolIds=[])
        response = {"id": call_id, "name": tool.name, "response": tool.result}
        content = {"parts": [{"functionResponse": response}], "role": "user"}
        yield Emission(
            self._event({"content": content}, delta=_delta(turn, turn.steps[index])), applies=index
        )

    def _silence(self, ending: str, streaming: bool) -> Iterator[Emission]:
        match ending:
            case "no_parts":
                yield from self._model([], [[]], streaming)
            case "empty_text":
                yield from self._model([{"text": ""}], [[{"text": ""}]], streaming)
            case "no_content":
                message = "The model returned no content (finish_reason=STOP with empty parts)."
                error = {"errorCode": "MODEL_RETURNED_NO_CONTENT", "errorMessage": message}
                yield from self._model([], [], streaming, **error)
            case "stop":
                yield Emission(self._event({"errorCode": "STOP", "finishReason": "STOP"}))

    def _model(
        self, parts: list[Event], partials: Sequence[list[Event]], streaming: bool, **more: object
    ) -> Iterator[Emission]:
        """Yield the partial events, if streaming, then the complete one."""
        event_id = str(uuid.uuid4())
        if streaming:
            for partial in partials:
                fields = {"content": _content(partial), "partial": True}
                yield Emission(self._event(fields, event_id))
            more["partial"] = False
        fields = {"content": _content(parts), "finishReason": "STOP", **more}
        yield Emission(self._event(fields, event_id))

    def _event(
        self, fields: Event, event_id: str | None = None, delta: Event | None = None
    ) -> Event:
        return {
            **fields,
            "invocationId": self.invocation_id,
            "author": "nemo_agent",
            "actions": {
                "stateDelta": delta or {},
                "artifactDelta": {},
                "requestedAuthConfigs": {},
                "requestedToolConfirmations": {},
            },
            "id": event_id or str(uuid.uuid4()),
            "timestamp": self.now(),
        }


def chunks(text: str) -> list[str]:
    """Split text into token-sized chunks; a long text into larger ones."""
    size = max(_CHUNK_CHARS, math.ceil(len(text) / _MAX_CHUNKS))
    return [text[at : at + size] for at in range(0, len(text), size)]


def frame(event: Event) -> str:
    """Return an event as a frame: raw UTF-8 JSON on one `data:` line."""
    return f"data: {json_text(event)}\n\n"


def frames(event: Event, dialect: Dialect) -> list[str]:
    """Return the frames of an event; the simple dialect has no partial events and no deltas."""
    if dialect == "adk":
        return [frame(event)]
    content = event.get("content")
    if event.get("partial") is True or not isinstance(content, Mapping):
        return []
    return [frame(_simple(part)) for part in content["parts"]]


def _simple(part: Mapping[str, Mapping[str, object]]) -> Event:
    if call := part.get("functionCall"):
        return {"type": "tool_call", "name": call["name"], "args": call["args"]}
    if response := part.get("functionResponse"):
        return {"type": "tool_result", "name": response["name"], "result": response["response"]}
    return {"type": "text", "content": part["text"]}


def _content(parts: list[Event]) -> Event:
    return {"parts": parts, "role": "model"}


def _delta(turn: Turn, step: Step) -> Event:
    """Return the state delta of a tool's response: the draft, if the tool changed it."""
    if turn.undone:
        return {"draft": None if turn.timeline is None else turn.timeline.to_draft()}
    return {} if step.timeline is None else {"draft": step.timeline.to_draft()}
