"""A turn of the agent, shaped as ADK's events or the second dialect; pure (docs/protocol.md §5)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal

import attrs

from nemovideo.local.agent.turn import Step, ToolUse, Turn
from nemovideo.local.store.text import json_text

Event = Mapping[str, object]
Dialect = Literal["adk", "simple"]
ErrorForm = Literal["bare", "system", "details", "event", "temporary"]

SILENT_ENDINGS = ("end", "no_parts", "empty_text", "no_content", "stop")
"""How a silent edit ends, in the order of rotation (docs/protocol.md §5, rule 4)."""

TEMPORARY_ISSUE = "I encountered a temporary issue. Please try again."

_PIECE_LENGTH = 12


@attrs.frozen
class Emission:
    """One event, and the index of the step that takes effect before it goes out, if any."""

    event: Event
    applies: int | None = None


@attrs.frozen
class Narrator:
    """Shapes the events of one run: `now` gives epoch seconds for their timestamps."""

    now: Callable[[], float]
    invocation_id: str = attrs.field(factory=lambda: f"e-{uuid.uuid4()}")

    def tell(
        self, turn: Turn, *, streaming: bool, silent_ending: str | None = None
    ) -> Iterator[Emission]:
        """Yield the run's events in order; with `silent_ending` no word follows the last edit.

        With `streaming` every complete event is preceded by its partial pieces.
        """
        last_tool = max((i for i, step in enumerate(turn.steps) if step.tool), default=-1)
        if last_tool < 0:
            silent_ending = None
        for index, step in enumerate(turn.steps):
            if step.tool is not None:
                yield from self._use(step.tool, index, _delta(turn, step), streaming)
            if step.text and (silent_ending is None or index < last_tool):
                yield from self._say(step.text, streaming)
        if silent_ending is not None:
            yield from self._fall_silent(silent_ending, streaming)

    def failure(self, form: ErrorForm, kind: str, message: str) -> Iterator[str]:
        """Yield the frames of a failure after the 200, in one of its forms (rule 6).

        "temporary" is no failure: the last words that a client is to ignore
        after a good answer (docs/protocol.md §10).
        """
        details = {"error_type": kind, "error_message": message, "timestamp": self.now()}
        last = {"error": f"{kind}: {message}", "error_details": details}
        match form:
            case "bare":  # old servers did not escape the text, so this may be no JSON
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

    def _use(self, tool: ToolUse, index: int, delta: Event, streaming: bool) -> Iterator[Emission]:
        call_id = f"adk-{uuid.uuid4()}"
        call: list[Event] = [
            {"functionCall": {"id": call_id, "args": tool.args, "name": tool.name}}
        ]
        yield from self._model(call, [call], streaming, longRunningToolIds=[])
        response = {"id": call_id, "name": tool.name, "response": tool.result}
        content = {"parts": [{"functionResponse": response}], "role": "user"}
        yield Emission(self._event({"content": content}, delta=delta), applies=index)

    def _say(self, text: str, streaming: bool) -> Iterator[Emission]:
        yield from self._model([{"text": text}], [[{"text": p}] for p in pieces(text)], streaming)

    def _fall_silent(self, ending: str, streaming: bool) -> Iterator[Emission]:
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
            case _:
                pass

    def _model(
        self, parts: list[Event], partials: Sequence[list[Event]], streaming: bool, **more: object
    ) -> Iterator[Emission]:
        """Yield what the model says: the pieces where asked for, then the whole."""
        event_id = str(uuid.uuid4())
        if streaming:
            for piece in partials:
                fields = {"content": _content(piece), "partial": True}
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


def pieces(text: str) -> list[str]:
    """Cut text into token-like pieces that add up to it again."""
    return [text[at : at + _PIECE_LENGTH] for at in range(0, len(text), _PIECE_LENGTH)]


def frame(event: Event) -> str:
    """Return the event as one frame: raw UTF-8 JSON on one `data:` line."""
    return f"data: {json_text(event)}\n\n"


def frames(event: Event, dialect: Dialect) -> list[str]:
    """Return the event's frames in a dialect; the simple one has no partials and no deltas."""
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
    """Return the state delta of a tool's response: the draft, where the tool changed it."""
    if turn.undone:
        return {"draft": None if turn.timeline is None else turn.timeline.to_draft()}
    return {} if step.timeline is None else {"draft": step.timeline.to_draft()}
