"""What every request handler can reach: the store, the agent, the queue, the settings."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol
from weakref import WeakValueDictionary

import attrs
from starlette.requests import Request

from nemovideo.local.agent.turn import Question, Turn
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.render.clips import MattingSource
from nemovideo.local.server.door import Door
from nemovideo.local.server.forms import Forms
from nemovideo.local.server.lanes import Lanes
from nemovideo.local.server.limits import Arriving, Limits
from nemovideo.local.server.queue import RenderQueue
from nemovideo.local.store import Store
from nemovideo.local.timeline import Timeline

_QUESTIONS_KEPT = 1000
TRIAL_CREDITS = 100
TRIAL_COSTS: Mapping[str, int] = {"edit": 1, "generation": 2}


class Respond(Protocol):
    """The agent: words in, a turn out; `nemovideo.local.agent.respond`."""

    def __call__(
        self,
        text: str,
        *,
        timeline: Timeline | None,
        media: Sequence[MediaItem],
        history: Sequence[Timeline | None] = (),
        question: Question | None = None,
    ) -> Turn:
        """Answer the message."""
        ...


class Probe(Protocol):
    """What a file is; `nemovideo.local.media.probe`."""

    def __call__(self, path: Path, name: str, *, id: str) -> MediaItem:  # noqa: A002
        """Read the file's header, or raise UnsupportedFileError."""
        ...


@attrs.frozen
class Tariff:
    """What a new user has, and what turns cost by their kind, in credits.

    With `hard` a run that the balance does not cover is refused (2001); without
    it a cost takes at most what is left, so that nothing ever stops.
    """

    credits: int = TRIAL_CREDITS
    costs: Mapping[str, int] = attrs.field(factory=lambda: dict(TRIAL_COSTS))
    hard: bool = False

    @classmethod
    def of(cls, credits_: int | None, costs: Mapping[str, int] | None) -> Tariff:
        """Return the trial's tariff, or a hard one where anything is named.

        Raises:
            ValueError: A cost is of a kind that there is not.
        """
        if unknown := set(costs or {}) - set(TRIAL_COSTS):
            raise ValueError(f"costs={unknown.pop()!r}: one of {', '.join(TRIAL_COSTS)}")
        return cls(
            credits=TRIAL_CREDITS if credits_ is None else credits_,
            costs={**TRIAL_COSTS, **(costs or {})},
            hard=credits_ is not None or costs is not None,
        )


@attrs.frozen
class Context:
    """The parts of one running backend."""

    store: Store
    queue: RenderQueue
    matting: MattingSource
    respond: Respond
    probe: Probe
    opening: Callable[[Sequence[MediaItem]], Timeline | None]
    tariff: Tariff
    forms: Forms
    max_upload_bytes: int
    limits: Limits
    door: Door
    private_urls: bool
    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    lanes: Lanes = attrs.field(factory=Lanes, init=False)
    arriving: Arriving = attrs.field(factory=Arriving, init=False)
    _locks: WeakValueDictionary[str, asyncio.Lock] = attrs.field(
        factory=WeakValueDictionary, init=False
    )

    _questions: dict[str, Question] = attrs.field(factory=dict, init=False)

    def question(self, session_id: str) -> Question | None:
        """Return what the agent asked in the last turn of a session, and forget it."""
        return self._questions.pop(session_id, None)

    def keep_question(self, session_id: str, question: Question) -> None:
        """Remember a question until the next message; of many sessions only the latest ones'."""
        self._questions[session_id] = question
        while len(self._questions) > _QUESTIONS_KEPT:
            del self._questions[next(iter(self._questions))]

    def session_lock(self, session_id: str) -> asyncio.Lock:
        """Return the lock that keeps two changes of one session apart."""
        return self._locks.setdefault(session_id, asyncio.Lock())


def context_of(request: Request) -> Context:
    """Return the context that the app was made with."""
    context: Context = request.app.state.context
    return context


def check_disk(context: Context, user_id: str) -> None:
    """Refuse a user whose part of the disk is used up.

    Raises:
        Problem: 507.
    """
    if context.limits.disk_bytes is not None:
        context.limits.check_disk(context.store.space.used_bytes(user_id))
