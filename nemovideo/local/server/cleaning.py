"""Periodic removal of unused sessions and old results."""

from __future__ import annotations

import logging
import sqlite3
import threading

from nemovideo.local.store import Store

_INTERVAL_S = 3600.0
_log = logging.getLogger("nemovideo.local")


class Cleaner:
    """A thread that removes sessions and results older than `keep_s`."""

    def __init__(self, store: Store, keep_s: float) -> None:
        self._store = store
        self._keep_s = keep_s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="nemovideo-cleaner", daemon=True)

    def start(self) -> None:
        """Clean up now, then every hour, or every `keep_s` seconds if that is less."""
        self._clean()
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread and wait for it."""
        self._stopped.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._stopped.wait(min(_INTERVAL_S, self._keep_s or _INTERVAL_S)):
            self._clean()

    def _clean(self) -> None:
        try:
            removed = self._store.space.remove_older(self._keep_s)
        except (OSError, sqlite3.Error) as error:
            _log.warning("cleanup failed: %s", error)
        else:
            _log.info("cleanup removed %d sessions and results", removed)
