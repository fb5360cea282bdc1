"""Middleware that injects faults into responses."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nemovideo.local.server.faults import Fault, Faults, StreamScript
from nemovideo.local.server.waiting import disconnected, first_completed

Disconnect = Callable[[Scope, bool], None]
"""Closes the request's connection after flushing what was sent, or resets it (True)."""


class FaultInjection:
    """Applies the rules that fire on a request to its response."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        faults: Faults,
        disconnect: Disconnect,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._app = app
        self._faults = faults
        self._disconnect = disconnect
        self._sleep = sleep

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["path"] in ("/__faults__", "/healthz"):
            await self._app(scope, receive, send)
            return
        fired = self._faults.fire(scope["method"], scope["path"])
        scope["nemovideo.faults"] = StreamScript(fired)
        cut = next((fault for fault in fired if fault.kind in ("drop", "stall")), None)
        for fault in fired:
            match fault.kind:
                case "truncate":
                    send = _truncated(send, fault.after_bytes or 0)
                case "content_type":
                    send = _with_headers(send, {"content-type": fault.content_type})
                case "headers":
                    hang_up = partial(self._disconnect, scope, False)
                    send = _resized(_with_headers(send, fault.headers), fault.headers, hang_up)
                case "no_range":
                    scope = _without_range(scope)
                    send = _with_headers(send, {"accept-ranges": "none"})
        app = self._replacement(fired)
        if cut is None:
            await app(scope, receive, send)
        else:
            await self._cut_short(app, cut, scope, receive, send)

    def _replacement(self, fired: tuple[Fault, ...]) -> ASGIApp:
        """Return the app, or the response that a rule sends instead."""
        for fault in fired:
            match fault.kind:
                case "status":
                    return _replacement_response(fault)
                case "redirect":
                    status = fault.status if 300 <= fault.status < 400 else 307
                    return Response(status_code=status, headers={"location": fault.location})
                case "heartbeats":
                    return self._heartbeats(fault)
        return self._app

    def _heartbeats(self, fault: Fault) -> ASGIApp:
        text = fault.body if isinstance(fault.body, str) else ": ping"

        async def beat(send: Send) -> None:
            headers = [(b"content-type", b"text/event-stream; charset=utf-8")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            sent = 0
            while fault.count is None or sent < fault.count:
                body = f"{text}\n\n".encode()
                await send({"type": "http.response.body", "body": body, "more_body": True})
                sent += 1
                await self._sleep(fault.delay_s)
                await asyncio.sleep(0)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

        async def app(_scope: Scope, receive: Receive, send: Send) -> None:
            await first_completed(beat(send), disconnected(receive))

        return app

    async def _cut_short(
        self, app: ASGIApp, fault: Fault, scope: Scope, receive: Receive, send: Send
    ) -> None:
        response = _Cut(send, fault)
        listen = _without_disconnect(receive) if fault.run_continues else receive
        running = asyncio.ensure_future(app(scope, listen, response))
        reached = asyncio.ensure_future(response.reached.wait())
        try:
            await asyncio.wait({running, reached}, return_when=asyncio.FIRST_COMPLETED)
            if not response.reached.is_set():
                running.result()
                return
            if fault.kind == "drop":
                self._disconnect(scope, fault.reset)
            if fault.run_continues:
                await running
        finally:
            running.cancel()
            reached.cancel()
            await asyncio.gather(running, reached, return_exceptions=True)
        await disconnected(receive)


class _Cut:
    """Sends the first bytes of a body (None: not even the status line), and discards the rest.

    Unless `run_continues`, the sender is then blocked, so that the run does not go on.
    """

    def __init__(self, send: Send, fault: Fault) -> None:
        self._send = send
        self._left = fault.after_bytes
        self._run_continues = fault.run_continues
        self.reached = asyncio.Event()

    async def __call__(self, message: Message) -> None:
        body = message.get("body", b"")
        if self._left is None or self.reached.is_set():
            self.reached.set()
        elif message["type"] == "http.response.start" or len(body) < self._left:
            self._left -= len(body)
            await self._send(message)
        else:
            await self._send({**message, "body": body[: self._left], "more_body": True})
            self.reached.set()
        if self.reached.is_set() and not self._run_continues:
            await asyncio.Event().wait()


def _truncated(send: Send, left: int) -> Send:
    """Return a `send` that ends the body after `left` bytes, as a valid response."""
    send = _with_headers(send, {"content-length": ""})

    async def truncate(message: Message) -> None:
        nonlocal left
        if message["type"] == "http.response.body":
            message = {**message, "body": message.get("body", b"")[:left]}
            left -= len(message["body"])
        await send(message)

    return truncate


def _resized(send: Send, headers: Mapping[str, str], hang_up: Callable[[], None]) -> Send:
    """Return a `send` that truncates the body to a replaced Content-Length, or hangs up if that
    exceeds the body.
    """
    claimed = {name.lower(): value for name, value in headers.items()}.get("content-length")
    if not claimed:
        return send
    left = int(claimed)

    async def resize(message: Message) -> None:
        nonlocal left
        if message["type"] != "http.response.body":
            await send(message)
            return
        body = message.get("body", b"")[:left]
        ends = not message.get("more_body", False)
        left -= len(body)
        await send({**message, "body": body, "more_body": left > 0 or not ends})
        if ends and left > 0:
            hang_up()

    return resize


def _with_headers(send: Send, headers: Mapping[str, str]) -> Send:
    """Return a `send` that replaces response headers; empty values remove them."""
    given = {name.lower().encode(): value.encode() for name, value in headers.items()}

    async def replace(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [(k, v) for k, v in message["headers"] if k.lower() not in given]
            message = {**message, "headers": [*kept, *((k, v) for k, v in given.items() if v)]}
        await send(message)

    return replace


def _without_range(scope: Scope) -> Scope:
    kept = [(k, v) for k, v in scope["headers"] if k.lower() not in (b"range", b"if-range")]
    return {**scope, "headers": kept}


def _replacement_response(fault: Fault) -> Response:
    headers = dict(fault.headers)
    if isinstance(fault.body, str):
        return Response(fault.body, fault.status, headers, media_type="text/plain")
    code = 1001 if fault.status == 401 else fault.status
    body = fault.body or {"code": code, "message": "This response comes from a fault rule."}
    return JSONResponse(body, fault.status, headers)


def _without_disconnect(receive: Receive) -> Receive:
    """Return a `receive` that never reports a disconnect."""

    async def listen() -> Message:
        message = await receive()
        if message["type"] == "http.disconnect":
            await asyncio.Event().wait()
        return message

    return listen
