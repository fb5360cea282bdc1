"""Iterators that run in a separate thread, so that masks, frames and encoding overlap."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Generic, TypeVar

import attrs

_Item = TypeVar("_Item")

_QUEUE_SIZE = 2
_POLL_S = 0.1


@attrs.frozen
class _End:
    """The end of the items, or the error that ended them."""

    error: BaseException | None = None


def no_tick() -> None:
    """Do nothing: the default of `tick` arguments."""


@contextmanager
def prefetch(
    items: Iterator[_Item], *, tick: Callable[[], None] = no_tick, size: int = _QUEUE_SIZE
) -> Iterator[Iterator[_Item]]:
    """Iterate in another thread, a few items ahead of the consumer.

    Errors are raised in the consumer. On exit, the thread stops after its current item.

    Args:
        items: The items; only the thread may iterate them.
        tick: Called every 0.1 s while the consumer waits; it may raise.
        size: The size of the queue.
    """
    producer = _Producer(items, size)
    producer.start()
    try:
        yield producer.items(tick)
    finally:
        producer.stop()


class _Producer(Generic[_Item]):
    def __init__(self, items: Iterator[_Item], size: int) -> None:
        self._items = items
        self._queue: queue.Queue[_Item | _End] = queue.Queue(size)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="nemovideo-frames", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread, and wait for it.

        A thread inside a native library at exit would crash the process.
        """
        self._stopped.set()
        with suppress(queue.Empty):
            while True:  # the thread may be waiting in put()
                self._queue.get_nowait()
        self._thread.join()

    def items(self, tick: Callable[[], None]) -> Iterator[_Item]:
        while True:
            try:
                item = self._queue.get(timeout=_POLL_S)
            except queue.Empty:
                tick()
                continue
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item

    def _run(self) -> None:
        end = _End()
        try:
            for item in self._items:
                if not self._put(item):
                    break
        except BaseException as error:  # noqa: BLE001 - raised again in the consumer
            end = _End(error)
        close = getattr(self._items, "close", None)
        if close is not None:  # files are closed in the thread that reads them
            with suppress(Exception):
                close()
        self._put(end)

    def _put(self, item: _Item | _End) -> bool:
        """Wait for space in the queue; return False if stopped."""
        while not self._stopped.is_set():
            with suppress(queue.Full):
                self._queue.put(item, timeout=_POLL_S)
                return not self._stopped.is_set()
        return False
