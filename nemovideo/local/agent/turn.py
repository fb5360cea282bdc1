"""The agent's answer to one message: a turn of several steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import attrs

from nemovideo.local.timeline import Timeline

Kind = Literal["chat", "edit", "generation"]

TRIAL_COSTS: Mapping[str, int] = {"edit": 1, "generation": 2}
"""The default cost of a turn by its kind, in credits; other kinds are free."""

ASK = "ask_question"
"""The tool with which the agent asks the user something (docs/protocol.md §5, rule 7)."""


@attrs.frozen
class ToolUse:
    """A call to an editing tool; `args` and `result` are JSON objects.

    `result["status"]` is "success", "error" or, for a question, "pending"; an error has a
    "message".
    """

    name: str
    args: Mapping[str, object]
    result: Mapping[str, object]


@attrs.frozen
class Question:
    """A question of the agent, which the next message can answer.

    `before` + the answer + `after` is the completed request. With `free_text`, a greeting is
    an answer too: it may be the words of a title.
    """

    before: str
    after: str = ""
    free_text: bool = False


@attrs.frozen
class Step:
    """A step of the answer: an optional tool call, the timeline after it, then text.

    `timeline` is None if the step changed nothing.
    """

    tool: ToolUse | None
    text: str
    timeline: Timeline | None = None


@attrs.frozen
class Turn:
    """The whole answer to one message.

    `timeline` is the final one, or None if there is none. `changed` is whether it differs from
    the previous one. `undone` means that the turn only went back one version. A `silent` turn
    has no text after the edit, as can happen in the real service (docs/protocol.md §10).
    `question` is what it asks the user.
    """

    kind: Kind
    steps: tuple[Step, ...]
    timeline: Timeline | None
    changed: bool = False
    undone: bool = False
    silent: bool = False
    question: Question | None = None
