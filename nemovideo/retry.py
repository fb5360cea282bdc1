"""The retry policy, and the limits of polling and streams (docs/protocol.md §7).

A policy only repeats identical calls. Flows handle other recoveries (a new token, a new render id).
"""

from __future__ import annotations

import random
from collections.abc import Callable

import attrs

from nemovideo._support.numbers import number
from nemovideo.errors import (
    APIConnectionError,
    APITimeoutError,
    DownloadError,
    NemoError,
    RateLimitError,
    ServerError,
)

_PERSISTENT = (507, 511)
"""A full disk, and a captive portal."""
_SECONDS = number(at_least=0)
_LIMIT = number(at_least=0, allow_infinite=True)


@attrs.frozen
class RetryPolicy:
    """When and how often an identical call is retried.

    An idempotent call (such as a GET) is retried after connection errors and 5xx, for a total of
    `attempts` (0 counts as 1), with exponential backoff from `initial_s` to `max_s` seconds and
    full jitter. Any call is retried after a refused connection, since nothing was sent. If the
    server is on this machine, it may be restarting: the waits are longer, about 6 seconds in total.

    After a 429, any call is retried up to `rate_limit_retries` times, each time after `Retry-After`
    or `rate_limit_s` seconds. `Retry-After` also applies to 5xx; if it is more than
    `max_retry_after_s`, the error is raised immediately. An attempt that used up its whole timeout
    is not retried. An interrupted download is resumed; attempts that made progress do not count.
    """

    attempts: int = attrs.field(default=4, validator=_LIMIT)
    initial_s: float = attrs.field(default=0.5, validator=_SECONDS)
    max_s: float = attrs.field(default=8.0, validator=_SECONDS)
    rate_limit_s: float = attrs.field(default=30.0, validator=_SECONDS)
    rate_limit_retries: int = attrs.field(default=1, kw_only=True, validator=_LIMIT)
    max_retry_after_s: float = attrs.field(default=120.0, validator=_LIMIT)
    on_retry: Callable[[NemoError, float], None] | None = None

    def allows(self, error: BaseException, *, attempt: int, repeatable: bool, limited: int) -> bool:
        """Return whether to try again.

        Args:
            error: The error from the last attempt.
            attempt: The number of the last attempt, from 1.
            repeatable: Whether the call is idempotent.
            limited: The number of 429 responses to this call, including this one.
        """
        if isinstance(error, (RateLimitError, ServerError)):
            if (error.retry_after or 0) > self.max_retry_after_s:
                return False
            if isinstance(error, RateLimitError):
                return limited <= self.rate_limit_retries
        if attempt >= self.attempts:
            return False
        if isinstance(error, APITimeoutError) and error.deadline_passed:
            return False
        if isinstance(error, APIConnectionError):
            return not error.permanent and (repeatable or not error.sent)
        if isinstance(error, DownloadError):
            return repeatable and error.interrupted
        return repeatable and isinstance(error, ServerError) and error.status not in _PERSISTENT

    def wait_s(self, error: BaseException, *, attempt: int, restarting: bool = False) -> float:
        """Return the seconds to wait before the next attempt.

        A server that may be restarting needs a few seconds, so those waits have little jitter.
        """
        if isinstance(error, RateLimitError):
            return self.rate_limit_s if error.retry_after is None else error.retry_after
        if restarting:
            return min(self.max_s, self.initial_s * 2.0**attempt) * random.uniform(0.75, 1)  # noqa: S311
        ceiling: float = min(self.max_s, self.initial_s * 2.0 ** (attempt - 1))
        asked = (error.retry_after if isinstance(error, ServerError) else None) or 0.0
        return max(asked, random.uniform(0, ceiling))  # noqa: S311 - jitter, not a secret


@attrs.frozen
class Polling:
    """How to poll a render job (docs/protocol.md §4), in seconds.

    The first poll is after `first_s`; the interval doubles up to `interval_s`. `timeout_s` is the
    limit for the whole wait. A client of a server on this machine has different defaults: 0.1 s,
    0.2 s and six hours.

    `outage_s` is how long the server may be unreachable: once polls have failed for that long in a
    row, the wait ends. It also limits a single poll, and the reads of a session's state after a
    dropped connection. By default the polls of a render may fail for two minutes (30 s if a server
    on this machine refuses connections), and the reads as often as `StreamLimits.checks`. A client
    without its own `Polling` uses `NEMO_OUTAGE`, and then polls at least four times in that time,
    but not more than once per second.
    """

    first_s: float = attrs.field(default=1.0, validator=_SECONDS)
    interval_s: float = attrs.field(default=10.0, validator=_SECONDS)
    timeout_s: float = attrs.field(default=1800.0, validator=_LIMIT)
    outage_s: float | None = attrs.field(
        default=None, kw_only=True, validator=number(at_least=0, allow_infinite=True, optional=True)
    )

    def wait_s(self, polls: int) -> float:
        """Return the seconds to wait after `polls` polls."""
        return min(self.interval_s, self.first_s * 2.0 ** min(polls, 30))


@attrs.frozen
class StreamLimits:
    """Limits on an agent's stream, and the polling after a drop, in seconds (docs/protocol.md §10).

    Attributes:
        notice_s: The interval of StillWorkingEvents.
        silence_s: How long a stream may contain nothing but heartbeats, or nothing at all; a client
            without its own limits uses `NEMO_SILENCE`.
        total_s: The limit for the whole stream.
        first_check_s: After a drop, the wait until the first poll of the state.
        check_s: The wait between polls.
        checks: The number of polls without a change that count as a failure.
        turn_grace_s: How long to wait for more after an event that completes the turn, if the
            server leaves the connection open.
    """

    notice_s: float = attrs.field(default=120.0, validator=_LIMIT)
    silence_s: float = attrs.field(default=600.0, validator=_LIMIT)
    total_s: float = attrs.field(default=900.0, validator=_LIMIT)
    first_check_s: float = attrs.field(default=30.0, validator=_SECONDS)
    check_s: float = attrs.field(default=60.0, validator=_SECONDS)
    checks: int = attrs.field(default=5, validator=_LIMIT)
    turn_grace_s: float = attrs.field(default=3.0, validator=_LIMIT)
