"""Deadlines and repeats, for both drivers: what tenacity is told, from the table in retry.py."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nemovideo._flows.steps import Request
from nemovideo._support.clock import Clock
from nemovideo._values.remedies import Option, Remedy
from nemovideo.errors import APIConnectionError, APITimeoutError, NemoError, RateLimitError
from nemovideo.retry import RetryPolicy

if TYPE_CHECKING:
    import tenacity

log = logging.getLogger("nemovideo")


class Deadline:
    """A point in time by which a whole call must have ended, or never."""

    def __init__(self, clock: Clock, seconds: float | None) -> None:
        self._clock = clock
        self._seconds = seconds
        self._ends_at = None if seconds is None else clock.monotonic() + seconds

    @property
    def never(self) -> bool:
        """True where there is no deadline."""
        return self._ends_at is None

    def now(self) -> float:
        """Return the time on the clock that the deadline is kept by."""
        return self._clock.monotonic()

    def elapsed_since(self, moment: float) -> float:
        """Return the seconds since `now()` returned this."""
        return self._clock.monotonic() - moment

    def remaining(self) -> float:
        """Return the seconds left; infinite where there is no deadline."""
        return float("inf") if self._ends_at is None else self._ends_at - self._clock.monotonic()

    def clip(self, seconds: float) -> float:
        """Return the smaller of `seconds` and what is left.

        Raises:
            APITimeoutError: Nothing is left.
        """
        if self._ends_at is None:
            return seconds
        left = self.remaining()
        if left <= 0:
            raise self.passed()
        return min(seconds, left)

    def passed(self) -> APITimeoutError:
        """Return the error that says so."""
        error = APITimeoutError(
            f"the deadline of {self._seconds:g} s has passed",
            remedy=Remedy(("allow more time with ", Option("deadline"))),
        )
        error.deadline_passed = True
        return error


class Attempts:
    """The tries of one call, as tenacity asks about them.

    Args:
        policy: What is repeated.
        request: What is sent.
        deadline: When all must have ended.
        began: When the first try began, on the deadline's clock.
        timeout_s: How long one try may take; a server that hangs is not waited for again.
        gained: Returns how far the call has got; a try that made progress does not count.
    """

    def __init__(
        self,
        policy: RetryPolicy,
        request: Request,
        deadline: Deadline,
        began: float,
        timeout_s: float,
        gained: Callable[[], int] = int,
    ) -> None:
        self._policy = policy
        self._request = request
        self._deadline = deadline
        self._began = began
        self._timeout_s = timeout_s
        self._gained = gained
        self._limited = 0
        self._best = 0
        self._forgiven = 0

    @property
    def options(self) -> dict[str, Any]:
        """The arguments for tenacity, except how to sleep."""
        return {
            "retry": self.retry,
            "wait": self.wait,
            "stop": self.stop,
            "before_sleep": self.before_sleep,
            "reraise": True,
        }

    def retry(self, state: tenacity.RetryCallState) -> bool:
        """Return whether the table allows another try."""
        error = _error(state)
        if error is None:
            return False
        if isinstance(error, APITimeoutError) and self._hangs():
            return False
        self._limited += isinstance(error, RateLimitError)
        if (gained := self._gained()) > self._best:
            self._best, self._forgiven = gained, state.attempt_number
        return self._policy.allows(
            error,
            attempt=self._fruitless(state),
            repeatable=self._request.repeatable or (self._request.spare and _stale(error)),
            limited=self._limited,
        )

    def _hangs(self) -> bool:
        return self._deadline.elapsed_since(self._began) >= self._timeout_s

    def wait(self, state: tenacity.RetryCallState) -> float:
        """Return the seconds until then."""
        error = _error(state)
        return 0 if error is None else self._policy.wait_s(error, attempt=self._fruitless(state))

    def stop(self, state: tenacity.RetryCallState) -> bool:
        """Return whether the deadline would pass before the next try."""
        return state.upcoming_sleep >= self._deadline.remaining()

    def _fruitless(self, state: tenacity.RetryCallState) -> int:
        """Return how many tries there were since the last that made progress."""
        return state.attempt_number - self._forgiven

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


def _stale(error: BaseException) -> bool:
    return isinstance(error, APIConnectionError) and error.stale


def _error(state: tenacity.RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome is not None else None
