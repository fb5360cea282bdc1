"""The HTTP server: uvicorn on a loopback socket, in a thread with an event loop of its own."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
import threading

import uvicorn
from starlette.types import ASGIApp, Scope

from nemovideo.errors import LocalBackendError

HOST = "127.0.0.1"
_KEEP_ALIVE_S = 120
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Server:
    """Serves an app between start() and stop(), on 127.0.0.1 only.

    Raises:
        LocalBackendError: The port is taken.
    """

    def __init__(self, port: int) -> None:
        self._socket = _listen(port)
        self.port: int = self._socket.getsockname()[1]
        self._started = threading.Event()
        self._thread: threading.Thread | None = None
        self._uvicorn: _Uvicorn | None = None

    def start(self, app: ASGIApp) -> None:
        """Serve the app; return when it answers."""
        config = uvicorn.Config(
            app,
            http="h11",
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
        )
        self._uvicorn = server = _Uvicorn(config, self._started)

        def serve() -> None:
            try:
                asyncio.run(server.serve(sockets=[self._socket]))
            finally:
                self._started.set()

        self._thread = threading.Thread(target=serve, name="nemovideo-local", daemon=True)
        self._thread.start()
        self._started.wait()
        if not server.started:
            self._thread.join()
            raise LocalBackendError("The local server could not be started.")

    def stop(self) -> None:
        """Close every connection, open streams included, and wait for the thread to end."""
        if self._uvicorn is not None and self._thread is not None:
            self._uvicorn.finish()
            self._thread.join()
        self._socket.close()

    def disconnect(self, scope: Scope, reset: bool) -> None:
        """Close a request's connection after what was sent, or reset it at once."""
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


class _Uvicorn(uvicorn.Server):
    """Uvicorn that says when it is ready, and stops without ticking or waiting for clients."""

    def __init__(self, config: uvicorn.Config, ready: threading.Event) -> None:
        super().__init__(config)
        self._ready = ready
        self._finished = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def main_loop(self) -> None:
        """Serve until finish() is called."""
        self._loop = asyncio.get_running_loop()
        self._ready.set()
        await self.on_tick(0)
        await self._finished.wait()
        for connection in list(self.server_state.connections):
            connection.transport.abort()

    def finish(self) -> None:
        """End main_loop(), from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._finished.set)


def _listen(port: int) -> socket.socket:
    # asyncio sets TCP_NODELAY only where the protocol is named; without it every answer,
    # written as head and body, waits 40 ms for a delayed acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform != "win32":  # where it means that a port may be taken over
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(socket.SOMAXCONN)
    except (OSError, OverflowError) as error:
        listener.close()
        raise LocalBackendError(f"Port {port} of {HOST} cannot be used: {error}") from error
    return listener
