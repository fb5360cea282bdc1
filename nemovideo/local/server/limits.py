"""Limits of a backend: quotas per user, and the time and memory to process a file."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import attrs

from nemovideo._support.numbers import number
from nemovideo.local.server.forms import Problem

GIB = 1024**3
MAX_CONNECTIONS = 256
"""The maximum number of connections of a backend with API keys."""

OVER_QUOTA = (
    "Ask the operator of the server for more space (--max-disk), or to remove old results and "
    "unused sessions earlier (--keep): users cannot remove files themselves."
)
"""The remedy if a quota is used up."""


@attrs.frozen
class Limits:
    """Quotas per user, that is, per token, and limits on the processing of files.

    The last four apply to `LocalBackend(isolate=True)`, which kills a process at the limit.

    Attributes:
        renders: Unfinished renders of a user at a time; one more is rejected with 429. None for
            no limit.
        disk_bytes: Total size of a user's uploads, drafts and results; beyond it, 507. None for
            no limit.
        url_upload_s: Total time of an upload by URL, in seconds.
        memory_bytes: Memory of each process, on Linux; the machine's memory if that is less. None
            for no limit. The default is enough for the largest pictures and videos that the
            renderer accepts.
        probe_s: Time to examine an uploaded file, in seconds.
        preview_s: Time to make a preview, in seconds.
        stall_s: Maximum time without progress in a render, in seconds. Loading or downloading the
            engine counts toward neither `stall_s` nor `preview_s`.
    """

    renders: int | None = attrs.field(default=None, validator=number(at_least=1, optional=True))
    disk_bytes: int | None = attrs.field(default=None, validator=number(above=0, optional=True))
    url_upload_s: float = attrs.field(default=600.0, validator=number(above=0, allow_infinite=True))
    memory_bytes: int | None = attrs.field(
        default=8 * GIB, validator=number(above=0, optional=True)
    )
    probe_s: float = attrs.field(default=300.0, validator=number(above=0, allow_infinite=True))
    preview_s: float = attrs.field(default=300.0, validator=number(above=0, allow_infinite=True))
    stall_s: float = attrs.field(default=600.0, validator=number(above=0, allow_infinite=True))


class PendingUploads:
    """The bytes of unfinished uploads by user, which count against the quota."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bytes: Counter[str] = Counter()

    @contextmanager
    def count(self, user_id: str) -> Iterator[Callable[[int], int]]:
        """Yield a function that adds bytes of one upload and returns the user's total."""
        added, ended = 0, False

        def add(size: int) -> int:
            nonlocal added
            with self._lock:
                if ended:  # called by an abandoned thread
                    raise Problem(400, "The upload has ended.")
                added += size
                self._bytes[user_id] += size
                return self._bytes[user_id]

        try:
            yield add
        finally:
            with self._lock:
                ended = True
                self._bytes[user_id] -= added
                if not self._bytes[user_id]:
                    del self._bytes[user_id]


SHARED = Limits(renders=4, disk_bytes=10 * GIB)
"""The default limits of a backend that serves other machines."""
