"""Work done ahead in a thread of its own: masks, frames and encoding overlap."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Generic, TypeVar

import attrs

_Item = TypeVar("_Item")

_ROOM = 2
_POLL_S = 0.1


@attrs.frozen
class _End:
    """The producer has ended, well or with an error."""

    error: BaseException | None = None


def go_on() -> None:
    """Do nothing: the tick of work that nobody stops."""


@contextmanager
def ahead(
    items: Iterator[_Item], *, tick: Callable[[], None] = go_on, room: int = _ROOM
) -> Iterator[Iterator[_Item]]:
    """Take the items in another thread, a few ahead of who asks for them here.

    An error of theirs is raised here. When the block is left, however that is,
    the thread ends after the item that it is at.

    Args:
        items: What is to be taken; nobody else may.
        tick: Called again and again while an item is waited for; it may raise.
        room: How many finished items may wait to be taken.
    """
    producer = _Producer(items, room)
    producer.start()
    try:
        yield producer.taken(tick)
    finally:
        producer.stop()


class _Producer(Generic[_Item]):
    def __init__(self, items: Iterator[_Item], room: int) -> None:
        self._items = items
        self._queue: queue.Queue[_Item | _End] = queue.Queue(room)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="nemovideo-frames", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread, and wait for the item that it is at.

        One left behind in a native library would end the process, not only itself, at its exit.
        """
        self._stopped.set()
        with suppress(queue.Empty):
            while True:  # it may be waiting for room
                self._queue.get_nowait()
        self._thread.join()

    def taken(self, tick: Callable[[], None]) -> Iterator[_Item]:
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
        except BaseException as error:  # noqa: BLE001 - it is raised again where the items are taken
            end = _End(error)
        close = getattr(self._items, "close", None)
        if close is not None:  # files are closed by the thread that reads them
            with suppress(Exception):
                close()
        self._put(end)

    def _put(self, item: _Item | _End) -> bool:
        """Wait for room; False if nobody takes items any more."""
        while not self._stopped.is_set():
            with suppress(queue.Full):
                self._queue.put(item, timeout=_POLL_S)
                return not self._stopped.is_set()
        return False
