"""Middleware that checks the Host header and logs requests."""

from __future__ import annotations

import logging
import re
import secrets
import threading
import time
from collections import Counter
from typing import NamedTuple
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nemovideo._support.addresses import mask_file_token

_access = logging.getLogger("nemovideo.local.access")
_POLL = re.compile(r"GET /api/render/proxy/lambda/[^/]+")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
"""Client request ids that are accepted; others could inject lines or fields into the log."""
_LOCAL = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:[0-9]+)?", re.IGNORECASE)

_MAX_REQUESTS = 10_000
_MAX_CLIENT_CHARS = 60
_MAX_REQUEST_ID_CHARS = 128
_MAX_METHOD_CHARS = 20
_MAX_PATH_CHARS = 1000
"""Limits of the recorded requests, and of their lines in the log."""

_MAX_URL_CHARS = 4000
"""The longest link to a file has 2500 characters; parsing a query of 60,000 takes 60 ms."""


class SeenRequest(NamedTuple):
    """A request and the HTTP status of its response, 0 before the response starts."""

    method: str
    path: str
    status: int


class RequestLog:
    """The latest requests in order of arrival; thread-safe.

    `level` is the level of their lines in the access log.
    """

    def __init__(self, *, level: int) -> None:
        self.level = level
        self._lock = threading.Lock()
        self._seen: dict[int, SeenRequest] = {}
        self._count = 0

    def note(self, method: str, path: str) -> int:
        """Record a request, and return its number."""
        with self._lock:
            self._count += 1
            seen = SeenRequest(method[:_MAX_METHOD_CHARS], path[:_MAX_PATH_CHARS], 0)
            self._seen[self._count] = seen
            self._seen.pop(self._count - _MAX_REQUESTS, None)
            return self._count

    def answered(self, number: int, status: int) -> None:
        """Record the status of a response."""
        with self._lock:
            if number in self._seen:
                self._seen[number] = self._seen[number]._replace(status=status)

    def all(self) -> tuple[SeenRequest, ...]:
        """Return the recorded requests."""
        with self._lock:
            return tuple(self._seen.values())


class Guard:
    """Records every request, and logs a line when it ends; polls of renders at DEBUG.

    Every response has an X-Request-Id, which is also logged: that of the request if it is well
    formed, otherwise a random one, unless a fault rule sets one.

    `in_progress` is the number of running requests of each user, counted by `count_request`.

    A long URL is rejected (414).

    Unless `any_host`, a Host header other than this machine's is rejected (421), to prevent DNS
    rebinding.
    """

    def __init__(
        self, app: ASGIApp, *, log: RequestLog, in_progress: Counter[str], any_host: bool
    ) -> None:
        self._app = app
        self._in_progress = in_progress
        self._log = log
        self._any_host = any_host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        number = self._log.note(scope["method"], scope["path"])
        began_s, status, size = time.perf_counter(), 0, 0
        request_headers = Headers(scope=scope)
        request_id = request_headers.get("x-request-id", "")
        if not _REQUEST_ID.fullmatch(request_id):
            request_id = secrets.token_hex(8)

        async def send_response(message: Message) -> None:
            nonlocal status, size, request_id
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(raw=list(message.get("headers", ())))
                request_id = headers.setdefault("x-request-id", request_id)
                message = {**message, "headers": headers.raw}
                self._log.answered(number, status)
            size += len(message.get("body", b""))
            await send(message)

        local = _LOCAL.fullmatch(request_headers.get("host", ""))
        app = self._app if self._any_host or local else _MISDIRECTED
        if len(scope["raw_path"]) + len(scope["query_string"]) > _MAX_URL_CHARS:
            app = _TOO_LONG
        try:
            await app(scope, receive, send_response)
        finally:
            if (counter := scope.get("nemovideo.counter")) is not None:
                self._in_progress[counter] -= 1
                if not self._in_progress[counter]:
                    del self._in_progress[counter]
            seconds = time.perf_counter() - began_s
            poll = status < 400 and _POLL.fullmatch(f"{scope['method']} {scope['path']}")
            level = min(self._log.level, logging.DEBUG) if poll else self._log.level
            if _access.isEnabledFor(level):
                line = _request_line(scope)
                shown = quote(request_id[:_MAX_REQUEST_ID_CHARS])
                _access.log(level, "%s %d %d B %.3f s %s", line, status, size, seconds, shown)


def _request_line(scope: Scope) -> str:
    """Return client, user, method and path, without the query and the secrets of file links."""
    path = mask_file_token(quote(scope["path"][:_MAX_PATH_CHARS]))
    # Behind a proxy on this machine, the client comes from a header of the request.
    client = quote((scope.get("client") or ("-",))[0][:_MAX_CLIENT_CHARS], safe=":.[]")
    method = quote(scope["method"][:_MAX_METHOD_CHARS])
    return f"{client} {scope.get('nemovideo.user', '-')} {method} {path}"


_MISDIRECTED = JSONResponse(
    {
        "detail": "This server accepts only the hosts 127.0.0.1 and localhost.",
        "remedy": "Use http://127.0.0.1 with the server's port, or start the server with --host "
        "and --api-key-file (in Python host= and api_key=) to serve other names.",
    },
    status_code=421,
)
_TOO_LONG = JSONResponse(
    {"detail": f"A URL may have at most {_MAX_URL_CHARS} characters."}, status_code=414
)
