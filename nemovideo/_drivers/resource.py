"""The base classes of layers, with the client's context and the driver that runs their flows."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from nemovideo._support.annotations import Late

if TYPE_CHECKING:
    from nemovideo._drivers import aio, sync
    from nemovideo._flows import context as contexts
    from nemovideo._flows import steps
else:
    aio, sync = Late("nemovideo._drivers.aio"), Late("nemovideo._drivers.sync")
    contexts, steps = Late("nemovideo._flows.context"), Late("nemovideo._flows.steps")

T = TypeVar("T")
L = TypeVar("L")


class Layer(Generic[L]):
    """A descriptor of a layer, which is loaded on first use and cached on its holder.

    Args:
        module: The module of the layer's class.
        name: The name of the layer's class.
        doc: Its docstring.
    """

    def __init__(self, module: str, name: str, doc: str = "") -> None:
        self._module = module
        self._class = name
        self.__doc__ = doc

    def __set_name__(self, owner: type[object], name: str) -> None:
        self._name = name
        # The annotation is for type checkers; its names are not loaded at run time.
        owner.__annotations__.pop(name, None)

    def __get__(self, holder: object, owner: type[object]) -> L:
        """Return the holder's layer."""
        made: L = self.of(holder)
        return made

    def of(self, holder: object, prefix: str = "") -> Any:  # noqa: ANN401 - the caller knows
        """Return the holder's layer, of the class with this prefix, such as "Async"."""
        held = vars(holder)
        if self._name not in held:
            face = getattr(import_module(self._module), prefix + self._class)
            held[self._name] = _face(holder, face)
        return held[self._name]


def _face(self: Any, face: Callable[[contexts.Context, Any], object]) -> object:  # noqa: ANN401 - any holder
    return face(self._context, self._driver)


class _Base:
    """A layer; it keeps its client's local backend running, and is pickled as settings."""

    if TYPE_CHECKING:
        _context: contexts.Context

    def _limit(self, deadline: float | None) -> float | None:
        """Return `deadline`, or the client's own."""
        return self._context.settings.limit(deadline)

    def __getstate__(self) -> dict[str, Any]:
        """Return the settings and its own attributes, without connections."""
        kept = {name: value for name, value in vars(self).items() if not isinstance(value, _Base)}
        state = {**kept, "settings": self._context.settings}
        del state["_context"], state["_driver"]
        return state

    def _restore(self, state: dict[str, Any]) -> None:
        from nemovideo._flows.context import Context

        self._context = Context(state.pop("settings"))
        vars(self).update(state)


class Resource(_Base):
    """A layer of the sync client."""

    def __init__(self, context: contexts.Context, driver: sync.SyncDriver) -> None:
        self._context = context
        self._driver = driver

    def __setstate__(self, state: dict[str, Any]) -> None:
        from nemovideo._drivers.sync import SyncDriver

        self._restore(state)
        self._driver = SyncDriver(self._context.settings)

    def _run(self, flow: steps.Flow[T], deadline: float | None = None) -> T:
        """Run a flow within `deadline` seconds, or the client's own deadline."""
        return self._driver.run(flow, self._limit(deadline))


class AsyncResource(_Base):
    """A layer of the async client."""

    def __init__(self, context: contexts.Context, driver: aio.AsyncDriver) -> None:
        self._context = context
        self._driver = driver

    def __setstate__(self, state: dict[str, Any]) -> None:
        from nemovideo._drivers.aio import AsyncDriver

        self._restore(state)
        self._driver = AsyncDriver(self._context.settings)

    async def _run(self, flow: steps.Flow[T], deadline: float | None = None) -> T:
        """Run a flow within `deadline` seconds, or the client's own deadline."""
        return await self._driver.run(flow, self._limit(deadline))
