"""What is repeated, when, and for how long: the error table as data (docs/protocol.md §7).

Only identical calls are repeated here, and only where a repeat cannot do harm.
What follows an error by other means (a new token, a new render id) is decided
in the flows.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import attrs

from nemovideo.errors import (
    APIConnectionError,
    APITimeoutError,
    DownloadError,
    NemoError,
    RateLimitError,
    ServerError,
)

_DISK_FULL = 507


@attrs.frozen
class RetryPolicy:
    """How often, and after which waits, an identical call is repeated.

    A call that may be repeated without harm (a GET, say) is repeated after
    connection errors and 5xx, `attempts` times in all, after exponential waits
    from `initial_s` up to `max_s` seconds with full jitter. Any call is
    repeated after a connection that was refused, for then nothing was sent, and
    once after a 429, after `Retry-After` or `rate_limit_s` seconds. `Retry-After`
    goes for 5xx as well; where it asks for more than `max_retry_after_s`, the
    error is raised at once. No try follows a timeout once the time limit of a single
    one is used up. A download that breaks is resumed where it was; a try that
    brought it on does not count.
    """

    attempts: int = 4
    initial_s: float = 0.5
    max_s: float = 8.0
    rate_limit_s: float = 30.0
    max_retry_after_s: float = 120.0
    on_retry: Callable[[NemoError, float], None] | None = None

    def allows(self, error: BaseException, *, attempt: int, repeatable: bool, limited: int) -> bool:
        """Return whether to try again.

        Args:
            error: Why the last try failed.
            attempt: Its number, from 1.
            repeatable: Whether an identical repeat does no harm.
            limited: How many 429 answers this call has had, this one included.
        """
        if isinstance(error, RateLimitError):
            return limited <= 1 and (error.retry_after or 0) <= self.max_retry_after_s
        if attempt >= self.attempts:
            return False
        if isinstance(error, APITimeoutError) and error.deadline_passed:
            return False
        if isinstance(error, APIConnectionError):
            if error.permanent:
                return False
            return repeatable or not error.sent
        if isinstance(error, DownloadError):
            return repeatable and error.interrupted
        return (
            repeatable
            and isinstance(error, ServerError)
            and error.status != _DISK_FULL
            and (error.retry_after or 0) <= self.max_retry_after_s
        )

    def wait_s(self, error: BaseException, *, attempt: int) -> float:
        """Return the seconds to wait before the next try."""
        if isinstance(error, RateLimitError):
            return self.rate_limit_s if error.retry_after is None else error.retry_after
        ceiling: float = min(self.max_s, self.initial_s * 2.0 ** (attempt - 1))
        asked = (error.retry_after if isinstance(error, ServerError) else None) or 0.0
        return max(asked, random.uniform(0, ceiling))  # noqa: S311 - jitter, not a secret


@attrs.frozen
class Polling:
    """How a render job is waited for (§4).

    It is asked for after `first_s` seconds, then after twice that, and so on up
    to every `interval_s`: a short render is not waited for longer than it takes.
    `timeout_s` is the limit for all of it.
    """

    first_s: float = 1.0
    interval_s: float = 10.0
    timeout_s: float = 1800.0

    def wait_s(self, polls: int) -> float:
        """Return the seconds to wait after so many polls."""
        return min(self.interval_s, self.first_s * 2.0 ** min(polls, 30))


@attrs.frozen
class StreamLimits:
    """How long an agent's stream may last, and what follows a drop, in seconds (§10).

    `notice_s`: a StillWorkingEvent so often. `silence_s`: nothing but
    heartbeats for so long counts as timed out. `total_s`: the whole stream.
    `turn_grace_s`: what may follow an event that completes the turn, where the server
    leaves the connection open.
    After a drop the state is asked for after `first_check_s`, then every
    `check_s`; `checks` times unchanged means failed.
    """

    notice_s: float = 120.0
    silence_s: float = 600.0
    total_s: float = 900.0
    first_check_s: float = 30.0
    check_s: float = 60.0
    checks: int = 5
    turn_grace_s: float = 3.0
