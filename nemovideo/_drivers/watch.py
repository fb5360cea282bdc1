"""Tells the user's hooks of each request and its answer."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from nemovideo._config.settings import Settings
from nemovideo._drivers import http
from nemovideo._flows.steps import Request
from nemovideo._wire import envelopes
from nemovideo.errors import NemoError
from nemovideo.hooks import RequestInfo, ResponseInfo


class Watch:
    """One request under way; makes nothing where nobody listens."""

    def __init__(self, settings: Settings, request: Request) -> None:
        self._info: RequestInfo | None = None
        if settings.on_request is None and settings.on_response is None:
            return
        self._settings = settings
        self._started = settings.clock.monotonic()
        self._secret = http.secret_of(request)
        url = urlsplit(request.path if "://" in request.path else settings.base_url + request.path)
        self._info = RequestInfo(request.method, url.hostname or "", envelopes.redact(url.path))
        if settings.on_request is not None:
            settings.on_request(self._info)

    def answered(self, status: int, headers: Mapping[str, str]) -> None:
        """Tell of the head of the answer."""
        if self._info is not None:
            self._tell(status, envelopes.request_id(headers, self._secret))

    def failed(self, error: NemoError) -> None:
        """Tell that there is none."""
        self._tell(None, None, error)

    def _tell(
        self, status: int | None, request_id: str | None, error: NemoError | None = None
    ) -> None:
        if self._info is None or self._settings.on_response is None:
            return
        elapsed_s = self._settings.clock.monotonic() - self._started
        self._settings.on_response(ResponseInfo(self._info, status, request_id, elapsed_s, error))
