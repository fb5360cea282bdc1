"""Decode the agent's event stream into frames, without I/O and for any chunking.

The rules are those of docs/protocol.md §5 and of the HTML standard ("Server-sent events"); of its
fields, only `data` is used. `read_frame` interprets a frame.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from typing import TypeVar

import attrs

from nemovideo._support.json_text import json_text, read_event_json
from nemovideo._wire.envelopes import looks_like_html
from nemovideo._wire.pages import PAGE_REMEDY
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

ToolEvent = TypeVar("ToolEvent", ToolCallEvent, ToolResultEvent)

_FIELDS = (b"data", b"event", b"id", b"retry")
# Compiled by `re` on first use: only for invalid frames and CR line endings.
_LINE_END = rb"\r\n|\n|\r"
_ERROR_START = r"""\s*\{\s*"error(?:_?message|_?code)?"\s*:|\s*error\b"""
_ERROR_FRAME = r"""\s*\{\s*"error"\s*:\s*"?"""
"""The start of an error frame, whose message old servers do not escape."""


@attrs.frozen
class Frame:
    """One frame of the stream.

    Attributes:
        events: The events, in order.
        text: The part of the reply's text in it.
        partial: Whether the text is partial; a complete one may follow.
        author: The name of the agent, or "".
        failure: Whether it reports that the run has failed.
        turn_complete: Whether it ends the turn; some servers leave the connection open.
    """

    events: tuple[AgentEvent, ...]
    text: str = ""
    partial: bool = False
    author: str = ""
    failure: bool = False
    turn_complete: bool = False

    @property
    def heartbeat(self) -> bool:
        """Whether it is only a heartbeat."""
        return len(self.events) == 1 and isinstance(self.events[0], HeartbeatEvent)

    @property
    def is_kept(self) -> bool:
        """Whether a reply keeps some of it."""
        kinds = (ToolCallEvent, ToolResultEvent, ErrorEvent)
        return bool(self.text) or any(isinstance(event, kinds) for event in self.events)


MAX_EVENT_BYTES = 64 * 1024 * 1024
"""The limit for one event, decompressed; real events are a few megabytes at most.

It is also the limit for all events of a stream that become part of its reply.
"""

_OBJECT_BYTES = 50
"""The memory of a chunk or a line, in addition to its content."""


class LineSplitter:
    """Splits chunks of bytes into lines, in linear time.

    Attributes:
        buffered_bytes: The memory of the buffered chunks of an unfinished line, in bytes.
    """

    def __init__(self) -> None:
        self._buffer: list[bytes] = []
        self._after_cr = False
        self.buffered_bytes = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """Add a chunk; return the lines that end in it."""
        if self._after_cr and chunk:
            self._after_cr = False
            if chunk.startswith(b"\n"):  # the second half of a CRLF
                chunk = chunk[1:]
        if not chunk:
            return []
        self._after_cr = chunk.endswith(b"\r")
        lines = chunk.split(b"\n") if b"\r" not in chunk else re.split(_LINE_END, chunk)
        if len(lines) == 1:
            self._buffer.append(chunk)
            self.buffered_bytes += len(chunk) + _OBJECT_BYTES
            return []
        if self._buffer:
            lines[0] = b"".join((*self._buffer, lines[0]))
        rest = lines.pop()
        self._buffer = [rest] if rest else []
        self.buffered_bytes = len(rest)
        return lines

    def flush(self) -> bytes:
        """Return the unfinished last line, which may be empty."""
        rest, self._buffer = b"".join(self._buffer), []
        return rest


class StreamDecoder:
    """Decodes chunks of bytes into frames."""

    def __init__(self) -> None:
        self._lines = LineSplitter()
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._kept_bytes = 0
        self._in_event = False
        self._first = True

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        """Add a chunk; yield the frames that end in it.

        Raises:
            MalformedResponseError: An event or the reply is too large, or this is a web page.
        """
        for line in self._lines.feed(chunk):
            if (data := self._take(line)) is not None:
                frame = read_frame(data)
                if frame.is_kept:
                    self._kept_bytes += len(data)
                    _check_size("the agent's reply", self._kept_bytes)
                yield frame
        _check_size(_EVENT, self._lines.buffered_bytes + self._data_bytes)

    def finish(self) -> Iterator[Frame]:
        """Yield the last frame if it lacks only its blank line: complete JSON, or an error.

        Any other event is truncated, and dropped. One that starts with `errorCode` need not be a
        failure: the last event of a silent edit does, too.
        """
        for line in (self._lines.flush(), b""):
            data = self._take(line)
            if data and (_parse(data) is not _INVALID or re.match(_ERROR_FRAME, data)):
                yield read_frame(data)

    def _take(self, line: bytes) -> str | None:
        if self._first:
            line = line.removeprefix(codecs.BOM_UTF8)
            self._first = not line  # blank lines may come before a page
            if looks_like_html(line):
                raise MalformedResponseError(
                    "the agent's stream is a web page", remedy=PAGE_REMEDY, may_have_spent=True
                )
        if not line:
            return self._frame() if self._in_event else None
        if line.startswith(b":"):
            return ""  # a comment is a heartbeat
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))
            self._data_bytes += len(value) + _OBJECT_BYTES
            _check_size(_EVENT, self._data_bytes)
        self._in_event = self._in_event or name in _FIELDS
        return None

    def _frame(self) -> str:
        data = b"\n".join(self._data).decode("utf-8", "replace")
        self._data, self._data_bytes, self._in_event = [], 0, False
        return data


_EVENT = "an event of the agent's stream"


def _check_size(what: str, size: int) -> None:
    if size > MAX_EVENT_BYTES:
        raise MalformedResponseError(
            f"{what} is over {MAX_EVENT_BYTES // 1024**2} MiB", may_have_spent=True
        )


_INVALID = object()
"""The result for invalid JSON."""


def _parse(data: str) -> object:
    try:
        return read_event_json(data)
    except ValueError:
        return _INVALID


def read_frame(data: str) -> Frame:
    """Interpret the data of one frame; never raises."""
    if not data or data.isspace():
        return Frame((HeartbeatEvent(),))
    value = _parse(data)
    if value is _INVALID:
        return _read_invalid(data)
    if isinstance(value, dict):
        return _read_object(value)
    if value == "heartbeat":
        return Frame((HeartbeatEvent(raw=value),))
    return Frame((UnknownEvent(value, raw=value),))


def _read_invalid(data: str) -> Frame:
    if data.strip().lower() in ("heartbeat", "ping"):
        return Frame((HeartbeatEvent(raw=data),))
    if re.match(_ERROR_START, data, re.IGNORECASE):
        message = re.sub(_ERROR_FRAME, "", data, count=1).rstrip().removesuffix("}").rstrip()
        message = message.removesuffix('"')
        return Frame((ErrorEvent(None, message, raw=data),), failure=True)
    return Frame((UnknownEvent(data, raw=data),))


def _read_object(value: dict[str, object]) -> Frame:
    kind = value.get("type")
    if isinstance(kind, str) and (frame := _read_simple(kind, value)) is not None:
        return frame
    if not _ADK_KEYS.isdisjoint(value):
        return _read_adk(value)
    if value.get("error") is not None:
        return _read_error(value)
    if isinstance(text := value.get("text"), str):
        return Frame((TextEvent(text, raw=value),), text)
    return Frame((UnknownEvent(value, raw=value),))


_ADK_KEYS = frozenset(
    ("content", "author", "invocationId", "actions", "errorCode", "errorMessage", "partial")
)


def _read_simple(kind: str, value: dict[str, object]) -> Frame | None:
    """Read a frame of the second dialect; None if it is not one."""
    match kind:
        case "heartbeat" | "ping":
            return Frame((HeartbeatEvent(raw=value),))
        case "text" if isinstance(text := value.get("content", value.get("text")), str):
            partial = value.get("partial") is True
            return Frame((TextEvent(text, partial, raw=value),), text, partial)
        case "tool_call":
            return Frame((_tool_event(ToolCallEvent, value, "args", value),))
        case "tool_result":
            return Frame((_tool_event(ToolResultEvent, value, "result", value),))
        case "error":
            return _read_error(value)
    return None


def _read_error(value: dict[str, object]) -> Frame:
    """Read an error frame: `{"error": …}`, with or without `error_details`."""
    error = value.get("error", value.get("message", value.get("content")))
    details = value.get("error_details")
    code = details.get("error_type") if isinstance(details, dict) else value.get("code")
    if isinstance(error, dict):
        code = error.get("code", code)
        error = error.get("message", error)
    message = error if isinstance(error, str) else json_text(error)
    event = ErrorEvent(None if code is None else str(code), message, raw=value)
    return Frame((event,), failure=True)


def _read_adk(value: dict[str, object]) -> Frame:
    partial = value.get("partial") is True
    author = _text(value.get("author"))
    content = value.get("content")
    parts = content.get("parts") if isinstance(content, dict) else None
    events: list[AgentEvent] = []
    texts: list[str] = []
    failure = False
    for part in parts if isinstance(parts, list) else ():
        if not isinstance(part, dict):
            events.append(UnknownEvent(part, raw=value))
            continue
        text = part.get("text")
        if isinstance(text, str):
            if part.get("thought") is True:
                events.append(ThoughtEvent(text, partial, raw=value))
            elif author == "system" and text.startswith("Error:"):
                events.append(ErrorEvent(None, text.removeprefix("Error:").strip(), raw=value))
                failure = True
            elif text:
                events.append(TextEvent(text, partial, raw=value))
                texts.append(text)
        if (event := _read_function(part, value)) is not None:
            # Partial frames carry calls with incomplete arguments: skip those.
            if not partial:
                events.append(event)
        elif not isinstance(text, str):
            events.append(UnknownEvent(part, raw=value))
    actions = value.get("actions")
    delta = actions.get("stateDelta") if isinstance(actions, dict) else None
    if isinstance(delta, dict) and delta:
        events.append(StateDeltaEvent(delta, raw=value))
    code, message = value.get("errorCode"), value.get("errorMessage")
    if code or message:
        events.append(ErrorEvent(str(code) if code else None, _text(message), raw=value))
    if not events and not partial:
        events.append(UnknownEvent(value, raw=value))
    complete = value.get("turnComplete") is True and not partial
    return Frame(tuple(events), "".join(texts), partial, author, failure, complete)


def _read_function(
    part: Mapping[str, object], value: Mapping[str, object]
) -> ToolCallEvent | ToolResultEvent | None:
    if isinstance(call := part.get("functionCall"), dict):
        return _tool_event(ToolCallEvent, call, "args", value)
    if isinstance(response := part.get("functionResponse"), dict):
        return _tool_event(ToolResultEvent, response, "response", value)
    return None


def _tool_event(
    cls: type[ToolEvent], data: Mapping[str, object], key: str, raw: Mapping[str, object]
) -> ToolEvent:
    """Return the event of a tool call or result, with its arguments or result under `key`."""
    id_ = data.get("id")
    id_ = id_ if isinstance(id_, str) else None
    return cls(_text(data.get("name")), _mapping(data.get(key)), id_, raw=raw)


def _text(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {} if value is None else {"value": value}
