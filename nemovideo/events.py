"""What the agent's stream brings, as it comes: one small class for each kind of event.

The wire forms are those of docs/protocol.md §5, both dialects. Every event has
`.raw`, the decoded JSON as it came (None where the client made the event).
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs


@attrs.frozen(kw_only=True)
class AgentEvent:
    """The base of all events."""

    raw: object = attrs.field(default=None, repr=False)


@attrs.frozen
class TextEvent(AgentEvent):
    """Words of the answer. `partial` marks a piece that a later, whole event repeats."""

    text: str
    partial: bool = False


@attrs.frozen
class ThoughtEvent(AgentEvent):
    """What the model thought on its way; not a part of the answer."""

    text: str
    partial: bool = False


@attrs.frozen
class ToolCallEvent(AgentEvent):
    """The agent calls one of its tools. The keys in `args` are the tool's own."""

    name: str
    args: Mapping[str, object]
    id: str | None = None


@attrs.frozen
class ToolResultEvent(AgentEvent):
    """A tool has answered. The keys in `result` are the tool's own."""

    name: str
    result: Mapping[str, object]
    id: str | None = None


@attrs.frozen
class HeartbeatEvent(AgentEvent):
    """The server says that it is still there."""


@attrs.frozen
class StateDeltaEvent(AgentEvent):
    """Parts of the session's state that have changed."""

    delta: Mapping[str, object]


@attrs.frozen
class ErrorEvent(AgentEvent):
    """The agent reports an error. It may stand beside a good answer, as a warning."""

    code: str | None
    message: str


@attrs.frozen
class StillWorkingEvent(AgentEvent):
    """Made by the client every two minutes: the answer is `elapsed_s` seconds under way."""

    elapsed_s: float


@attrs.frozen
class UnknownEvent(AgentEvent):
    """Something that this version does not know, passed on as it came."""

    data: object
