"""Locks that a closed client, a dropped stream or a forked process never leaves locked."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from typing import Protocol
from weakref import ReferenceType, ref

from nemovideo.errors import InvalidRequestError

_LOOK_S = 0.1
"""How often a waiting thread checks whether waiting still makes sense."""

OWN_STREAM_S = 1.0
"""How long a send waits for a stream that its own thread or task left open.

An async generator that was left by `break` is closed a moment later, by another task.
"""

IDLE_S = OWN_STREAM_S / 2
"""How long nobody reads a stream that others wait for, until dropped ones are looked for.

A web framework whose client went away drops a stream together with a traceback, in a reference
cycle, which the garbage collector may leave for minutes.
"""


class Holder(Protocol):
    """What holds a lock: a run.

    Attributes:
        user: The thread or task that advanced it last.
        advancing: Whether it is being advanced right now.
    """

    user: int
    advancing: bool


class Ownership:
    """Finds out whether a lock is held by a stream that only the waiting thread could end."""

    def __init__(self) -> None:
        self._holder: ReferenceType[Holder] | None = None

    def set(self, holder: Holder | None) -> None:
        """Set who holds the lock; by a weak reference, since a dropped run must free it."""
        self._holder = None if holder is None else ref(holder)

    def idle(self) -> bool:
        """Whether it is held by a stream that nobody is reading right now."""
        holder = None if self._holder is None else self._holder()
        return holder is not None and not holder.advancing

    def hopeless(self, user: int) -> bool:
        """Whether this thread or task waits for itself."""
        holder = None if self._holder is None else self._holder()
        return holder is not None and holder.user == user and not holder.advancing


class ThreadLock:
    """A lock for threads; any thread may release it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner = Ownership()

    def acquire(self, holder: Holder, timeout_s: float, check: Callable[[], None]) -> bool:
        """Take the lock, and return whether that was possible in time.

        Args:
            holder: The run that takes it.
            timeout_s: How long to wait.
            check: Called while it waits; its errors end the waiting.

        Raises:
            InvalidRequestError: It is held by a stream that this very thread has left open.
        """
        user, waited, idle_for, hopeless_for = threading.get_ident(), 0.0, 0.0, 0.0
        # Waits are counted, not measured: in a test with frozen time no clock goes on.
        while not self._lock.acquire(timeout=(step := min(_LOOK_S, max(timeout_s - waited, 0)))):
            check()
            waited += step
            idle_for = idle_for + step if self._owner.idle() else 0.0
            if IDLE_S <= idle_for < IDLE_S + _LOOK_S:
                gc.collect()
            hopeless_for = hopeless_for + step if self._owner.hopeless(user) else 0.0
            if hopeless_for >= OWN_STREAM_S:
                raise own_stream_error()
            if waited >= timeout_s:
                return False
        self._owner.set(holder)
        return True

    def release(self) -> None:
        """Release the lock."""
        self._owner.set(None)
        self._lock.release()


def own_stream_error() -> InvalidRequestError:
    """Return the error for a send that would wait for itself."""
    return InvalidRequestError(
        "a stream of this session is still open, and sends of one session wait for each other",
        remedy="Read the stream to its end, or leave its block, before the next message.",
    )
