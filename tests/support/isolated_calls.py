"""Calls for child processes that crash, hang, or take too much memory."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import threading
from pathlib import Path

from av.error import InvalidDataError

from nemovideo.errors import ModelUnavailableError, RenderFailedError
from nemovideo.local.isolation import ProcessPool
from nemovideo.local.isolation.child import Call, LinkedWork, Progress, Setup

GIB = 1024**3


def process_id(_work: LinkedWork) -> int:
    return os.getpid()


def abort(_work: LinkedWork, **_: object) -> None:
    os.abort()


def be_killed(_work: LinkedWork, **_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def take_memory(_work: LinkedWork, **_: object) -> int:
    return len(bytearray(4 * GIB))


def take_memory_and_fail_to_encode(_work: LinkedWork, **_: object) -> None:
    """Fail like an encoder that cannot allocate memory."""
    bytearray(GIB + GIB // 2)
    raise InvalidDataError(1, "Generic error in an external library")


def take_memory_and_fail_to_load(_work: LinkedWork, **_: object) -> None:
    """Fail like LiteRT that cannot allocate memory for a model."""
    bytearray(GIB + GIB // 2)
    raise ModelUnavailableError("failed to create XNNPACK runtime")


def length(_work: LinkedWork, *, data: bytes) -> int:
    return len(data)


def hang(_work: LinkedWork, **_: object) -> None:
    threading.Event().wait()


def report_and_wait(work: LinkedWork) -> None:
    work.link.send(Progress(0.5))
    threading.Event().wait()


def report_and_hold_the_gil(work: LinkedWork) -> None:
    work.link.send(Progress(0.5))
    ctypes.PyDLL(None).sleep(100)


def serve(name: str) -> None:
    """Run a call as a server does; print the id of its process once it has reported progress."""
    pool = ProcessPool(Setup())
    child = pool.run(process_id, limit_s=60.0)
    call: Call = globals()[name]
    pool.run(call, limit_s=100.0, on_progress=lambda _: print(child, flush=True))


def refuse(_work: LinkedWork) -> None:
    raise RenderFailedError("the draft is empty", remedy="Add a clip.")


def divide_by_zero(_work: LinkedWork) -> None:
    _ = 1 / 0


def log(_work: LinkedWork) -> None:
    logging.getLogger("nemovideo.local").info("loaded in %.1f s", 0.3)


def report_often(work: LinkedWork) -> str:
    for number in range(6):
        threading.Event().wait(0.1)
        work.link.progress(number / 6)
    with work.link.loading():
        threading.Event().wait(0.6)
    return "done"


def report_the_end_and_wait_for_the_file(work: LinkedWork) -> None:
    work.link.progress(1.0)
    work.link.cancelled()


def wait_for_a_frame_and_report_half(work: LinkedWork) -> None:
    work.link.cancelled()
    work.link.progress(0.5)


def render_half(work: LinkedWork, *, output: Path, **_: object) -> None:
    """Leave a part of a file, report half of it, and hang."""
    output.with_name(f".{output.name}.{os.getpid()}.part").write_bytes(b"0123456789")
    work.link.progress(0.5)
    threading.Event().wait()


def render_half_and_abort(work: LinkedWork, *, output: Path, **_: object) -> None:
    """Leave a part of a file, and crash."""
    output.with_name(f".{output.name}.{os.getpid()}.part").write_bytes(b"0123456789")
    work.link.progress(0.5)
    os.abort()
