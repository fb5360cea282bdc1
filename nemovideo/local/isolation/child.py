"""The main loop of a child process: it runs calls from the server, one at a time."""

from __future__ import annotations

import errno
import logging
import math
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from logging.handlers import QueueHandler
from multiprocessing import connection, parent_process
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from typing import NoReturn, TypeAlias

import attrs
from av.error import FFmpegError

from nemovideo.errors import ModelUnavailableError, NemoError
from nemovideo.local.matte import Engine, LazyMatting, LoadedEngine
from nemovideo.local.matte.loading import engine_name
from nemovideo.local.render import RenderResult
from nemovideo.local.server.messages import is_disk_full
from nemovideo.local.work import Work

LOGGER = "nemovideo.local"

_PROGRESS_INTERVAL_S = 0.1
_OOM_SCORE = b"500"
_OUT_OF_MEMORY_SHARE = 0.5
"""Above this share of the memory limit, a vague error is treated as running out of memory."""
_OUT_OF_MEMORY = (
    "bad_alloc",
    "can't start new thread",
    "Cannot allocate memory",
    "Failed to allocate",
    "Insufficient memory",
)
"""How FFmpeg, OpenCV, ONNX Runtime and threads report that memory has run out."""


@attrs.frozen
class Setup:
    """The settings of a child process.

    Attributes:
        engine, model, device: See `LocalBackend`.
        memory_bytes: The limit of its memory on Linux; None for no limit.
        log_level: The level of the records that are sent to the server's log.
    """

    engine: Engine | None = None
    model: Path | None = None
    device: str = "auto"
    memory_bytes: int | None = None
    log_level: int = logging.WARNING


@attrs.frozen
class Progress:
    """The fraction that is done, 0..1; it restarts the time limit."""

    fraction: float


@attrs.frozen
class Loading:
    """The engine is being loaded, perhaps downloaded: no time limit applies until it is `done`."""

    done: bool


@attrs.frozen
class Done:
    """The result of the call."""

    result: object


@attrs.frozen
class Failed:
    """The error of the call, and its traceback as text."""

    error: BaseException
    traceback: str


Message: TypeAlias = Progress | Loading | Done | Failed | logging.LogRecord
"""A message from a process to the server; a log record goes to the server's log."""


class Link:
    """Sends messages to the server; thread-safe."""

    def __init__(self, to_parent: Connection) -> None:
        self._to_parent = to_parent
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Start the progress of a new call."""
        self._fraction = 0.0
        self._sent_s = -math.inf

    def send(self, message: Message) -> None:
        """Send a message; end the process if the server is gone."""
        with self._lock:
            try:
                self._to_parent.send(message)
            except OSError:
                _end()

    def progress(self, fraction: float) -> None:
        """Report the fraction that is done, 0..1."""
        self._fraction = fraction
        now_s = time.monotonic()
        if now_s - self._sent_s >= _PROGRESS_INTERVAL_S:
            self._sent_s = now_s
            self.send(Progress(fraction))

    def cancelled(self) -> bool:
        """Return False: to cancel a call, the server kills the process.

        A renderer also calls this while it waits for a frame, which is not progress, and while it
        completes the file after the last frame, which is.
        """
        if self._fraction >= 1:
            self.progress(self._fraction)
        return False

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Suspend the time limit while the engine is loaded."""
        self.send(Loading(done=False))
        try:
            yield
        finally:
            self.send(Loading(done=True))


@attrs.frozen
class LinkedWork(Work):
    """The work of a child process; `link` sends messages to the server."""

    link: Link


Call: TypeAlias = Callable[[LinkedWork], object]


def run(to_parent: Connection, setup: Setup) -> None:
    """Run calls until the server closes the connection."""
    _ignore_signals()
    _end_with_parent()
    _limit_resources(setup.memory_bytes)
    link = Link(to_parent)
    _forward_log(link, setup.log_level)
    lazy = LazyMatting(setup.engine, setup.model, setup.device)

    def matting() -> LoadedEngine:
        with link.loading():
            return lazy.load()

    work = LinkedWork(matting, engine_name(setup.engine, setup.model, setup.device), link)
    while True:
        try:
            call: Call = to_parent.recv()
        except (EOFError, OSError):
            _end()
        except MemoryError as error:  # the rest of the call may be unread
            link.send(Failed(error, traceback.format_exc()))
            _end()
        link.reset()
        link.send(_answer(call, work, setup.memory_bytes))


def reporting(work: LinkedWork, *, render: Callable[..., RenderResult]) -> RenderResult:
    """Call a method that renders, and report its progress to the server."""
    return render(work, on_progress=work.link.progress, cancelled=work.link.cancelled)


def _answer(call: Call, work: LinkedWork, memory_bytes: int | None) -> Done | Failed:
    try:
        return Done(call(work))
    except BaseException as error:  # noqa: BLE001 - raised again in the server
        return Failed(_picklable(error, memory_bytes), traceback.format_exc())


def _picklable(error: BaseException, memory_bytes: int | None) -> BaseException:
    """Return an equivalent error that can be pickled, without its causes."""
    if is_out_of_memory(error, memory_bytes):
        return MemoryError()
    if is_disk_full(error):
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if isinstance(error, NemoError):
        return error
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - made here
    except Exception:  # noqa: BLE001 - whatever its __reduce__ does
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def is_out_of_memory(error: BaseException | None, memory_bytes: int | None) -> bool:
    """Return whether an error was caused by running out of memory.

    Encoders and networks report that vaguely, so any error of FFmpeg or of loading a model counts
    if this process has used most of its memory.
    """
    while error is not None:
        if isinstance(error, MemoryError) or any(text in str(error) for text in _OUT_OF_MEMORY):
            return True
        if (
            memory_bytes is not None
            and isinstance(error, (FFmpegError, ModelUnavailableError))
            and _peak_bytes() > memory_bytes * _OUT_OF_MEMORY_SHARE
        ):
            return True
        error = error.__cause__ or error.__context__
    return False


def _peak_bytes() -> int:
    """Return the peak memory of this process, as the limit counts it."""
    lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    fields = dict(line.split(":", 1) for line in lines if line.startswith("Vm"))
    peak, now, data = (int(fields[name].split()[0]) for name in ("VmPeak", "VmSize", "VmData"))
    return (peak - now + data) * 1024


def _ignore_signals() -> None:
    """Ignore Ctrl-C and SIGTERM, which a terminal or a supervisor sends to all processes.

    The server kills this process itself, and so knows that the job was interrupted. The process
    leads its own process group, so that its children, such as pip, are killed with it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if sys.platform != "win32":
        os.setpgid(0, 0)


def _limit_resources(memory_bytes: int | None) -> None:
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump contains users' files
    if sys.platform == "linux":
        with suppress(OSError):  # if memory runs out, this process is killed, not the server
            Path("/proc/self/oom_score_adj").write_bytes(_OOM_SCORE)
        if memory_bytes is not None:
            resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))


def _forward_log(link: Link, level: int) -> None:
    """Send log records to the server instead of writing them."""

    class Forward(QueueHandler):
        def enqueue(self, record: logging.LogRecord) -> None:
            link.send(record)

    logger = logging.getLogger(LOGGER)
    logger.handlers = [Forward(SimpleQueue())]
    logger.setLevel(level)
    logger.propagate = False


def _end_with_parent() -> None:
    """End this process when the server ends, even if the server is killed."""
    parent = parent_process()
    assert parent is not None
    sentinel = parent.sentinel
    if sys.platform == "linux":
        import fcntl

        # Unlike the thread below, this works while the process is stopped or a library holds the
        # GIL.
        fcntl.fcntl(sentinel, fcntl.F_SETOWN, -os.getpid())
        fcntl.fcntl(sentinel, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(sentinel, fcntl.F_SETFL, os.O_ASYNC)

    def watch() -> None:
        connection.wait([sentinel])
        _end()

    threading.Thread(target=watch, name="nemovideo-watchdog", daemon=True).start()


def _end() -> NoReturn:
    """Kill this process and its children; native libraries may crash in a regular exit."""
    if sys.platform != "win32":
        os.killpg(0, signal.SIGKILL)
    os._exit(1)
