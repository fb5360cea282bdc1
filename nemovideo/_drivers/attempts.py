"""Deadlines, and the retry policy of `nemovideo.retry` as arguments for tenacity."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs

from nemovideo._config.settings import Settings
from nemovideo._flows.steps import Request, Sleep
from nemovideo._support.addresses import is_loopback
from nemovideo._support.clock import Clock
from nemovideo._support.numbers import check_number
from nemovideo._values.remedies import Option, Remedy
from nemovideo.errors import APIConnectionError, APITimeoutError, NemoError, RateLimitError

if TYPE_CHECKING:
    import tenacity

log = logging.getLogger("nemovideo")


OTHER_CALL = "a wait for another call of this client"
"""What a call waits for if another one has to end first."""


class Deadline:
    """The deadline of a whole call, if it has one."""

    def __init__(self, clock: Clock, seconds: float | None) -> None:
        if seconds is not None:
            check_number("deadline", seconds)
        self._clock = clock
        self._seconds = seconds
        self._ends_at = math.inf if seconds is None else clock.monotonic() + seconds

    @property
    def unlimited(self) -> bool:
        """Whether there is no deadline."""
        return self._ends_at == math.inf

    def now(self) -> float:
        """Return the current time of the deadline's clock."""
        return self._clock.monotonic()

    def remaining(self) -> float:
        """Return the remaining seconds, or infinity without a deadline."""
        return self._ends_at - self._clock.monotonic()

    def within(self, seconds: float) -> Deadline:
        """Return the deadline, or a time limit if that ends before it."""
        return TimeLimit(self._clock, seconds) if seconds < self.remaining() else self

    def clip(self, seconds: float) -> float:
        """Return `seconds`, or the remaining time if that is less.

        Raises:
            APITimeoutError: The deadline has passed.
        """
        if (remaining_s := self.remaining()) <= 0:
            raise self.error()
        return min(seconds, remaining_s)

    def check(self, wait: Sleep) -> None:
        """Check that a wait ends before the deadline.

        Raises:
            APITimeoutError: The deadline has passed, or would during the wait.
        """
        remaining_s = self.remaining()
        if wait.seconds < remaining_s:
            return
        error = self.error()
        if remaining_s > 0:
            purpose = f" {wait.purpose}" if wait.purpose else ""
            needs = wait.seconds if wait.needs_s is None else wait.needs_s
            more = f"{'at least' if wait.needs_s is None else 'up to'} {math.ceil(needs)} s more"
            error = self._error(f"would pass while waiting{purpose}, which needs {more}")
        raise error

    def error(self, during: str = "", *, responded: bool = True) -> APITimeoutError:
        """Return the error for an expired deadline; `during` is the request in progress.

        If the server did not respond at all, more time may not help.
        """
        steps = (
            () if responded else ("the server did not respond: check the network and the server",)
        )
        return self._error(f"has passed{f' during {during}' if during else ''}", *steps)

    def _error(self, what: str, *steps: str) -> APITimeoutError:
        error = APITimeoutError(
            f"the deadline of {self._seconds:g} s {what}",
            remedy=Remedy(*steps, ("allow more time with ", Option("deadline"))),
        )
        error.deadline_passed = True
        return error


class TimeLimit(Deadline):
    """The limit for the attempts of one request, within a call's deadline."""

    def error(self, during: str = "", *, responded: bool = True) -> APITimeoutError:  # noqa: ARG002
        """Return the error for a request without a response."""
        return APITimeoutError(
            f"no response within {self._seconds:.3g} s{during and f' ({during})'}"
        )


@attrs.define
class Attempts:
    """The attempts of one call, as tenacity callbacks.

    Attributes:
        deadline: The deadline of the whole call.
        started: The start of the first attempt, on the deadline's clock.
        progress: Returns the progress of the call; progress restarts the count of attempts.
    """

    settings: Settings
    request: Request
    deadline: Deadline
    started: float
    progress: Callable[[], int]
    _error: NemoError = attrs.field(init=False)
    _rate_limits: int = 0
    _best_progress: int = 0
    _last_progress_attempt: int = 0

    @property
    def options(self) -> dict[str, Any]:
        """The arguments for tenacity, except `sleep`."""
        return {
            "retry": self.retry,
            "wait": self.wait,
            "stop": self.stop,
            "before_sleep": self.before_sleep,
            "reraise": True,
        }

    def retry(self, state: tenacity.RetryCallState) -> bool:
        """Return whether the policy allows another attempt."""
        error = state.outcome.exception() if state.outcome is not None else None
        if not isinstance(error, NemoError):
            return False
        self._error = error
        elapsed_s = self.deadline.now() - self.started
        if isinstance(error, APITimeoutError) and elapsed_s >= self.settings.timeout_s:
            return False  # the server is not responding
        self._rate_limits += isinstance(error, RateLimitError)
        if (progress := self.progress()) > self._best_progress:
            self._best_progress, self._last_progress_attempt = progress, state.attempt_number
        stale = isinstance(error, APIConnectionError) and error.stale
        return self.settings.retry.allows(
            error,
            attempt=self._attempts_without_progress(state),
            repeatable=self.request.repeatable or (self.request.retry_if_stale and stale),
            limited=self._rate_limits,
        )

    def wait(self, state: tenacity.RetryCallState) -> float:
        """Return the seconds until the next attempt."""
        attempt = self._attempts_without_progress(state)
        error = self._error
        refused = isinstance(error, APIConnectionError) and not error.sent
        restarting = refused and is_loopback(self.settings.origin[1])
        return self.settings.retry.wait_s(error, attempt=attempt, restarting=restarting)

    def stop(self, state: tenacity.RetryCallState) -> bool:
        """Return whether the deadline would pass before the next attempt."""
        return state.upcoming_sleep >= self.deadline.remaining()

    def before_sleep(self, state: tenacity.RetryCallState) -> None:
        """Log the retry, and call `on_retry`."""
        log.info(
            "%s: %s; trying again in %.1f s",
            self.request.label,
            type(self._error).__name__,
            state.upcoming_sleep,
        )
        if self.settings.retry.on_retry is not None:
            self.settings.retry.on_retry(self._error, state.upcoming_sleep)

    def _attempts_without_progress(self, state: tenacity.RetryCallState) -> int:
        return state.attempt_number - self._last_progress_attempt
