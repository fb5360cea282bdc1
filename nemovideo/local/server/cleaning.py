"""Periodic removal of unused sessions and old results."""

from __future__ import annotations

import logging
import sqlite3
import threading

from nemovideo.local.store import Store

_EVERY_S = 3600.0
_log = logging.getLogger("nemovideo.local")


class Cleaner:
    """A thread that removes sessions and results older than `keep_s`, if that is not None."""

    def __init__(self, store: Store, keep_s: float | None) -> None:
        self._store = store
        self._keep_s = keep_s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="nemovideo-cleaner", daemon=True)

    def start(self) -> None:
        """Clean up now, then every hour, or every `keep_s` seconds if that is less."""
        if self._keep_s is not None:
            self._clean(self._keep_s)
            self._thread.start()

    def stop(self) -> None:
        """Stop the thread and wait for it."""
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _work(self) -> None:
        keep_s = self._keep_s or _EVERY_S
        while not self._stopped.wait(min(_EVERY_S, keep_s)):
            self._clean(keep_s)

    def _clean(self, keep_s: float) -> None:
        try:
            removed = self._store.space.remove_older(keep_s)
        except (OSError, sqlite3.Error) as error:
            _log.warning("cleanup failed: %s", error)
        else:
            _log.info("cleanup removed %d sessions and results", removed)
