"""Rate limiting of a batch: after a 429, all its files wait; an interruption stops them all."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import attrs

from nemovideo._flows.steps import (
    Call,
    Download,
    End,
    Exclusive,
    Flow,
    Open,
    Read,
    Sleep,
    Step,
    StreamHandle,
    run_with,
)
from nemovideo._support.clock import Clock
from nemovideo.errors import NemoError, RateLimitError
from nemovideo.retry import RetryPolicy

T = TypeVar("T")

log = logging.getLogger("nemovideo")

_SLICE_S = 1.0
_SPACING_S = 1.0
_MAX_ATTEMPTS = 4


class StoppedError(NemoError):
    """The batch was interrupted, including this file."""

    default_remedy = "Run the batch again: it resumes from here."

    def __init__(self, message: str = "the batch was interrupted", **fields: Any) -> None:  # noqa: ANN401 - as in NemoError
        super().__init__(message, **fields)


class Pace:
    """Limits how many files are in progress, and pauses all of them after a 429.

    A 429 halves the limit and pauses all files for as long as the service asked; then their
    requests are sent one at a time, a second apart. Each finished file raises the limit by one.

    Attributes:
        ceiling: The maximum number of concurrent files.
        limit: How many files may be in progress now.
        rate_limits: The number of 429 responses so far.
    """

    def __init__(self, clock: Clock, ceiling: int, policy: RetryPolicy) -> None:
        self.limit = ceiling
        self.rate_limits = 0
        self._clock = clock
        self.ceiling = ceiling
        self._policy = policy
        self._guard = threading.Lock()
        self._opens_at = self._next_at = clock.monotonic()

    def wait_s(self) -> float:
        """Return the seconds until the next request may be sent, and reserve that slot."""
        with self._guard:
            now = self._clock.monotonic()
            if now >= self._opens_at:
                return 0.0
            turn = max(self._next_at, self._opens_at)
            self._next_at = turn + _SPACING_S
            return turn - now

    def slow_down(self, wait_s: float = 0.0) -> None:
        """Record a 429, and send nothing for `wait_s` seconds."""
        with self._guard:
            self.rate_limits += 1
            now = self._clock.monotonic()
            if now >= self._opens_at:  # not a response to an earlier request
                self.limit = max(1, self.limit // 2)
            self._opens_at = max(self._opens_at, now + wait_s)

    def speed_up(self) -> None:
        """Record a finished file."""
        with self._guard:
            self.limit = min(self.ceiling, self.limit + 1)

    def retry_wait_s(self, error: RateLimitError, attempt: int) -> float | None:
        """Return the seconds to wait after a 429, or None to give up."""
        wait_s = self._policy.wait_s(error, attempt=attempt)
        give_up = attempt >= _MAX_ATTEMPTS or wait_s > self._policy.max_retry_after_s
        return None if give_up else wait_s


def paced(flow: Flow[T], pace: Pace, stopped: Callable[[], bool]) -> Flow[T]:
    """Run a flow at the batch's pace; it can be stopped between steps and during waits.

    A request that got a 429 had no effect, so it is repeated.

    Raises:
        StoppedError: `stopped` returned True.
    """
    return run_with(flow, _Steps(pace, stopped).perform, fatal=StoppedError)


@attrs.define
class _Opened:
    """A stream, and its current handle; None after a 429."""

    step: Open
    handle: StreamHandle | None


@attrs.frozen
class _Steps:
    """Performs the steps of one flow, with waits between them."""

    _pace: Pace
    _stopped: Callable[[], bool]
    _streams: dict[StreamHandle, _Opened] = attrs.field(init=False, factory=dict)

    def perform(self, step: Step) -> Flow[object]:
        """Return the result of a step."""
        self._check()
        match step:
            case Sleep(seconds):
                yield from self._sleep(seconds)
                return None
            case Exclusive(name, flow):
                step = Exclusive(name, paced(flow, self._pace, self._stopped))
            case Read(handle, timeout_s):
                stream = self._streams[handle]
                return (yield from self._in_turn(lambda: self._read(stream, timeout_s)))
            case End(handle):
                step = End(self._streams[handle].handle or handle)
            case Call() | Download():
                sent = step
                return (yield from self._in_turn(lambda: _perform(sent)))
            case Open():
                yield from self._wait_for_turn()
                handle = yield step
                self._streams[handle] = _Opened(step, handle)
                return handle
        return (yield from _perform(step))

    def _in_turn(self, attempt: Callable[[], Flow[object]]) -> Flow[object]:
        attempts = 0
        while True:
            yield from self._wait_for_turn()
            try:
                return (yield from attempt())
            except RateLimitError as error:
                attempts += 1
                wait_s = self._pace.retry_wait_s(error, attempts)
                self._pace.slow_down(wait_s or 0.0)
                if wait_s is None:
                    raise
                log.info("HTTP 429: the batch is waiting %.1f s", wait_s)

    def _read(self, stream: _Opened, timeout_s: float) -> Flow[object]:
        """Read from a stream, and reopen it after a 429."""
        left = timeout_s
        while True:
            self._check()
            if stream.handle is None:
                stream.handle = yield stream.step
            part = min(left, _SLICE_S)
            try:
                chunk: object = yield Read(stream.handle, part)
            except RateLimitError:
                stream.handle = None
                raise
            left -= part
            if chunk is not None or left <= 0:
                return chunk

    def _wait_for_turn(self) -> Flow[None]:
        while (wait_s := self._pace.wait_s()) > 0:
            yield from self._sleep(wait_s)

    def _sleep(self, seconds: float) -> Flow[None]:
        """Sleep in slices, to notice an interruption promptly."""
        left = seconds
        while left > 0:
            self._check()
            part = min(left, _SLICE_S)
            yield Sleep(part)
            left -= part
        self._check()

    def _check(self) -> None:
        if self._stopped():
            raise StoppedError


def _perform(step: Step) -> Flow[object]:
    result: object = yield step
    return result
