"""The context and driver of a job: those of a client, or new ones."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import attrs

from nemovideo._config import embedded
from nemovideo._config.setup import settings_from
from nemovideo._flows.context import Context

if TYPE_CHECKING:
    from nemovideo._config.settings import Settings
    from nemovideo._drivers.aio import AsyncDriver
    from nemovideo._drivers.sync import SyncDriver
    from nemovideo.options import Options


@attrs.frozen
class ClientSpec:
    """The arguments for a new client, in this process or another.

    Attributes:
        local: Whether to start a local backend.
        options: The arguments for `Client`, or for `Client.local`.
        settings: The settings to use instead of the environment's.
        token: The bearer token of a cloud client; None for that of the settings.
    """

    local: bool
    options: Mapping[str, Any] = attrs.field(repr=False)
    settings: Settings | None = attrs.field(default=None, repr=False)
    token: str | None = attrs.field(default=None, repr=False)

    def context(self) -> Context:
        """Return a new context, and start its local backend if there is one."""
        if not self.local:
            return Context(settings_from(self.token, cast("Options", self.options), self.settings))
        backend, options = embedded.start(self.options)
        context = Context(settings_from(options.pop("token"), cast("Options", options)))
        context.attach_backend(backend)
        return context


def context_on(context: Context, state_dir: Path) -> Context:
    """Return a copy of the context whose backend uses a different state directory."""
    assert context.backend is not None
    backend = context.backend.with_state_dir(state_dir).start()
    other = Context(settings_from(None, embedded.options_for(backend), context.settings))
    other.attach_backend(backend)
    return other


@contextmanager
def driving(context: Context) -> Iterator[SyncDriver]:
    """Yield a new driver; at the end, close it and stop the context's backend."""
    from nemovideo._drivers.sync import SyncDriver

    driver = SyncDriver(context.settings)
    try:
        yield driver
    finally:
        driver.close()
        _stop_backend(context)


@asynccontextmanager
async def driving_async(context: Context) -> AsyncIterator[AsyncDriver]:
    """Yield a new async driver; see `driving`."""
    from anyio import CancelScope, to_thread

    from nemovideo._drivers.aio import AsyncDriver

    driver = AsyncDriver(context.settings)
    try:
        yield driver
    finally:
        with CancelScope(shield=True):
            await driver.close()
            await to_thread.run_sync(_stop_backend, context)


def _stop_backend(context: Context) -> None:
    """Stop the context's backend; a temporary state that was kept for its job is removed."""
    if context.backend is not None:
        from nemovideo.local.temporary import remove_unneeded

        state_dir = context.backend.state_dir
        context.backend.stop()
        remove_unneeded(state_dir)
