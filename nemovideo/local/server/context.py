"""The context of request handlers: store, agent, queue and settings."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar
from weakref import WeakValueDictionary

import attrs
from starlette.requests import Request

from nemovideo._values.lines import size_text
from nemovideo.local.agent.turn import TRIAL_COSTS, Question, Turn
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.server.access import Access
from nemovideo.local.server.forms import Forms, Problem
from nemovideo.local.server.limits import OVER_QUOTA, Limits, PendingUploads
from nemovideo.local.server.pools import Pools
from nemovideo.local.server.queue import RenderQueue
from nemovideo.local.store import Store
from nemovideo.local.timeline import Timeline

_T = TypeVar("_T")
_QUESTIONS_KEPT = 1000
TRIAL_CREDITS = 100


class Respond(Protocol):
    """The agent: answers a message with a turn, as `nemovideo.local.agent.respond` does."""

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
    """The parser of media headers, such as `nemovideo.local.media.probe.probe`."""

    def __call__(self, path: Path, name: str, *, id: str) -> MediaItem:  # noqa: A002
        """Return a file's type and properties, or raise UnsupportedFileError."""
        ...


@attrs.frozen
class Pricing:
    """The credits of a new user, and the cost of a turn by its kind.

    If `enforced`, a run that the balance does not cover is rejected (2001); otherwise, the cost is
    capped at the balance, so that no run is rejected.
    """

    credits: int = TRIAL_CREDITS
    costs: Mapping[str, int] = attrs.field(factory=lambda: dict(TRIAL_COSTS))
    enforced: bool = False

    @classmethod
    def from_options(cls, credits_: int | None, costs: Mapping[str, int] | None) -> Pricing:
        """Return the default pricing, which is enforced only if credits or costs are given.

        Raises:
            ValueError: A kind of cost is unknown.
        """
        if unknown := set(costs or {}) - set(TRIAL_COSTS):
            known = ", ".join(TRIAL_COSTS)
            raise ValueError(f"costs has the unknown kind {unknown.pop()!r}; use one of {known}")
        return cls(
            credits=TRIAL_CREDITS if credits_ is None else credits_,
            costs={**TRIAL_COSTS, **(costs or {})},
            enforced=credits_ is not None or costs is not None,
        )


@attrs.frozen
class Context:
    """The components and settings of one running backend."""

    store: Store
    queue: RenderQueue
    respond: Respond
    probe: Probe
    preview: Callable[[Timeline, Mapping[str, MediaItem], Sequence[float] | None, Path], None]
    opening: Callable[[Sequence[MediaItem]], Timeline | None]
    pricing: Pricing
    forms: Forms
    max_upload_bytes: int
    limits: Limits
    access: Access
    private_urls: bool
    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    pools: Pools = attrs.field(factory=Pools, init=False)
    pending_uploads: PendingUploads = attrs.field(factory=PendingUploads, init=False)
    in_progress: Counter[str] = attrs.field(factory=Counter, init=False)
    _locks: WeakValueDictionary[str, asyncio.Lock] = attrs.field(
        factory=WeakValueDictionary, init=False
    )
    _questions: dict[str, Question] = attrs.field(factory=dict, init=False)

    def limited_user(self, user_id: str) -> str | None:
        """Return the user if threads are limited per user, else None: there are no API keys."""
        return user_id if self.access.shared else None

    def take_question(self, session_id: str) -> Question | None:
        """Return and remove the question that the agent asked in the session's last turn."""
        return self._questions.pop(session_id, None)

    def keep_question(self, session_id: str, question: Question) -> None:
        """Keep a question for the session's next message; the oldest are dropped beyond 1000."""
        self._questions[session_id] = question
        while len(self._questions) > _QUESTIONS_KEPT:
            del self._questions[next(iter(self._questions))]

    def session_lock(self, session_id: str) -> asyncio.Lock:
        """Return the lock that serializes changes to a session."""
        return self._locks.setdefault(session_id, asyncio.Lock())


async def read_stored(request: Request, read: Callable[[], _T]) -> _T:
    """Read from the store in a thread, without delaying other users' requests.

    Reads take longer as more is stored. Each counter of `count_request` has its own share of
    the threads, so requests by link do not delay the owner either.
    """
    context = context_of(request)
    counter: str = request.scope["nemovideo.counter"]
    return await context.pools.reads.run(read, user_id=context.limited_user(counter))


def context_of(request: Request) -> Context:
    """Return the context of the app."""
    context: Context = request.app.state.context
    return context


def check_disk(context: Context, user_id: str, *, pending_bytes: int = 0) -> None:
    """Check that the user, with the bytes of unfinished uploads, is within the disk quota.

    Raises:
        Problem: 507.
    """
    quota = context.limits.disk_bytes
    if quota is not None and context.store.space.used_bytes(user_id) + pending_bytes > quota:
        message = f"Your disk quota on the server, {size_text(quota)}, is used up."
        raise Problem(507, message, code=507, remedy=OVER_QUOTA)
