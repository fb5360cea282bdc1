"""What an intent is given, what it gives back, and how it is declared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import attrs

from nemovideo.local.agent.language import Language
from nemovideo.local.agent.message import Clause
from nemovideo.local.agent.turn import Question, ToolUse
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.timeline import Timeline

Family = Literal[
    "background",
    "title",
    "music",
    "sound",
    "trim",
    "look",
    "speed",
    "create",
    "clips",
    "frame",
    "logo",
    "undo",
    "talk",
]


@attrs.frozen
class Context:
    """Where things stand when a clause is carried out: never changed, only replaced."""

    language: Language
    timeline: Timeline | None
    media: Sequence[MediaItem]
    history: Sequence[Timeline | None] = ()

    def say(self, english: str, chinese: str) -> str:
        """Return the sentence in the user's language."""
        return chinese if self.language == "zh" else english


@attrs.frozen
class Outcome:
    """What became of a clause: words, and, if a tool was used, what it did.

    `timeline` is the new one, None where nothing changed. `done` is False where
    the wish could not be met. `asks` is set where the words are a question.
    """

    said: str
    tool: ToolUse | None = None
    timeline: Timeline | None = None
    done: bool = True
    generation: bool = False
    silent: bool = False
    undone: bool = False
    asks: Question | None = None


@attrs.frozen
class Intent:
    """One thing that a user can ask for.

    `matches` looks at the clause alone; `carry_out` decides with everything that
    is known. Intents are asked in the order of `intents.INTENTS`; the first
    that matches has the clause.
    """

    name: str
    family: Family
    matches: Callable[[Clause], bool]
    carry_out: Callable[[Clause, Context], tuple[Outcome, ...]]


def did(
    tool: str,
    args: dict[str, object],
    timeline: Timeline,
    said: str,
    *,
    silent: bool = False,
    generation: bool = False,
) -> Outcome:
    """Return the outcome of an edit that was made."""
    result: dict[str, object] = {"status": "success", "duration_ms": timeline.duration_ms}
    return Outcome(
        said, ToolUse(tool, args, result), timeline, silent=silent, generation=generation
    )


def refused(tool: str, args: dict[str, object], said: str) -> tuple[Outcome, ...]:
    """Return the outcome of a wish that cannot be met: the draft stays as it is."""
    return (Outcome(said, ToolUse(tool, args, {"status": "error", "message": said}), done=False),)


def told(said: str, *, done: bool = True) -> tuple[Outcome, ...]:
    """Return words alone."""
    return (Outcome(said, done=done),)


def asked(
    said: str, before: str, after: str = "", *, anything: bool = False
) -> tuple[Outcome, ...]:
    """Return a question; see `Question` for what the answer becomes."""
    return (Outcome(said, done=False, asks=Question(before, after, anything)),)
