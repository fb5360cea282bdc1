"""Writes what a download brings in a thread of its own, while more of it comes."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence

from nemovideo._downloads.transfer import Transfer
from nemovideo._support.clock import Clock

_BATCH_BYTES = 1024 * 1024
_BATCH_S = 0.25
"""So much, or what came in such a time, is handed to the thread at once."""

_BATCHES = 4
"""How many batches may wait for the disk: what a download takes of memory."""


class Writer:
    """The way from one answer's chunks to a transfer; `finish` ends it in any case.

    A download that fits into one batch needs no thread.
    """

    def __init__(self, transfer: Transfer, clock: Clock) -> None:
        self._transfer = transfer
        self._clock = clock
        self._batch: list[bytes] = []
        self._size = 0
        self._began = clock.monotonic()
        self._queue: queue.SimpleQueue[Sequence[bytes] | None] = queue.SimpleQueue()
        self._room = threading.Semaphore(_BATCHES)
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    def take(self, chunk: bytes) -> bool:
        """Take a chunk, and say whether it is time for `flush`."""
        self._batch.append(chunk)
        self._size += len(chunk)
        return self._size >= _BATCH_BYTES or self._clock.monotonic() - self._began >= _BATCH_S

    def flush(self, *, wait: bool = True) -> bool:
        """Hand the batch to the thread, once there is room; False: there is none without waiting.

        Raises:
            DownloadError: What was handed over before could not be written.
        """
        if not self._room.acquire(blocking=wait):
            return False
        if self._error is not None:
            raise self._error
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._write, name="nemovideo-download", daemon=True
            )
            self._thread.start()
        self._queue.put(self._batch)
        self._batch, self._size, self._began = [], 0, self._clock.monotonic()
        return True

    def finish(self) -> None:
        """Write all that was taken, and end the thread.

        Raises:
            DownloadError: It could not be written.
        """
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
        if self._error is not None:
            raise self._error
        self._transfer.write_all(self._batch)

    def _write(self) -> None:
        try:
            while (batch := self._queue.get()) is not None:
                self._transfer.write_all(batch)
                self._room.release()
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            self._error = error
            self._room.release()
