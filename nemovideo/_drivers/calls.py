"""Base classes for the calls and HTTP clients of sync and async clients."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from nemovideo._config.proxies import Proxies
from nemovideo._config.settings import Settings
from nemovideo._drivers.attempts import Deadline
from nemovideo._drivers.network_errors import ErrorMapper, closed_error
from nemovideo.errors import APIConnectionError, NemoError

C = TypeVar("C")


class BasePool(Generic[C]):
    """The HTTP clients of a client and its copies; the user's own client is never closed here."""

    def __init__(self, user_client: C | None) -> None:
        self._user_client = user_client

    @property
    def owns_client(self) -> bool:
        """Whether the HTTP client is ours, not the user's."""
        return self._user_client is None


P = TypeVar("P", bound=BasePool[Any])


class BaseCalls(Generic[P]):
    """The settings and connections of one client, open or closed.

    `parent` belongs to the original client, if this one is a copy.
    """

    def __init__(self, settings: Settings, pool: P, parent: BaseCalls[P] | None = None) -> None:
        self.settings = settings
        self.pool = pool
        self._parent = parent
        self._closed = False
        self._errors = ErrorMapper(
            settings, Proxies.from_environment() if pool.owns_client else None
        )

    @property
    def closed(self) -> bool:
        """Whether this client, or the one it was copied from, was closed."""
        return self._closed or (self._parent is not None and self._parent.closed)

    def set_closed(self, closed: bool) -> None:
        """Reject further calls, or accept them again."""
        self._closed = closed

    def interruption(self, deadline: Deadline) -> NemoError:
        """Return the error to report to `on_response` for a request that was canceled."""
        if self.closed:
            return closed_error()
        if deadline.remaining() <= 0:
            return deadline.error()
        return APIConnectionError("the request was canceled", remedy="Retry if needed.")

    def check(self) -> None:
        """Raise an `InvalidRequestError` if the client was closed."""
        if self.closed:
            raise closed_error()
