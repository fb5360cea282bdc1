"""Calls for child processes that crash, hang, or take too much memory."""

from __future__ import annotations

import logging
import os
import signal
import threading
from pathlib import Path

from av.error import InvalidDataError

from nemovideo.errors import RenderFailedError
from nemovideo.local.isolation.child import Link
from nemovideo.local.work import Work

GIB = 1024**3


def process_id(_work: Work, _link: Link) -> int:
    return os.getpid()


def abort(_work: Work, _link: Link, **_: object) -> None:
    os.abort()


def be_killed(_work: Work, _link: Link, **_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def take_memory(_work: Work, _link: Link, **_: object) -> int:
    return len(bytearray(4 * GIB))


def take_memory_and_fail(_work: Work, _link: Link, **_: object) -> None:
    """Fail as an encoder does that gets no memory."""
    bytearray(GIB + GIB // 2)
    raise InvalidDataError(1, "Generic error in an external library")


def length(_work: Work, _link: Link, *, data: bytes) -> int:
    return len(data)


def hang(_work: Work, _link: Link, **_: object) -> None:
    threading.Event().wait()


def refuse(_work: Work, _link: Link) -> None:
    raise RenderFailedError("the draft is empty", remedy="Add a clip.")


def divide_by_zero(_work: Work, _link: Link) -> None:
    _ = 1 / 0


def log(_work: Work, _link: Link) -> None:
    logging.getLogger("nemovideo.local").info("loaded in %.1f s", 0.3)


def report_often(_work: Work, link: Link) -> str:
    for number in range(6):
        threading.Event().wait(0.1)
        link.progress(number / 6)
    with link.loading():
        threading.Event().wait(0.6)
    return "done"


def render_half(_work: Work, link: Link, *, output: Path, **_: object) -> None:
    """Leave a part of a file, report half of it, and hang."""
    output.with_name(f".{output.name}.{os.getpid()}.part").write_bytes(b"0123456789")
    link.progress(0.5)
    threading.Event().wait()


def render_half_and_abort(_work: Work, link: Link, *, output: Path, **_: object) -> None:
    """Leave a part of a file, and crash."""
    output.with_name(f".{output.name}.{os.getpid()}.part").write_bytes(b"0123456789")
    link.progress(0.5)
    os.abort()
