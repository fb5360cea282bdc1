"""What the agent hands back: one turn, made of steps. Values only, no decisions."""

from __future__ import annotations

from typing import Literal

import attrs

from nemovideo.local.timeline import Timeline

Kind = Literal["chat", "edit", "generation"]


@attrs.frozen
class ToolUse:
    """One call of an editing tool: `args` and `result` are plain JSON objects.

    `result["status"]` is "success" or "error"; an error has a "message".
    """

    name: str
    args: dict[str, object]
    result: dict[str, object]


@attrs.frozen
class Question:
    """What the agent asked, so that the next message can answer it.

    The answer stands between `before` and `after` in the wish that it completes. With
    `anything` it may be any words, such as a title's; otherwise greetings are no answer.
    """

    before: str
    after: str = ""
    anything: bool = False


@attrs.frozen
class Step:
    """One step of the answer: an optional tool use, the timeline after it, then words.

    `timeline` is None where the step changed nothing.
    """

    tool: ToolUse | None
    text: str
    timeline: Timeline | None = None


@attrs.frozen
class Turn:
    """The whole answer to one message.

    `timeline` is the final one, None when nothing was ever on it. `changed` is
    False where it is what it was before. `undone` means that the turn did
    nothing but go back one version. `silent` turns speak no word after the
    edit, as the real service sometimes does (docs/protocol.md §10). `question` is what it
    asks the user.
    """

    kind: Kind
    steps: tuple[Step, ...]
    timeline: Timeline | None
    changed: bool = False
    undone: bool = False
    silent: bool = False
    question: Question | None = None
