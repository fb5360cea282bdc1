"""The async driver: runs flows with httpx.AsyncClient and anyio, on asyncio or trio."""

from __future__ import annotations

from typing import TypeVar

from nemovideo._config.settings import Settings
from nemovideo._drivers import http
from nemovideo._drivers.aio_calls import Calls
from nemovideo._drivers.aio_pool import Pool
from nemovideo._drivers.aio_run import Run
from nemovideo._flows.steps import Flow

T = TypeVar("T")


class AsyncDriver:
    """Runs the flows of one client, each in the task that awaits it.

    `parent` is the driver of the original client, if this one is a copy; they share connections.
    """

    calls: Calls

    def __init__(
        self,
        settings: Settings,
        user_client: http.AsyncClient | None = None,
        parent: AsyncDriver | None = None,
    ) -> None:
        self._owns_pool = parent is None
        if parent is None:
            self.calls = Calls(settings, Pool(user_client))
        else:
            self.calls = Calls(settings, parent.calls.pool, parent.calls)

    def variant(self, settings: Settings) -> AsyncDriver:
        """Return a driver with different settings and the same connections."""
        return AsyncDriver(settings, parent=self)

    def open(self) -> None:
        """Reopen the driver after `close`."""
        self.calls.set_closed(False)

    async def close(self) -> None:
        """Close its own connections in this event loop; closing twice is allowed."""
        self.calls.set_closed(True)
        if self._owns_pool:
            await self.calls.pool.close()

    def start(self, flow: Flow[T], deadline_s: float | None = None) -> Run[T]:
        """Return a run of a flow, to receive its events."""
        return Run(self.calls, flow, deadline_s)

    async def run(self, flow: Flow[T], deadline_s: float | None = None) -> T:
        """Run a flow and return its result, ignoring its events."""
        async with self.start(flow, deadline_s) as run:
            while await run.advance() is not None:
                pass
            return run.result
