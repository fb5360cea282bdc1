"""Sync and async clients behind one interface, so one test covers both."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from anyio.from_thread import BlockingPortal, start_blocking_portal

from nemovideo import AsyncClient, Client

LOOPS = ("asyncio", "trio")
KINDS = ("sync", *LOOPS)


class Blocking:
    """An async object of the SDK whose methods block; each call runs in its own task."""

    def __init__(self, portal: BlockingPortal, wrapped: Any) -> None:
        self._portal = portal
        self._wrapped = wrapped

    def __getattr__(self, name: str) -> Any:
        if name == "close":
            name = "aclose"
        found = getattr(self._wrapped, name)
        return self._call(found) if callable(found) else self._result(found)

    def __enter__(self) -> Blocking:
        self._call(self._wrapped.__aenter__)()
        return self

    def __exit__(self, *raised: object) -> None:
        self._call(self._wrapped.__aexit__)(*raised)

    def __iter__(self) -> Blocking:
        return self

    def __next__(self) -> Any:
        try:
            return self._call(self._wrapped.__anext__)()
        except StopAsyncIteration:
            raise StopIteration from None

    def _call(self, method: Callable[..., Any]) -> Callable[..., Any]:
        async def call(*arguments: Any, **options: Any) -> Any:
            result = method(*arguments, **options)
            return await result if inspect.isawaitable(result) else result

        return lambda *arguments, **options: self._result(
            self._portal.call(lambda: call(*arguments, **options))
        )

    def _result(self, value: Any) -> Any:
        is_async = type(value).__name__.startswith("Async")
        return Blocking(self._portal, value) if is_async else value


@contextmanager
def client_of(kind: str, **options: Any) -> Iterator[Client]:
    """Yield a client of a kind in `KINDS`."""
    if kind == "sync":
        with Client(**options) as client:
            yield client
    else:
        with blocking(AsyncClient(**options), kind) as opened:
            yield opened


@contextmanager
def blocking(client: AsyncClient, backend: str = "asyncio") -> Iterator[Client]:
    """Yield an async client whose methods block."""
    with start_blocking_portal(backend) as portal, Blocking(portal, client) as opened:
        yield cast("Client", opened)
