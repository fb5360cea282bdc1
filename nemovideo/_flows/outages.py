"""Repeated reads that fail in a row: when to give up on a server that cannot be reached."""

from __future__ import annotations

import math

import attrs

from nemovideo._flows.context import Context
from nemovideo._support.addresses import is_loopback
from nemovideo._values.lines import duration_text
from nemovideo._values.remedies import Code, Remedy
from nemovideo.errors import APIConnectionError, APITimeoutError, NemoError, RateLimitError

_LIMIT_S = 120.0
"""How long the polls of a render may fail in a row, unless `Polling.outage_s` is set."""
_LOOPBACK_LIMIT_S = 30.0
"""The default limit if a server on this machine refuses connections."""
_MIN_POLLS = 3
"""The minimum number of failed polls in a row, unless `Polling.outage_s` is set."""
_MIN_POLL_S = 1.0
"""The minimum time that a poll waits for its response."""
_MORE_TIME = Remedy(
    "try again",
    ("allow more time for each poll with ", Code("timeout_s=", in_shell="NEMO_TIMEOUT")),
    ("allow a longer outage with ", Code("Polling(outage_s=…)", in_shell="NEMO_OUTAGE")),
)


@attrs.define
class Outage:
    """Reads that failed in a row.

    Attributes:
        polls: How many failed.
        began: When the first one was sent.
    """

    context: Context
    polls: int = 0
    began: float = 0.0
    _sent: float = 0.0

    def begin_read(self) -> float:
        """Begin a read, and return the seconds that it may take."""
        limit_s = self.context.settings.polling.outage_s
        self._sent = self.context.settings.clock.monotonic()
        if limit_s is None:
            return math.inf
        return max(limit_s - (self._sent - self.began if self.polls else 0.0), _MIN_POLL_S)

    def wait_s(self, usual_s: float) -> float:
        """Return the seconds until the next read, which is early enough to be answered."""
        polling, clock = self.context.settings.polling, self.context.settings.clock
        if not self.polls or polling.outage_s is None:
            return usual_s
        left_s = self.began + polling.outage_s - clock.monotonic()
        return min(usual_s, polling.wait_s(self.polls - 1), max(0.0, left_s - _MIN_POLL_S))

    def end(self) -> None:
        """Record a successful read."""
        self.polls = 0

    def record(self, error: NemoError, *, endless: bool = False) -> None:
        """Record a failed read; with `endless`, only `Polling.outage_s` is a limit.

        Raises:
            NemoError: The error, once the reads have failed for too long.
        """
        settings = self.context.settings
        if isinstance(error, RateLimitError):  # the service is reachable
            self.end()
            return
        if self.polls == 0:
            self.began = self._sent
        self.polls += 1
        failed_s = settings.clock.monotonic() - self.began
        if (limit_s := settings.polling.outage_s) is not None:
            over = failed_s > limit_s - _MIN_POLL_S
        else:
            refused = isinstance(error, APIConnectionError) and not error.sent
            here = refused and is_loopback(settings.origin[1])
            limit_s = _LOOPBACK_LIMIT_S if here else _LIMIT_S
            over = not endless and self.polls >= _MIN_POLLS and failed_s >= limit_s
        if over:
            unreachable = isinstance(error, APIConnectionError)
            what = "the server could not be reached" if unreachable else "the service has failed"
            error.message = f"{what} for {duration_text(failed_s)}: {error.message}"
            if isinstance(error, APITimeoutError) and not error.deadline_passed:
                error.remedy = _MORE_TIME
            raise error
