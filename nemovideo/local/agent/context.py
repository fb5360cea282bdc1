"""Intents, and what they receive and return."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeAlias

import attrs

from nemovideo.local.agent.language import Language
from nemovideo.local.agent.message import Clause
from nemovideo.local.agent.sentences import sentences
from nemovideo.local.agent.turn import TRIAL_COSTS, Question, ToolUse
from nemovideo.local.agent.words import has
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
    """The session when a clause is carried out; without a draft, the timeline is empty."""

    language: Language
    timeline: Timeline
    media: Sequence[MediaItem]
    history: Sequence[Timeline | None] = ()
    costs: Mapping[str, int] = TRIAL_COSTS

    @property
    def previous(self) -> Timeline:
        """The timeline before the last change."""
        return self.history[-1] or Timeline()

    def say(self, name: str, /, **fields: object) -> str:
        """Return a sentence of `sentences/` in the user's language, its fields filled in."""
        return sentences(self.language)[name].format(**fields)


@attrs.frozen
class Outcome:
    """The result of a clause: a sentence, and the tool call if there was one.

    `timeline` is the new one, or None if nothing changed. `done` is False if the request could
    not be met. `asks` is set if the sentence is a question.
    """

    said: str
    tool: ToolUse | None = None
    timeline: Timeline | None = None
    done: bool = True
    generation: bool = False
    silent: bool = False
    undone: bool = False
    asks: Question | None = None


Outcomes: TypeAlias = tuple[Outcome, ...]
Action: TypeAlias = Callable[[Clause, Context], Outcomes]


@attrs.frozen
class Intent:
    """One thing that a user can ask for.

    Args:
        name: A unique name.
        family: The subject, which pieces of one clause share.
        carry_out: Makes the edit, or explains why it cannot.
        words: Entries of `words/` that must all occur in the clause.
        unless: Entries that must not occur in it.
        when: A further condition.
    """

    name: str
    family: Family
    carry_out: Action
    words: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    when: Callable[[Clause], object] | None = None

    def matches(self, clause: Clause) -> bool:
        """Return whether a clause asks for this."""
        text = clause.text
        return (
            all(has(text, name) for name in self.words)
            and not has(text, *self.unless)
            and (self.when is None or bool(self.when(clause)))
        )


def applied(
    tool: str,
    args: Mapping[str, object],
    timeline: Timeline,
    said: str,
    *,
    silent: bool = False,
    generation: bool = False,
) -> Outcomes:
    """Return the outcome of an edit that was applied."""
    used = ToolUse(tool, args, {"status": "success", "duration_ms": timeline.duration_ms})
    return (Outcome(said, used, timeline, silent=silent, generation=generation),)


def refused(tool: str, args: Mapping[str, object], said: str) -> Outcomes:
    """Return the outcome of a request that cannot be met: the timeline does not change."""
    return (Outcome(said, ToolUse(tool, args, {"status": "error", "message": said}), done=False),)


def answered(said: str, *, done: bool = True) -> Outcomes:
    """Return a sentence without an edit."""
    return (Outcome(said, done=done),)


def asked(
    context: Context,
    question: str,
    *,
    prefix: str = "",
    after: str = "",
    free_text: bool = False,
    **fields: object,
) -> Outcomes:
    """Return a question; the sentence "….before" is the request that the answer completes.

    With `free_text`, the answer is the words of a title, in quotation marks. `after` is the rest of
    the request.
    """
    said, before = (context.say(name, **fields) for name in (question, f"{question}.before"))
    asks = Question(before, "”" if free_text else after, free_text)
    return (Outcome(prefix + said, done=False, asks=asks),)
