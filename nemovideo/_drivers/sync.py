"""The sync driver: runs flows with httpx.Client, threads and files."""

from __future__ import annotations

from typing import TypeVar

from nemovideo._config.settings import Settings
from nemovideo._drivers import http
from nemovideo._drivers.sync_calls import Calls
from nemovideo._drivers.sync_pool import Pool
from nemovideo._drivers.sync_run import Run
from nemovideo._flows.steps import Flow

T = TypeVar("T")


class SyncDriver:
    """Runs the flows of one client; safe to use from several threads.

    `parent` is the driver of the original client, if this one is a copy; they share connections.
    """

    calls: Calls

    def __init__(
        self,
        settings: Settings,
        user_client: http.SyncClient | None = None,
        parent: SyncDriver | None = None,
    ) -> None:
        self._owns_pool = parent is None
        if parent is None:
            self.calls = Calls(settings, Pool(user_client))
        else:
            self.calls = Calls(settings, parent.calls.pool, parent.calls)

    def variant(self, settings: Settings) -> SyncDriver:
        """Return a driver with different settings and the same connections."""
        return SyncDriver(settings, parent=self)

    def open(self) -> None:
        """Reopen the driver after `close`."""
        self.calls.set_closed(False)
        if self._owns_pool:
            self.calls.pool.open()

    def close(self) -> None:
        """Close its own connections; closing twice is allowed."""
        self.calls.set_closed(True)
        if self._owns_pool:
            self.calls.pool.close()

    def start(self, flow: Flow[T], deadline_s: float | None = None) -> Run[T]:
        """Return a run of a flow, to receive its events."""
        return Run(self.calls, flow, deadline_s)

    def run(self, flow: Flow[T], deadline_s: float | None = None) -> T:
        """Run a flow and return its result, ignoring its events."""
        with self.start(flow, deadline_s) as run:
            while run.advance() is not None:
                pass
            return run.result
