"""What every request passes first: a check of the host's name, and the log."""

from __future__ import annotations

import logging
import re
import threading
import time
from typing import NamedTuple
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_access = logging.getLogger("nemovideo.local.access")
_FILE_TOKEN = re.compile(r"(?<=^/files/)[^/]+")
_LOCAL = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:[0-9]+)?", re.IGNORECASE)


_LONGEST_CLIENT = 60
_LONGEST_METHOD = 20
_LONGEST_PATH = 1000
"""How much of a path is kept and logged; a request's may have 64 KB."""


class SeenRequest(NamedTuple):
    """A request and the HTTP status of its answer, 0 while none was begun."""

    method: str
    path: str
    status: int


class RequestLog:
    """The latest requests, in the order of their arrival; safe to read from any thread."""

    def __init__(self, limit: int = 10_000) -> None:
        self._guard = threading.Lock()
        self._limit = limit
        self._seen: dict[int, SeenRequest] = {}
        self._count = 0

    def note(self, method: str, path: str) -> int:
        """Note that a request has come, and return its number."""
        with self._guard:
            self._count += 1
            seen = SeenRequest(method[:_LONGEST_METHOD], path[:_LONGEST_PATH], 0)
            self._seen[self._count] = seen
            self._seen.pop(self._count - self._limit, None)
            return self._count

    def answered(self, number: int, status: int) -> None:
        """Note with which status a request was answered."""
        with self._guard:
            if number in self._seen:
                self._seen[number] = self._seen[number]._replace(status=status)

    def all(self) -> tuple[SeenRequest, ...]:
        """Return what was noted."""
        with self._guard:
            return tuple(self._seen.values())


class Guard:
    """Notes every request, and logs a line when it is answered.

    Unless `any_host`, it refuses other host names than this machine's (421), which a browser
    sends after DNS rebinding.
    """

    def __init__(self, app: ASGIApp, *, log: RequestLog, any_host: bool) -> None:
        self._app = app
        self._log = log
        self._any_host = any_host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or refuse it."""
        number = self._log.note(scope["method"], scope["path"])
        began_s, status, size = time.perf_counter(), 0, 0

        async def answer(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
                self._log.answered(number, status)
            size += len(message.get("body", b""))
            await send(message)

        app = self._app if self._any_host or _is_local(scope) else _MISDIRECTED
        try:
            await app(scope, receive, answer)
        finally:
            seconds = time.perf_counter() - began_s
            _access.info("%s %d %d B %.3f s", _described(scope), status, size, seconds)


def _is_local(scope: Scope) -> bool:
    return _LOCAL.fullmatch(Headers(scope=scope).get("host", "")) is not None


def _described(scope: Scope) -> str:
    """Return who asked for what, without the query and the secret part of a file's link."""
    path = _FILE_TOKEN.sub("***", quote(scope["path"][:_LONGEST_PATH]))
    # Behind a proxy of this machine, it is what the request's header says.
    client = quote((scope.get("client") or ("-",))[0][:_LONGEST_CLIENT], safe=":.[]")
    method = quote(scope["method"][:_LONGEST_METHOD])
    return f"{client} {scope.get('nemovideo.user', '-')} {method} {path}"


_MISDIRECTED = JSONResponse(
    {"detail": "This server answers to 127.0.0.1 and localhost only."}, status_code=421
)
