"""The HTTP server: uvicorn on one socket, in a thread with its own event loop."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import struct
import sys
import threading
import time

import uvicorn
from starlette.types import ASGIApp, Scope

from nemovideo._values.remedies import Option, Remedy
from nemovideo.errors import LocalBackendError
from nemovideo.local.server.connections import Connection, bounded
from nemovideo.local.server.limits import MAX_CONNECTIONS
from nemovideo.local.server.waiting import first_completed

_KEEP_ALIVE_S = 120
_GRACE_S = 3
_BACKLOG = 128  # asyncio accepts this many connections per loop iteration
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Server:
    """Serves an app between start() and stop().

    With `shared`, the number of connections is limited to `max_connections`: beyond that, a new
    one replaces an older one (see `bounded`). A connection that does not complete a request head
    within `request_head_s` seconds is closed.

    Raises:
        LocalBackendError: The address cannot be used.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        shared: bool = False,
        request_head_s: float = 30.0,
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        self._socket = _listen(host, port)
        self._shared = shared
        self._request_head_s = request_head_s
        self._max_connections = max_connections
        self.port: int = self._socket.getsockname()[1]
        self._started = threading.Event()
        self._thread: threading.Thread | None = None
        self._uvicorn: _Uvicorn | None = None

    def start(self, app: ASGIApp) -> None:
        """Serve the app; return when it is ready."""
        config = uvicorn.Config(
            app,
            http=bounded(self._max_connections) if self._shared else Connection,
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            server_header=False,
            date_header=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_GRACE_S,
            backlog=_BACKLOG if self._shared else socket.SOMAXCONN,
        )
        self._uvicorn = server = _Uvicorn(
            config, self._started, request_head_s=self._request_head_s if self._shared else None
        )

        def serve() -> None:
            log = logging.getLogger("uvicorn.error")
            quiet = _QuietThread()
            log.addFilter(quiet)
            try:
                asyncio.run(server.serve(sockets=[self._socket]))
            finally:
                log.removeFilter(quiet)
                self._started.set()

        self._thread = threading.Thread(target=serve, name="nemovideo-local", daemon=True)
        self._thread.start()
        self._started.wait()
        if not server.started:
            self._thread.join()
            raise LocalBackendError("The local server could not be started.")

    def stop(self) -> None:
        """Close all connections, streams included, and wait for the thread.

        Requests that are still running three seconds later are canceled: clients that have
        disconnected may have queued minutes of work.
        """
        if self._uvicorn is not None and self._thread is not None:
            self._uvicorn.finish()
            self._thread.join()
        self._socket.close()

    def disconnect(self, scope: Scope, reset: bool) -> None:
        """Close a request's connection after flushing it, or reset it."""
        if self._uvicorn is None:
            return
        for connection in list(self._uvicorn.server_state.connections):
            if getattr(connection, "client", None) != scope["client"]:
                continue
            if reset:
                connected = connection.transport.get_extra_info("socket")
                connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                connection.transport.abort()
            else:
                connection.transport.close()


class _QuietThread(logging.Filter):
    """Drops what uvicorn logs below WARNING in the current thread.

    The loggers themselves are not changed: a service in this process may run under uvicorn too.
    """

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.get_ident()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to log the record."""
        return record.thread != self._thread or record.levelno >= logging.WARNING


class _Uvicorn(uvicorn.Server):
    """Uvicorn that reports when it is ready, and stops without waiting for clients."""

    def __init__(
        self, config: uvicorn.Config, ready: threading.Event, *, request_head_s: float | None
    ) -> None:
        super().__init__(config)
        self._ready = ready
        self._request_head_s = request_head_s
        self._finished = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def main_loop(self) -> None:
        """Serve until finish() is called."""
        self._loop = asyncio.get_running_loop()
        if sys.platform != "win32":
            # A test's freezegun replaces `time.monotonic`, the clock of the loop's timers.
            self._loop.time = _monotonic  # type: ignore[method-assign]
        self._ready.set()
        await self.on_tick(0)
        if self._request_head_s is None:
            await self._finished.wait()
        else:
            await first_completed(self._watch(self._request_head_s), self._finished.wait())
        for connection in list(self.server_state.connections):
            connection.transport.abort()

    async def _watch(self, request_head_s: float) -> None:
        """Close connections that do not complete a request head, or do not read, in time.

        Uvicorn has a timeout only between requests, and only until the next byte arrives.
        """
        idle_since: dict[object, float] = {}
        while True:
            now_s, before, idle_since = time.monotonic(), idle_since, {}
            for connection in list(self.server_state.connections):
                if not isinstance(connection, Connection) or connection.stage is None:
                    continue
                key = connection, connection.stage
                since = idle_since[key] = before.get(key, now_s)
                limit_s = request_head_s + (0 if connection.request is None else _KEEP_ALIVE_S)
                if now_s - since >= limit_s:
                    connection.transport.abort()
            await asyncio.sleep(request_head_s / 6)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Return when the last request has ended; uvicorn pauses for 0.1 s in any case."""
        for listener in (*self.servers, *(sockets or ())):
            listener.close()
        for _ in range(3):  # let connection_lost() and connection_made() run
            await asyncio.sleep(0)
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=0.1)
        if self.server_state.tasks or self.server_state.connections:
            await super().shutdown(sockets)

    def finish(self) -> None:
        """End main_loop(); thread-safe."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._finished.set)


def _monotonic() -> float:
    return time.clock_gettime(time.CLOCK_MONOTONIC)


def _listen(host: str, port: int) -> socket.socket:
    listener: socket.socket | None = None
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, _, _, address = found[0]
        # asyncio sets TCP_NODELAY only if the protocol is given; without it, every response,
        # written as head and body, is delayed by 40 ms (delayed acknowledgement).
        listener = socket.socket(family, kind, socket.IPPROTO_TCP)
        if sys.platform != "win32":  # there, it lets other programs take over the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(socket.SOMAXCONN)
    except (OSError, OverflowError) as error:
        if listener is not None:
            listener.close()
        message, remedy = f"Port {port} of {host} cannot be used: {error}", None
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            message = f"Port {port} of {host} is in use by another program"
            remedy = Remedy(
                "stop the program that uses it",
                ("choose another port (", Option("port", 0), " picks a free one)"),
            )
        raise LocalBackendError(message, remedy=remedy) from error
    return listener
