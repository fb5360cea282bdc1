"""Conversations for chat front-ends: a user's message in, an answer to display out.

The logic is in `_flows/conversation.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from nemovideo._drivers.resource import AsyncResource, BaseResource, Resource
from nemovideo._flows import conversation
from nemovideo._flows.context import Context
from nemovideo._flows.conversation import ConversationMemory
from nemovideo._flows.notices import line_for
from nemovideo._support.annotations import LazyModule
from nemovideo.files import Source
from nemovideo.models import Answer, Route

if TYPE_CHECKING:
    from nemovideo._drivers import aio, sync
else:
    aio, sync = LazyModule("nemovideo._drivers.aio"), LazyModule("nemovideo._drivers.sync")

__all__ = ["Answer", "AsyncConversation", "Conversation", "OnNotice", "Route"]

D = TypeVar("D")

OnNotice = Callable[[str], object]
"""Called with each notice; the async conversation awaits the result if it is awaitable."""


class _Base(BaseResource[D]):
    def __init__(
        self, context: Context, driver: D, memory: ConversationMemory, on_notice: OnNotice | None
    ) -> None:
        super().__init__(context, driver)
        self._memory = memory
        self._on_notice = on_notice

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._memory.session_id!r})"


class Conversation(_Base["sync.SyncDriver"], Resource):
    """A chat about one session; created by `session.conversation()`."""

    def say(
        self, text: str, *, attachments: Sequence[Source] = (), deadline: float | None = None
    ) -> Answer:
        """Handle a message from the user, and return the answer (docs/protocol.md §8 to §10).

        Files, and requests such as "export", "credits" and "show tracks", are handled without the
        agent, in English and Chinese, even as part of a sentence. The rest of the message is sent
        to the agent once. An error becomes an answer with its message and remedy; `.error` is the
        error.

        Args:
            text: The message. Files whose path or URL it contains are uploaded. It may be empty if
                there are attachments.
            attachments: Files sent with the message, which are uploaded first: paths, bytes, open
                binary files, or URLs.
            deadline: Seconds for the whole call; None for the client's own deadline.
        """
        limit = self._limit(deadline)
        flow = conversation.say(self._context, self._memory, text, attachments)
        with self._driver.start(flow, limit) as run:
            while (event := run.advance()) is not None:
                line = line_for(event, self._memory.phrases)
                if line is not None and self._on_notice is not None:
                    self._on_notice(line)
            return run.result


class AsyncConversation(_Base["aio.AsyncDriver"], AsyncResource):
    """A chat about one session of the async client; see `Conversation`."""

    async def say(
        self, text: str, *, attachments: Sequence[Source] = (), deadline: float | None = None
    ) -> Answer:
        """Handle a message from the user, and return the answer; see `Conversation.say`."""
        limit = self._limit(deadline)
        flow = conversation.say(self._context, self._memory, text, attachments)
        async with self._driver.start(flow, limit) as run:
            while (event := await run.advance()) is not None:
                line = line_for(event, self._memory.phrases)
                if line is not None and self._on_notice is not None:
                    result = self._on_notice(line)
                    if isinstance(result, Awaitable):
                        await result
            return run.result
