"""Start, limit and end child processes, on the side of the server."""

from __future__ import annotations

import logging
import math
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar, cast

from nemovideo._values.lines import size_text
from nemovideo.errors import LocalBackendError, NemoError, RenderCancelledError
from nemovideo.local.isolation import child
from nemovideo.local.isolation.child import (
    Call,
    Done,
    Failed,
    LinkedWork,
    Loading,
    Message,
    Progress,
    Setup,
)

_T = TypeVar("_T")

_POLL_S = 0.1
_EXIT_S = 5.0
_MAX_CALLS = 100
"""A process is replaced after this many calls, since native libraries leak memory."""

if sys.platform == "win32":
    _context = multiprocessing.get_context("spawn")
else:
    # A fork of this process could inherit locks held by its other threads. The fork server has no
    # threads, and has already imported the decoders.
    _context = multiprocessing.get_context("forkserver")
    _context.set_forkserver_preload([child.__name__])

_start_lock = threading.Lock()
"""multiprocessing's own list of children is not thread-safe."""


class ProcessLostError(Exception):
    """A process ended before its call did; the message says why: "a media library crashed".

    `over_limit` is whether the call needs more memory than the limit.
    """

    def __init__(self, message: str, *, over_limit: bool = False) -> None:
        super().__init__(message)
        self.over_limit = over_limit


class ProcessPool:
    """Processes that run one call at a time and are reused for the next.

    A new one is started only if all are busy. A process that was killed during a call, or that
    failed unexpectedly, is replaced at the next call.
    """

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._condition = threading.Condition()
        self._idle: list[_Process] = []
        self._busy: set[_Process] = set()
        self._stopped = False

    def run(
        self,
        call: Callable[[LinkedWork], _T],
        *,
        limit_s: float,
        cancelled: Callable[[], bool] | None = None,
        on_progress: Callable[[float], None] | None = None,
    ) -> _T:
        """Run a call in a process, and return its result or raise its error.

        Args:
            call: A picklable function, called with the process's `LinkedWork`.
            limit_s: The time limit; it restarts with any progress.
            cancelled: Called about every 0.1 s. If it returns True or raises, the process is
                killed, and the caller must remove its files.
            on_progress: Called with fractions, 0..1.

        Raises:
            ProcessLostError: The process crashed, or exceeded a limit.
            RenderCancelledError: The call was canceled, or the pool stopped.
            Exception: What the call itself raised.
        """
        while True:
            process = self._take()
            reusable = False
            try:
                if not process.begin(call) and process.calls > 1:  # it died while it was idle
                    continue
                result = self._wait(process, limit_s, cancelled, on_progress)
            except NemoError:
                reusable = process.idle  # an error of the call itself
                raise
            else:
                reusable = True
                return cast("_T", result)
            finally:
                self._give_back(process, reusable=reusable)

    def stop(self) -> None:
        """End all processes, and wait until the calls have returned."""
        with self._condition:
            self._stopped = True
            for process in self._busy:
                process.kill()
            idle, self._idle = self._idle, []
            self._condition.wait_for(lambda: not self._busy, _EXIT_S)
        for process in idle:
            process.close()

    def _take(self) -> _Process:
        with self._condition:
            if self._stopped:
                raise RenderCancelledError("the server is stopping")
            if self._idle:
                process = self._idle.pop()
                self._busy.add(process)
                return process
        process = _Process(self._setup)
        with self._condition:
            self._busy.add(process)
        return process

    def _give_back(self, process: _Process, *, reusable: bool) -> None:
        if not (reusable and process.calls < _MAX_CALLS):
            process.close()
        with self._condition:
            self._busy.discard(process)
            if not process.closed and not self._stopped:
                self._idle.append(process)
            self._condition.notify_all()
        if self._stopped:
            process.close()

    def _wait(
        self,
        process: _Process,
        limit_s: float,
        cancelled: Callable[[], bool] | None,
        on_progress: Callable[[float], None] | None,
    ) -> object:
        deadline_s = time.monotonic() + limit_s
        while True:
            try:
                message = process.receive(_POLL_S)
            except EOFError:
                if self._stopped:
                    raise RenderCancelledError("the server is stopping") from None
                raise ProcessLostError(process.exit_reason()) from None
            match message:
                case None:
                    pass
                case Done(result):
                    return result
                case Failed(error, traceback):
                    raise _raised(error, traceback, self._setup.memory_bytes)
                case Progress(fraction):
                    deadline_s = time.monotonic() + limit_s
                    if on_progress is not None:
                        on_progress(fraction)
                case Loading(done):
                    deadline_s = time.monotonic() + limit_s if done else math.inf
                case logging.LogRecord():
                    logging.getLogger(message.name).handle(message)
            if self._stopped or (cancelled is not None and cancelled()):
                raise RenderCancelledError("the render was canceled")
            if time.monotonic() > deadline_s:
                progress = "made no progress for" if on_progress else "took longer than"
                raise ProcessLostError(f"it {progress} {limit_s:g} s")


class _Process:
    """A child process and the connection to it; used by one thread at a time, except for kill()."""

    def __init__(self, setup: Setup) -> None:
        self.calls = 0
        self.idle = True
        self.closed = False
        self._connection, theirs = _context.Pipe()
        try:
            self._process = _context.Process(
                target=child.run, args=(theirs, setup), name="nemovideo-work", daemon=True
            )
            with _start_lock:
                self._start()
        except BaseException:
            self._connection.close()
            raise
        finally:
            theirs.close()

    def _start(self) -> None:
        try:
            self._process.start()
        except (EOFError, ConnectionError):  # the fork server was killed: start a new one
            try:
                self._process.start()
            except (EOFError, ConnectionError) as error:
                raise ProcessLostError("the server cannot start a process") from error

    def begin(self, call: Call) -> bool:
        """Send a call; return False if the process has ended."""
        self.calls += 1
        self.idle = False
        try:
            self._connection.send(call)
        except OSError:
            return False
        return True

    def receive(self, timeout_s: float) -> Message | None:
        """Return the next message, or None if there is none in time.

        Raises:
            EOFError: The process has ended.
        """
        try:
            if not self._connection.poll(timeout_s):
                return None
            message: Message = self._connection.recv()
        except OSError as error:
            raise EOFError from error
        self.idle = isinstance(message, (Done, Failed))
        return message

    def exit_reason(self) -> str:
        """Return why the process has ended, as a clause."""
        with _start_lock:
            self._process.join(_EXIT_S)
        if sys.platform != "win32" and self._process.exitcode == -signal.SIGKILL:
            return "the server ran out of memory"
        return "a media library crashed"

    def kill(self) -> None:
        """Kill the process and its children."""
        with _start_lock, suppress(ValueError):  # already closed
            self._kill()

    def close(self) -> None:
        """End the process, wait for it, and release its resources."""
        if self.closed:
            return
        self.closed = True
        self._connection.close()
        with _start_lock:
            self._kill()
            self._process.join(_EXIT_S)
            with suppress(ValueError):  # it cannot be killed while it waits for a disk
                self._process.close()

    def _kill(self) -> None:
        if self._process.exitcode is not None:  # its id may have been reused
            return
        if sys.platform != "win32" and self._process.pid is not None:
            with suppress(OSError):  # it does not lead a process group yet
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()


def prepare() -> None:
    """Start loading the decoders, so that the first process starts quickly.

    Raises:
        LocalBackendError: No process can be started, for example without a temporary folder.
    """
    if sys.platform != "win32":
        from multiprocessing import forkserver

        try:
            with _start_lock:
                forkserver.ensure_running()
        except OSError as error:
            raise LocalBackendError(
                f"the processes that decode files cannot be started: {error}",
                remedy="Set TMPDIR to a folder that can be written to, with a short path.",
            ) from error


def _raised(error: BaseException, traceback: str, memory_bytes: int | None) -> BaseException:
    """Return the error to raise in the server for an error in a child process."""
    if isinstance(error, MemoryError):
        if memory_bytes is None:
            return ProcessLostError("the server ran out of memory")
        limit = size_text(memory_bytes)
        return ProcessLostError(
            f"it needs more than {limit} of memory, the server's limit", over_limit=True
        )
    if not isinstance(error, NemoError):
        error.__cause__ = _ChildTracebackError(traceback)
    return error


class _ChildTracebackError(Exception):
    """The traceback of an error in a child process, for the log."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"
