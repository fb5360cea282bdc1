"""What a forked child must not share with its parent: objects that are reset in the child.

A child of `os.fork` inherits sockets, locks and exit hooks. Sharing a socket mixes the answers of
two processes, and a lock that another thread of the parent held stays locked for ever.
"""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet


class Resettable(Protocol):
    """An object with state that belongs to one process."""

    def after_fork(self) -> None:
        """Drop that state, in the child; must not wait for a lock."""
        ...


_watched: WeakSet[Resettable] = WeakSet()


def reset_in_children(thing: Resettable) -> None:
    """Call `thing.after_fork()` in every child that this process forks, while the thing lives."""
    _watched.add(thing)


def _in_child() -> None:
    for thing in list(_watched):
        thing.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
