"""Events of the agent's stream, one class for each kind.

The wire forms are those of docs/protocol.md §5, both dialects. Every event has
`.raw`, the decoded JSON (None for events made by the client).
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs


@attrs.frozen(kw_only=True)
class AgentEvent:
    """Base class of all events."""

    raw: object = attrs.field(default=None, repr=False)


@attrs.frozen
class TextEvent(AgentEvent):
    """Text of the answer. `partial` marks a fragment that a later, complete event repeats."""

    text: str
    partial: bool = False


@attrs.frozen
class ThoughtEvent(AgentEvent):
    """The model's reasoning; not part of the answer."""

    text: str
    partial: bool = False


@attrs.frozen
class ToolCallEvent(AgentEvent):
    """The agent calls a tool. The keys in `args` are defined by the tool."""

    name: str
    args: Mapping[str, object]
    id: str | None = None


@attrs.frozen
class ToolResultEvent(AgentEvent):
    """A tool has returned. The keys in `result` are defined by the tool."""

    name: str
    result: Mapping[str, object]
    id: str | None = None


@attrs.frozen
class HeartbeatEvent(AgentEvent):
    """A keepalive from the server."""


@attrs.frozen
class StateDeltaEvent(AgentEvent):
    """Changed parts of the session's state."""

    delta: Mapping[str, object]


@attrs.frozen
class ErrorEvent(AgentEvent):
    """The agent reports an error; with a complete answer it is a warning."""

    code: str | None
    message: str


@attrs.frozen
class StillWorkingEvent(AgentEvent):
    """Made by the client every two minutes while the answer takes `elapsed_s` seconds."""

    elapsed_s: float


@attrs.frozen
class UnknownEvent(AgentEvent):
    """An event unknown to this version, unchanged."""

    data: object
