"""Locks that a closed client, a dropped stream or a forked process cannot leave locked."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from typing import Protocol
from weakref import ReferenceType, ref

from nemovideo.errors import InvalidRequestError

_POLL_S = 0.1
"""The interval at which a waiting thread checks for a deadlock or a closed client."""

DEADLOCK_S = 1.0
"""The time after which a send that waits for a stream of its own thread or task fails.

It is not zero because an async generator left by `break` is closed a moment later, by another task.
"""

IDLE_S = DEADLOCK_S / 2
"""The time after which waiting for a stream that is not being read runs the garbage collector.

When a client disconnects, web frameworks drop the stream together with a traceback. The two form a
reference cycle, which might otherwise not be collected for minutes.
"""


class Holder(Protocol):
    """The run that holds a lock.

    Attributes:
        user: The thread or task that advanced it last.
        advancing: Whether it is being advanced.
    """

    user: int
    advancing: bool


class Ownership:
    """Tracks the holder of a lock, to detect deadlocks and dropped streams."""

    def __init__(self) -> None:
        self._holder: ReferenceType[Holder] | None = None

    def set(self, holder: Holder | None) -> None:
        """Set the holder, as a weak reference: a dropped run must release its lock."""
        self._holder = None if holder is None else ref(holder)

    def idle_user(self) -> int | None:
        """Return the user of the stream that holds the lock, if it is not being read.

        A thread or task that waits for its own stream is in a deadlock.
        """
        holder = None if self._holder is None else self._holder()
        return None if holder is None or holder.advancing else holder.user


class ThreadLock:
    """A lock for threads; any thread may release it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner = Ownership()

    def acquire(self, holder: Holder, timeout_s: float, check: Callable[[], None]) -> bool:
        """Acquire the lock, and return whether it was acquired within the timeout.

        The timeout may be infinite. `check` is called during the wait, and ends it by raising.

        Raises:
            InvalidRequestError: It is held by an open stream of this thread.
        """
        user, waited, idle_for, deadlocked_for = threading.get_ident(), 0.0, 0.0, 0.0
        # Waits are added up, not measured, because tests may freeze the clock.
        while not self._lock.acquire(timeout=(step := min(_POLL_S, max(timeout_s - waited, 0)))):
            check()
            waited += step
            idle_user = self._owner.idle_user()
            idle_for = 0.0 if idle_user is None else idle_for + step
            if IDLE_S <= idle_for < IDLE_S + _POLL_S:
                gc.collect()
            deadlocked_for = deadlocked_for + step if idle_user == user else 0.0
            if deadlocked_for >= DEADLOCK_S:
                raise deadlock_error()
            if waited >= timeout_s:
                return False
        self._owner.set(holder)
        return True

    def release(self) -> None:
        """Release the lock."""
        self._owner.set(None)
        self._lock.release()


def deadlock_error() -> InvalidRequestError:
    """Return the error for a send that waits for a stream of its own thread or task."""
    return InvalidRequestError(
        "a stream of this session is still open, and a session sends one message at a time",
        remedy="Read the stream to its end, or leave its block, before the next message.",
    )
