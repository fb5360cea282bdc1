"""Events of the agent's stream, one class for each kind.

Both dialects of docs/protocol.md §5 are supported. Every event has `.raw`, the decoded JSON (None
for events emitted by the client).
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
    """Text of the answer. A `partial` fragment is repeated by a later, complete event."""

    text: str
    partial: bool = False


@attrs.frozen
class ThoughtEvent(AgentEvent):
    """The model's reasoning; not part of the answer."""

    text: str
    partial: bool = False


@attrs.frozen
class ToolCallEvent(AgentEvent):
    """The agent calls a tool, which defines the keys in `args`."""

    name: str
    args: Mapping[str, object]
    id: str | None = None


@attrs.frozen
class ToolResultEvent(AgentEvent):
    """A tool has returned; it defines the keys in `result`."""

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
    """Emitted by the client every two minutes while it waits for the answer."""

    elapsed_s: float


@attrs.frozen
class UnknownEvent(AgentEvent):
    """An event unknown to this version, unchanged."""

    data: object
