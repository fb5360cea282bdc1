"""The door of the server: only this machine's names are let in, and every request is noted."""

from __future__ import annotations

import re
import threading
from typing import NamedTuple

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LOCAL = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:[0-9]+)?", re.IGNORECASE)


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
            self._seen[self._count] = SeenRequest(method, path, 0)
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
    """Refuses other host names, which a browser sends after DNS rebinding (421)."""

    def __init__(self, app: ASGIApp, *, log: RequestLog) -> None:
        self._app = app
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or refuse it."""
        number = self._log.note(scope["method"], scope["path"])

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._log.answered(number, message["status"])
            await send(message)

        app = self._app if _is_local(scope) else _MISDIRECTED
        await app(scope, receive, answer)


def _is_local(scope: Scope) -> bool:
    return _LOCAL.fullmatch(Headers(scope=scope).get("host", "")) is not None


_MISDIRECTED = JSONResponse(
    {"detail": "This server answers to 127.0.0.1 and localhost only."}, status_code=421
)
