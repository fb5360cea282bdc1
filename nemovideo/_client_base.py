"""What both clients are: settings, and a local backend of their own if there is one."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self

    from nemovideo import resources
    from nemovideo._config.settings import Settings
    from nemovideo._drivers.aio import AsyncDriver
    from nemovideo._drivers.sync import SyncDriver
    from nemovideo._jobs.plan import Background, Order
    from nemovideo._uploads.files import Source
    from nemovideo.local import LocalBackend
    from nemovideo.options import Options


class BaseClient:
    """What both clients are: settings, and a backend of their own if there is one."""

    def __init__(self, token: str | None, options: Options) -> None:
        from nemovideo._config.setup import settings_from
        from nemovideo._flows.context import Context

        self._options = options
        self._context = Context(settings_from(token, options))
        self._lender: Self | None = None
        self._making = Lock()
        self._backend: LocalBackend | None = None
        self._had_backend = False

    def __getstate__(self) -> dict[str, Any]:
        """Return the settings, the given token among them; the connections stay behind."""
        from nemovideo._config.setup import resolved

        options = resolved(self._options, self._settings)
        options.pop("clock", None)
        return {"token": self._settings.token or "", "options": options}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["token"], **state["options"])  # type: ignore[misc]

    def _variant(self, token: str | None, changes: Options) -> Self:
        """Return a copy with other settings, for the same connections."""
        from nemovideo._config.setup import resolved

        given = self._settings.token or "" if token is None else token
        options: Options = {**resolved(self._options, self._settings), **changes}
        made = type(self).__new__(type(self))
        made.__init__(given, **options)  # type: ignore[misc]
        made._borrow(self)  # noqa: SLF001 - one of the same class
        return made

    def _borrow(self, lender: Self) -> None:
        """Use another client's connections, and its token if it is for the same account."""
        self._lender = lender
        own, its = self._settings, lender._settings
        if (own.token, own.store.scope, own.store.directory) == (
            *(its.token, its.store.scope, its.store.directory),
        ):
            self._context.token = lender._context.token
            self._context.known = lender._context.known
        self._context.backend_since = lender._context.backend_since
        self._context.state_dir = lender._context.state_dir

    def _reopen(self) -> None:
        """Make it usable again after a close, unless its backend has gone with it."""
        if self._had_backend and self._backend is None:
            from nemovideo.errors import InvalidRequestError

            raise InvalidRequestError(
                "the client is closed, and its local backend has stopped",
                remedy="Make another one with local(), with the same state_dir.",
            )
        self._driver.open()

    @property
    def _driver(self) -> SyncDriver | AsyncDriver:
        """What runs the flows; made when first needed, for the HTTP library takes long to load."""
        raise NotImplementedError

    @property
    def _settings(self) -> Settings:
        return self._context.settings

    @property
    def backend(self) -> LocalBackend | None:
        """The local backend that `local()` started, or None."""
        return self._backend

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._settings.base_url!r})"

    def _stop_backend(self) -> None:
        backend, self._backend = self._backend, None
        if backend is not None:
            backend.stop()

    def _order(
        self,
        source: Source,
        background: Background,
        output: str | os.PathLike[str] | None,
        format: str | None,  # noqa: A002 - the protocol's word
        session: resources.Session | resources.AsyncSession | None,
        max_credits: float | None,
        overwrite: bool,
    ) -> Order:
        from nemovideo._jobs.plan import Order, plan

        picture, words, chosen = plan(background, output, format, source)
        return Order(
            source=source,
            picture=picture,
            words=words,
            output=None if output is None else Path(output),
            format=chosen,
            session_id=None if session is None else session.id,
            task_id=None if session is None else session.task_id,
            overwrite=overwrite,
            max_credits=max_credits,
        )

    def _own(self, backend: LocalBackend) -> None:
        """Take a local backend that was just started for its own."""
        self._backend, self._had_backend = backend, True
        self._context.backend_since = self._settings.clock.time()
        self._context.state_dir = backend.state_dir

    def _beside(self, state_dir: Path) -> Self:
        """Return a client with a backend like its own on another state directory, to be closed."""
        from nemovideo._config.setup import options_for

        assert self._backend is not None
        backend = self._backend.on(state_dir).start()
        options: Options = {**self._options, **options_for(backend)}
        made = type(self)(self._settings.token or "", **options)  # type: ignore[misc]
        made._own(backend)  # noqa: SLF001 - one of the same class
        return made
