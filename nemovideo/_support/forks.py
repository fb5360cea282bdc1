"""Reset objects in forked child processes.

A child of `os.fork` inherits sockets and locks. A shared socket mixes up the responses of two
processes, and a lock held by another thread of the parent is never released.
"""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet


class Resettable(Protocol):
    """An object whose state belongs to one process."""

    def after_fork(self) -> None:
        """Reset that state in the child, without waiting for a lock."""
        ...


_resettable: WeakSet[Resettable] = WeakSet()


def reset_in_children(resettable: Resettable) -> None:
    """Call `after_fork` in every child process while the object exists."""
    _resettable.add(resettable)


def _in_child() -> None:
    for resettable in list(_resettable):
        resettable.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
