"""What one user may take of a backend that serves others."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import attrs

from nemovideo.local.server.forms import Problem

GIB = 1024**3


@attrs.frozen
class Limits:
    """Bounds for each user, which means for each token; None is no bound.

    Attributes:
        renders: How many renders may wait or run at a time; one more is answered 429.
        disk_bytes: What uploads, drafts and results may take; beyond that 507.
        url_upload_s: How many seconds an upload by URL may take in all.
    """

    renders: int | None = None
    disk_bytes: int | None = None
    url_upload_s: float = 600.0

    def check_disk(self, used_bytes: int) -> None:
        """Refuse to take more of the disk than a user may have.

        Raises:
            Problem: 507.
        """
        if self.disk_bytes is not None and used_bytes > self.disk_bytes:
            share = f"{self.disk_bytes / GIB:.1f} GiB"
            raise Problem(*(507, f"Your part of the server's disk, {share}, is used up."), code=507)

    def check_renders(self, unfinished: int) -> None:
        """Refuse one more render than a user may have at a time.

        Raises:
            Problem: 429.
        """
        if self.renders is not None and unfinished >= self.renders:
            raise Problem(
                *(429, f"You have {unfinished} renders that wait or run, which is the most."),
                code=429,
                headers={"Retry-After": "10"},
            )


class Arriving:
    """The bytes of uploads under way, by user; they count as used before they are kept."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._bytes: Counter[str] = Counter()

    @contextmanager
    def of(self, user_id: str) -> Iterator[Callable[[int], int]]:
        """Give a function that counts more bytes, and returns all that the user has under way."""
        mine, over = 0, False

        def more(size: int) -> int:
            nonlocal mine
            with self._guard:
                if over:  # a thread that was left behind counts nothing
                    raise Problem(400, "The upload has ended.")
                mine += size
                self._bytes[user_id] += size
                return self._bytes[user_id]

        try:
            yield more
        finally:
            with self._guard:
                over = True
                self._bytes[user_id] -= mine
                if not self._bytes[user_id]:
                    del self._bytes[user_id]


SHARED = Limits(renders=4, disk_bytes=10 * GIB)
"""The limits of a backend that serves others, unless told otherwise."""
