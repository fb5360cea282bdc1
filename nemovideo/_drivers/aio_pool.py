"""State of an async client and its copies in one event loop: HTTP clients, tasks and locks.

HTTP clients and locks belong to an event loop, so they are kept per loop: one AsyncClient works in
several `asyncio.run` calls.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import AsyncGenerator
from contextlib import suppress
from weakref import WeakValueDictionary

import anyio
import attrs
from anyio.lowlevel import RunVar

from nemovideo._drivers import http
from nemovideo._drivers.calls import BasePool
from nemovideo._drivers.loops import Loop, TaskLock
from nemovideo._drivers.network_errors import forked_error


@attrs.define(eq=False)
class LoopState:
    """What a client keeps for one event loop.

    Attributes:
        fresh_client: The HTTP client that does not pool connections.
        closer: Closes the clients with the event loop; see `_close_with_loop`.
        scopes: The cancel scopes of the steps in progress.
    """

    client: http.AsyncClient
    fresh_client: http.AsyncClient
    closer: AsyncGenerator[None, None]
    pid: int = attrs.field(factory=os.getpid)
    loop: Loop = attrs.field(factory=Loop)
    locks: WeakValueDictionary[str, TaskLock] = attrs.field(factory=WeakValueDictionary)
    scopes: set[anyio.CancelScope] = attrs.field(factory=set)

    def lock(self, name: str) -> TaskLock:
        """Return this loop's lock with this name; it exists while it is referenced."""
        return self.locks.setdefault(name, TaskLock())


async def _close_with_loop(*clients: http.AsyncClient) -> AsyncGenerator[None, None]:
    """Close the HTTP clients when their event loop ends.

    Before it ends, an event loop closes suspended async generators: this is the only moment at
    which the connections of an unclosed client can be closed.
    """
    try:
        yield
    except GeneratorExit:
        for client in clients:
            await client.aclose()
        warnings.warn(
            "a nemovideo AsyncClient was not closed before its event loop ended; "
            "use it in an async with block, or call close()",
            ResourceWarning,
            stacklevel=2,
        )
        raise


class Pool(BasePool[http.AsyncClient]):
    """The loop states of a client and its copies."""

    def __init__(self, user_client: http.AsyncClient | None) -> None:
        super().__init__(user_client)
        self._states: RunVar[LoopState | None] = RunVar(f"nemovideo-{id(self)}")
        self._pid = os.getpid()

    def state(self) -> LoopState:
        """Return the state of the running loop.

        Raises:
            InvalidRequestError: The HTTP client is the user's, and was made before a fork.
        """
        state = self._states.get(None)
        if state is None or state.pid != os.getpid():  # a child process opens its own connections
            if self._user_client is not None and self._pid != os.getpid():
                raise forked_error()
            client = self._user_client or http.async_client()
            fresh_client = self._user_client or http.async_client(reuse=False)
            closer = _close_with_loop(client, fresh_client)
            if self._user_client is None:
                with suppress(StopIteration):
                    closer.__anext__().send(None)  # run to the yield, without waiting
            state = LoopState(client, fresh_client, closer)
            self._states.set(state)
        return state

    async def close(self) -> None:
        """Close our own HTTP clients of the running loop.

        Tasks that sleep, or wait for a response, a stream or a lock, wake with an error.
        """
        state = self._states.get(None)
        if state is None:
            return
        self._states.set(None)
        for scope in list(state.scopes):
            scope.cancel()
        if self.owns_client:
            with suppress(StopAsyncIteration):
                await state.closer.__anext__()
            await state.client.aclose()
            await state.fresh_client.aclose()
