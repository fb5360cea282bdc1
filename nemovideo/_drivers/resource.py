"""What every layer has: the client's shared context, and a driver to run its flows with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from nemovideo._drivers.aio import AsyncDriver
    from nemovideo._drivers.sync import SyncDriver
    from nemovideo._flows.context import Context
    from nemovideo._flows.steps import Flow

T = TypeVar("T")


class _Base:
    """A layer: it keeps what it needs alive, a local backend included, and pickles as settings."""

    _context: Context

    def _limit(self, deadline: float | None) -> float | None:
        """Return `deadline`, or the client's own."""
        return self._context.settings.deadline_s if deadline is None else deadline

    def __getstate__(self) -> dict[str, Any]:
        """Return the settings and the own attributes; the connections stay behind."""
        state = {**vars(self), "settings": self._context.settings}
        del state["_context"], state["_driver"]
        return state

    def _restore(self, state: dict[str, Any]) -> None:
        from nemovideo._flows.context import Context

        self._context = Context(state.pop("settings"))
        vars(self).update(state)


class Resource(_Base):
    """A layer of the sync client."""

    def __init__(self, context: Context, driver: SyncDriver) -> None:
        self._context = context
        self._driver = driver

    def __setstate__(self, state: dict[str, Any]) -> None:
        from nemovideo._drivers.sync import SyncDriver

        self._restore(state)
        self._driver = SyncDriver(self._context.settings)

    def _run(self, flow: Flow[T], deadline: float | None = None) -> T:
        """Run a flow within `deadline` seconds, or the client's own deadline."""
        return self._driver.run(flow, self._limit(deadline))


class AsyncResource(_Base):
    """A layer of the async client."""

    def __init__(self, context: Context, driver: AsyncDriver) -> None:
        self._context = context
        self._driver = driver

    def __setstate__(self, state: dict[str, Any]) -> None:
        from nemovideo._drivers.aio import AsyncDriver

        self._restore(state)
        self._driver = AsyncDriver(self._context.settings)

    async def _run(self, flow: Flow[T], deadline: float | None = None) -> T:
        """Run a flow within `deadline` seconds, or the client's own deadline."""
        return await self._driver.run(flow, self._limit(deadline))
