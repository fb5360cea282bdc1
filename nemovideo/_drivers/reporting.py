"""Report each request and its response to the user's hooks, and to the log at DEBUG."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TypeVar
from urllib.parse import urlsplit

from nemovideo._config.settings import Settings
from nemovideo._drivers.network_errors import secret_of
from nemovideo._flows.steps import Request
from nemovideo._support.addresses import mask_file_token
from nemovideo._wire import envelopes
from nemovideo.errors import NemoError
from nemovideo.hooks import RequestInfo, ResponseInfo

E = TypeVar("E", bound=Exception)

log = logging.getLogger("nemovideo")


class Reporter:
    """Reports one request; does nothing without hooks and DEBUG logging."""

    def __init__(self, settings: Settings, request: Request) -> None:
        self._info: RequestInfo | None = None
        self._logs = log.isEnabledFor(logging.DEBUG)
        if settings.on_request is None and settings.on_response is None and not self._logs:
            return
        self._settings = settings
        self._started = settings.clock.monotonic()
        self._secret = secret_of(request)
        url = urlsplit(request.url(settings.base_url))
        path = mask_file_token(envelopes.redact(url.path))
        self._info = RequestInfo(request.method, url.hostname or "", path, request.route)
        if self._logs:
            log.debug("%s %s%s", self._info.method, self._info.host, self._info.path)
        if settings.on_request is not None:
            settings.on_request(self._info)

    def on_response(self, status: int, headers: Mapping[str, str]) -> None:
        """Report the response headers."""
        if self._info is not None:
            self._report(status, envelopes.request_id(headers, self._secret))

    def on_error(self, error: E) -> E:
        """Report a request without a response, and return its error."""
        if isinstance(error, NemoError):
            self._report(None, None, error)
        return error

    def _report(
        self, status: int | None, request_id: str | None, error: NemoError | None = None
    ) -> None:
        if self._info is None:
            return
        elapsed_s = self._settings.clock.monotonic() - self._started
        if self._logs:
            log.debug(
                "%s %s%s: %s in %.3f s",
                self._info.method,
                self._info.host,
                self._info.path,
                f"HTTP {status}" if error is None else type(error).__name__,
                elapsed_s,
            )
        if self._settings.on_response is not None:
            self._settings.on_response(
                ResponseInfo(self._info, status, request_id, elapsed_s, error)
            )
