"""The base classes of layers, with the client's context and the driver that runs their flows."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from nemovideo._support.annotations import LazyModule

if TYPE_CHECKING:
    from nemovideo._drivers import aio, sync
    from nemovideo._flows import context as contexts
    from nemovideo._flows import steps
else:
    aio, sync = LazyModule("nemovideo._drivers.aio"), LazyModule("nemovideo._drivers.sync")
    contexts, steps = LazyModule("nemovideo._flows.context"), LazyModule("nemovideo._flows.steps")

T = TypeVar("T")
L = TypeVar("L")
D = TypeVar("D")


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
        layer: L = self.of(holder)
        return layer

    def of(self, holder: object, prefix: str = "") -> Any:  # noqa: ANN401 - the caller knows
        """Return the holder's layer, of the class with this prefix, such as "Async"."""
        cache = vars(holder)
        if self._name not in cache:
            cls = getattr(import_module(self._module), prefix + self._class)
            cache[self._name] = _make_layer(holder, cls)
        return cache[self._name]


def _make_layer(self: Any, cls: Callable[[contexts.Context, Any], object]) -> object:  # noqa: ANN401 - any holder
    return cls(self._context, self._driver)


class BaseResource(Generic[D]):
    """A layer; it keeps the client's local backend running, and is pickled with its settings."""

    def __init__(self, context: contexts.Context, driver: D) -> None:
        self._context = context
        self._driver = driver

    @staticmethod
    def _driver_for(context: contexts.Context) -> Any:  # noqa: ANN401 - of the type D
        raise NotImplementedError

    def _limit(self, deadline: float | None) -> float | None:
        """Return `deadline`, or the client's own."""
        return self._context.settings.limit(deadline)

    def __getstate__(self) -> dict[str, Any]:
        """Return the settings and its own attributes, without connections."""
        own = {
            name: value
            for name, value in vars(self).items()
            if name not in ("_context", "_driver") and not isinstance(value, BaseResource)
        }
        return {**own, "settings": self._context.settings}

    def __setstate__(self, state: dict[str, Any]) -> None:
        from nemovideo._flows.context import Context

        self._context = Context(state.pop("settings"))
        self._driver = self._driver_for(self._context)
        vars(self).update(state)


class Resource(BaseResource["sync.SyncDriver"]):
    """A layer of the sync client."""

    @staticmethod
    def _driver_for(context: contexts.Context) -> sync.SyncDriver:
        from nemovideo._drivers.sync import SyncDriver

        return SyncDriver(context.settings)

    def _run(self, flow: steps.Flow[T], deadline: float | None = None) -> T:
        """Run a flow within `deadline` seconds, or the client's own deadline."""
        return self._driver.run(flow, self._limit(deadline))


class AsyncResource(BaseResource["aio.AsyncDriver"]):
    """A layer of the async client."""

    @staticmethod
    def _driver_for(context: contexts.Context) -> aio.AsyncDriver:
        from nemovideo._drivers.aio import AsyncDriver

        return AsyncDriver(context.settings)

    async def _run(self, flow: steps.Flow[T], deadline: float | None = None) -> T:
        """Run a flow within `deadline` seconds, or the client's own deadline."""
        return await self._driver.run(flow, self._limit(deadline))
