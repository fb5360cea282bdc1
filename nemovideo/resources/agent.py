"""Sending messages to the agent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

from nemovideo._drivers.resource import AsyncResource, Resource
from nemovideo._flows import agent
from nemovideo._support.annotations import LazyModule
from nemovideo.errors import InvalidRequestError
from nemovideo.events import AgentEvent
from nemovideo.models import Reply

if TYPE_CHECKING:
    from nemovideo._drivers import aio_run, sync_run
else:
    aio_run, sync_run = (
        LazyModule("nemovideo._drivers.aio_run"),
        LazyModule("nemovideo._drivers.sync_run"),
    )


class Agent(Resource):
    """`client.agent`."""

    def send(
        self, session_id: str, text: str, *, tokens: bool = False, deadline: float | None = None
    ) -> Reply:
        """Send a message, at most once, and return the agent's complete answer.

        Args:
            session_id: The session; messages of one session are sent one after the other.
            text: What the agent should do.
            tokens: Request token-sized fragments from the service; the answer is the same.
            deadline: Seconds for the whole call; None for the client's own deadline.

        Raises:
            InvalidRequestError: The message is empty; nothing was sent.
            SessionNotFoundError: There is no such session.
            InsufficientCreditsError: The credits do not cover it.
            AgentError: The agent reported a failure; `.reply` is its answer so far.
            StreamInterruptedError: The connection dropped, and the draft did not change.
            StreamTimeoutError: Only heartbeats for 10 minutes, or more than 15 minutes in total.
        """
        return self._run(agent.send(self._context, session_id, text, tokens=tokens), deadline)

    def stream(
        self, session_id: str, text: str, *, tokens: bool = False, deadline: float | None = None
    ) -> AgentStream:
        """Return a context manager that iterates over the events of the answer; see `send`.

        The message is sent when the iteration starts. Leaving the `with` block early cancels the
        run at the service; so does discarding a stream that is used without one.
        """
        flow = agent.send(self._context, session_id, text, tokens=tokens)
        limit = self._limit(deadline)
        return AgentStream(self._driver.start(flow, limit))


class AgentStream:
    """Iterates over the events of one answer; then `.reply` is the complete answer."""

    def __init__(self, run: sync_run.Run[Reply]) -> None:
        self._run = run
        self._reply: Reply | None = None
        self._entered = False

    def __enter__(self) -> AgentStream:
        self._entered = True
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[AgentEvent]:
        return self

    def __next__(self) -> AgentEvent:
        if self._reply is not None:
            raise StopIteration
        try:
            event = self._run.advance()
        except Exception:
            raise
        except BaseException:
            # Interrupted: without a block, a traceback in a notebook would keep the stream open.
            if not self._entered:
                self.close()
            raise
        if event is None:
            self._reply = self._run.result
            raise StopIteration
        return event

    @property
    def reply(self) -> Reply:
        """The complete answer.

        Raises:
            InvalidRequestError: Not all events have been read.
        """
        return _complete(self._reply)

    def close(self) -> None:
        """Close the stream; an unfinished run is canceled at the service."""
        self._run.close()


class AsyncAgent(AsyncResource):
    """`client.agent` of the async client; see `Agent`."""

    async def send(
        self, session_id: str, text: str, *, tokens: bool = False, deadline: float | None = None
    ) -> Reply:
        """Send a message and return the agent's complete answer; see `Agent.send`."""
        flow = agent.send(self._context, session_id, text, tokens=tokens)
        return await self._run(flow, deadline)

    def stream(
        self, session_id: str, text: str, *, tokens: bool = False, deadline: float | None = None
    ) -> AsyncAgentStream:
        """Return an async context manager that iterates over the events; see `Agent.stream`."""
        flow = agent.send(self._context, session_id, text, tokens=tokens)
        limit = self._limit(deadline)
        return AsyncAgentStream(self._driver.start(flow, limit))


class AsyncAgentStream:
    """Iterates over the events of one answer; then `.reply` is the complete answer."""

    def __init__(self, run: aio_run.Run[Reply]) -> None:
        self._run = run
        self._reply: Reply | None = None
        self._entered = False

    async def __aenter__(self) -> AsyncAgentStream:
        self._entered = True
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __aiter__(self) -> AsyncIterator[AgentEvent]:
        return self

    async def __anext__(self) -> AgentEvent:
        if self._reply is not None:
            raise StopAsyncIteration
        try:
            event = await self._run.advance()
        except Exception:
            raise
        except BaseException:
            # Canceled: without a block, a traceback in a notebook would keep the stream open.
            if not self._entered:
                self._run.abandon()
            raise
        if event is None:
            self._reply = self._run.result
            raise StopAsyncIteration
        return event

    @property
    def reply(self) -> Reply:
        """The complete answer.

        Raises:
            InvalidRequestError: Not all events have been read.
        """
        return _complete(self._reply)

    async def aclose(self) -> None:
        """Close the stream; an unfinished run is canceled at the service."""
        await self._run.close()


def _complete(reply: Reply | None) -> Reply:
    if reply is None:
        raise InvalidRequestError(
            "the answer is not complete yet", remedy="Iterate over all events first, or use send()."
        )
    return reply
