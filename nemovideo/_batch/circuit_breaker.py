"""Which errors stop the whole batch, because the next file would fail in the same way."""

from __future__ import annotations

from nemovideo.errors import (
    APIConnectionError,
    APITimeoutError,
    AuthenticationError,
    ExportBlockedError,
    InsufficientCreditsError,
    LocalBackendError,
    MissingClientIdError,
    MissingExtraError,
    NemoError,
    RateLimitError,
    ScopeError,
    ServerError,
)

_AFFECTS_EVERY_FILE = (
    AuthenticationError,
    ScopeError,
    InsufficientCreditsError,
    ExportBlockedError,
    MissingClientIdError,
    RateLimitError,
    MissingExtraError,
    LocalBackendError,
)
_UNREACHABLE = (APIConnectionError, ServerError)
_MAX_FAILURES = 3


class CircuitBreaker:
    """The errors of a batch so far.

    Attributes:
        reason: Why no more files are started, or None; the first reason is kept.
    """

    def __init__(self) -> None:
        self.reason: NemoError | None = None
        self._failures = 0

    def stop(self, reason: NemoError) -> None:
        """Start no more files."""
        self.reason = self.reason or reason

    def record_failure(self, error: NemoError) -> None:
        """Record a file's error; some stop the batch immediately, some after three in a row."""
        if isinstance(error, _AFFECTS_EVERY_FILE):
            self.stop(error)
        timed_out = isinstance(error, APITimeoutError) and error.deadline_passed
        broken = isinstance(error, _UNREACHABLE) or type(error) is NemoError
        self._failures = self._failures + 1 if broken and not timed_out else 0
        if self._failures >= _MAX_FAILURES:
            self.stop(error)

    def record_success(self) -> None:
        """Record a finished file."""
        self._failures = 0
