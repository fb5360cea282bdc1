"""What every layer has: the client's shared context, and a driver to run its flows with."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from nemovideo._drivers.aio import AsyncDriver
    from nemovideo._drivers.sync import SyncDriver
    from nemovideo._flows.context import Context
    from nemovideo._flows.steps import Flow

T = TypeVar("T")


class Resource:
    """A layer of the sync client."""

    def __init__(self, context: Context, driver: SyncDriver) -> None:
        self._context = context
        self._driver = driver

    def _run(self, flow: Flow[T], deadline: float | None = None) -> T:
        """Run a flow within `deadline` seconds, or the client's own deadline."""
        limit = self._context.settings.deadline_s if deadline is None else deadline
        return self._driver.run(flow, limit)


class AsyncResource:
    """A layer of the async client."""

    def __init__(self, context: Context, driver: AsyncDriver) -> None:
        self._context = context
        self._driver = driver

    async def _run(self, flow: Flow[T], deadline: float | None = None) -> T:
        """Run a flow within `deadline` seconds, or the client's own deadline."""
        limit = self._context.settings.deadline_s if deadline is None else deadline
        return await self._driver.run(flow, limit)
