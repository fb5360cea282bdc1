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

_CONCERNS_ALL = (
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
_IN_A_ROW = 3


class CircuitBreaker:
    """The errors of a batch so far.

    Attributes:
        reason: Why no more files are started, or None; the first reason is kept.
    """

    def __init__(self) -> None:
        self.reason: NemoError | None = None
        self._in_a_row = 0

    def stop(self, reason: NemoError) -> None:
        """Start no more files."""
        self.reason = self.reason or reason

    def record_failure(self, error: NemoError) -> None:
        """Record a file's error; some stop the batch immediately, some after three in a row."""
        if isinstance(error, _CONCERNS_ALL):
            self.stop(error)
        timed_out = isinstance(error, APITimeoutError) and error.deadline_passed
        broken = isinstance(error, _UNREACHABLE) or type(error) is NemoError
        self._in_a_row = self._in_a_row + 1 if broken and not timed_out else 0
        if self._in_a_row >= _IN_A_ROW:
            self.stop(error)

    def record_success(self) -> None:
        """Record a finished file."""
        self._in_a_row = 0
