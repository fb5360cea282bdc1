"""Deadlines and retries of both drivers: tenacity's arguments, from the policy in retry.py."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nemovideo._flows.steps import Request
from nemovideo._support.clock import Clock
from nemovideo._support.numbers import check_number
from nemovideo._values.remedies import Option, Remedy
from nemovideo.errors import APIConnectionError, APITimeoutError, NemoError, RateLimitError
from nemovideo.retry import RetryPolicy

if TYPE_CHECKING:
    import tenacity

log = logging.getLogger("nemovideo")


class Deadline:
    """The time by which a whole call must end, or never."""

    def __init__(self, clock: Clock, seconds: float | None) -> None:
        if seconds is not None:
            check_number("deadline", seconds)
        self._clock = clock
        self._seconds = seconds
        self._ends_at = None if seconds is None else clock.monotonic() + seconds

    @property
    def never(self) -> bool:
        """Whether there is no deadline."""
        return self._ends_at is None

    def now(self) -> float:
        """Return the current time of the deadline's clock."""
        return self._clock.monotonic()

    def remaining(self) -> float:
        """Return the remaining seconds, or infinity without a deadline."""
        return float("inf") if self._ends_at is None else self._ends_at - self._clock.monotonic()

    def clip(self, seconds: float) -> float:
        """Return `seconds`, or the remaining time if that is less.

        Raises:
            APITimeoutError: The deadline has passed.
        """
        if self._ends_at is None:
            return seconds
        left = self.remaining()
        if left <= 0:
            raise self.error()
        return min(seconds, left)

    def error(self) -> APITimeoutError:
        """Return the error for a deadline that has passed."""
        error = APITimeoutError(
            f"the deadline of {self._seconds:g} s has passed",
            remedy=Remedy(("allow more time with ", Option("deadline"))),
        )
        error.deadline_passed = True
        return error


class Attempts:
    """The attempts of one call, as tenacity's callbacks.

    Args:
        policy: The retry policy.
        request: The request.
        deadline: The deadline of the whole call.
        started: The start of the first attempt, on the deadline's clock.
        timeout_s: The timeout of one attempt; a server that hung for so long is not retried.
        progress: Returns the progress of the call; attempts that made progress do not count.
    """

    def __init__(
        self,
        policy: RetryPolicy,
        request: Request,
        deadline: Deadline,
        started: float,
        timeout_s: float,
        progress: Callable[[], int] = int,
    ) -> None:
        self._policy = policy
        self._request = request
        self._deadline = deadline
        self._started = started
        self._timeout_s = timeout_s
        self._progress = progress
        self._rate_limits = 0
        self._best_progress = 0
        self._last_progress_attempt = 0

    @property
    def options(self) -> dict[str, Any]:
        """The arguments of tenacity, except `sleep`."""
        return {
            "retry": self.retry,
            "wait": self.wait,
            "stop": self.stop,
            "before_sleep": self.before_sleep,
            "reraise": True,
        }

    def retry(self, state: tenacity.RetryCallState) -> bool:
        """Return whether the policy allows another attempt."""
        error = _error(state)
        if error is None:
            return False
        if isinstance(error, APITimeoutError) and self._server_hangs():
            return False
        self._rate_limits += isinstance(error, RateLimitError)
        if (progress := self._progress()) > self._best_progress:
            self._best_progress, self._last_progress_attempt = progress, state.attempt_number
        return self._policy.allows(
            error,
            attempt=self._attempts_without_progress(state),
            repeatable=self._request.repeatable or (self._request.spare and _is_stale(error)),
            limited=self._rate_limits,
        )

    def _server_hangs(self) -> bool:
        return self._deadline.now() - self._started >= self._timeout_s

    def wait(self, state: tenacity.RetryCallState) -> float:
        """Return the seconds until the next attempt."""
        error = _error(state)
        if error is None:
            return 0
        return self._policy.wait_s(error, attempt=self._attempts_without_progress(state))

    def stop(self, state: tenacity.RetryCallState) -> bool:
        """Return whether the deadline would pass before the next attempt."""
        return state.upcoming_sleep >= self._deadline.remaining()

    def _attempts_without_progress(self, state: tenacity.RetryCallState) -> int:
        return state.attempt_number - self._last_progress_attempt

    def before_sleep(self, state: tenacity.RetryCallState) -> None:
        """Log the retry, and call `on_retry`."""
        error = _error(state)
        if not isinstance(error, NemoError):
            return
        log.info(
            "%s: %s; trying again in %.1f s",
            self._request.place,
            type(error).__name__,
            state.upcoming_sleep,
        )
        if self._policy.on_retry is not None:
            self._policy.on_retry(error, state.upcoming_sleep)


def _is_stale(error: BaseException) -> bool:
    return isinstance(error, APIConnectionError) and error.stale


def _error(state: tenacity.RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome is not None else None
