"""State of a sync client and its copies in one process: HTTP clients, streams and locks."""

from __future__ import annotations

import sys
import threading
import warnings
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING
from weakref import WeakSet, WeakValueDictionary

from nemovideo._drivers import http
from nemovideo._drivers.calls import BasePool
from nemovideo._drivers.connections import Connections
from nemovideo._drivers.locks import ThreadLock
from nemovideo._drivers.network_errors import closed_error, forked_error
from nemovideo._support.forks import reset_in_children

if TYPE_CHECKING:
    from nemovideo._drivers.sync_stream import Stream


class Pool(BasePool[http.SyncClient]):
    """The HTTP clients, streams and locks of a client and its copies."""

    def __init__(self, user_client: http.SyncClient | None) -> None:
        super().__init__(user_client)
        self._forked = False
        self._reset()
        reset_in_children(self)

    def _reset(self) -> None:
        # Reentrant: garbage collection in the thread that holds it may drop a stream.
        self.guard: AbstractContextManager[bool] = threading.RLock()
        self.locks: WeakValueDictionary[str, ThreadLock] = WeakValueDictionary()
        self.streams: WeakSet[Stream] = WeakSet()
        self.connections: Connections = Connections()
        self.closing: threading.Event = threading.Event()
        self._client: http.SyncClient | None = None
        self._fresh_client: http.SyncClient | None = None

    def client(self, *, fresh: bool = False) -> http.SyncClient:
        """Return the HTTP client, or with `fresh` the one that does not pool connections.

        Raises:
            InvalidRequestError: The client is the user's, and was made before a fork.
        """
        with self.guard:
            if self._user_client is not None:
                if self._forked:
                    raise forked_error()
                return self._user_client
            if fresh:
                self._fresh_client = self._fresh_client or http.sync_client(reuse=False)
                return self._fresh_client
            self._client = self._client or http.sync_client()
            return self._client

    def lock(self, name: str) -> ThreadLock:
        """Return the lock with this name; it exists while it is referenced."""
        with self.guard:
            return self.locks.setdefault(name, ThreadLock())

    def close(self) -> bool:
        """Close our own HTTP clients, and return whether there were any.

        Threads that sleep, or wait for a response, a stream or a lock, wake with an error.
        """
        self.closing.set()
        with self.guard:
            open_clients = [c for c in (self._client, self._fresh_client) if c is not None]
            self._client = self._fresh_client = None
            streams = list(self.streams)
            connections, self.connections = self.connections, Connections()
        for stream in streams:
            stream.fail(closed_error())
        connections.shut_down()
        for client in open_clients:
            client.close()
        return bool(open_clients)

    def open(self) -> None:
        """Reopen the pool after `close`."""
        if self.closing.is_set():
            self.closing = threading.Event()

    def after_fork(self) -> None:
        """Start with new connections and locks in a child process."""
        self._forked = True
        self._reset()

    def __del__(self) -> None:
        # A client in a module lives as long as the process.
        if self.close() and not sys.is_finalizing():
            warnings.warn(
                "a nemovideo Client was not closed; use it in a with block, or call close()",
                ResourceWarning,
                stacklevel=2,
                source=self,
            )
