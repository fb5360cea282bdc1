"""Removing what nobody has used for long, once an hour, in a thread of its own."""

from __future__ import annotations

import logging
import sqlite3
import threading

from nemovideo.local.store import Store

_EVERY_S = 3600.0
_log = logging.getLogger("nemovideo.local")


class Cleaner:
    """Removes old sessions and results between start() and stop(), if `keep_s` is a time."""

    def __init__(self, store: Store, keep_s: float | None) -> None:
        self._store = store
        self._keep_s = keep_s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="nemovideo-cleaner", daemon=True)

    def start(self) -> None:
        """Clean once before returning, then every hour, or as often as `keep_s` if that is less."""
        if self._keep_s is not None:
            self._clean(self._keep_s)
            self._thread.start()

    def stop(self) -> None:
        """Stop, and wait for the thread to end."""
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
            _log.warning("old files could not be removed: %s", error)
        else:
            _log.info("removed %d old sessions and results", removed)
