"""Helpers of the job tests: a fast renderer, a backend's counts, and child processes to kill.

The children (see job_child) are forked from a server with preloaded modules, so that each starts
quickly; they are real processes, killed with SIGKILL.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing import connection, forkserver
from multiprocessing.process import BaseProcess
from pathlib import Path

import attrs
import av
import numpy as np

from nemovideo.errors import RenderCancelledError
from nemovideo.local import LocalBackend
from nemovideo.local.media.probe import MediaItem
from nemovideo.local.render import RenderResult
from nemovideo.local.timeline import Timeline
from tests.support.job_child import child

RGB = (0, 177, 64)
PRELOADED = [
    *("nemovideo.jobs", "nemovideo._drivers.sync", "nemovideo._drivers.aio", "nemovideo.resources"),
    *("cattrs", "tenacity", "anyio._backends._asyncio", "anyio._backends._trio", "distributed"),
    *("httpcore", "tests.support.warm"),
]


@attrs.define
class QuickRenderer:
    """Writes a few frames in the draft's background color.

    `at_work` is called in the middle of every render.
    """

    at_work: Callable[[], None] = lambda: None
    runs: int = 0

    def __call__(
        self,
        timeline: Timeline,
        media: Mapping[str, MediaItem],
        output: Path,
        *,
        format: str,  # noqa: A002
        quality: str,
        on_progress: Callable[[float], None] | None,
        cancelled: Callable[[], bool] | None,
    ) -> RenderResult:
        self.runs += 1
        assert on_progress is not None
        assert cancelled is not None
        on_progress(0.5)
        self.at_work()
        if cancelled():
            raise RenderCancelledError("cancelled")
        background = timeline.clips[0].background
        color = None if background is None else background.color
        rgb = [int((color or "#000000")[i : i + 2], 16) for i in (1, 3, 5)]
        with av.open(str(output), "w", format="mp4") as out:
            video = out.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
            for _ in range(5):
                picture = np.full((48, 64, 3), rgb, np.uint8)
                out.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            out.mux(video.encode(None))
        return RenderResult(output, 200, output.stat().st_size, 64, 48)


@attrs.frozen
class Ledger:
    """What a backend has done, counted in its database."""

    sessions: int
    files: int
    edits: int
    renders: int
    spent: int

    @classmethod
    def of(cls, backend: LocalBackend) -> Ledger:
        running = backend._running
        assert running is not None
        database = running.store.database

        def one(query: str) -> int:
            return int(database.row(query)[0] or 0)

        with database.transaction():
            sessions_with_files = one("SELECT count(DISTINCT session_id) FROM media")
            return cls(
                sessions=one("SELECT count(*) FROM sessions"),
                files=one("SELECT count(*) FROM media"),
                # The first version of a draft is the clip as it was uploaded.
                edits=one("SELECT count(*) FROM drafts") - sessions_with_files,
                renders=one("SELECT count(*) FROM renders"),
                spent=one("SELECT sum(100 - available - frozen) FROM users"),
            )


def runs_of(backend: LocalBackend) -> int:
    """Return the number of messages that the backend has received."""
    return sum(seen.path == "/run_sse" for seen in backend.requests)


def prepare_server() -> None:
    """Start the server that children are forked from, unless it is already running."""
    multiprocessing.get_context("forkserver").set_forkserver_preload(PRELOADED)
    forkserver.ensure_running()


def start(*args: object) -> BaseProcess:
    """Start a child with these arguments."""
    prepare_server()
    process = multiprocessing.get_context("forkserver").Process(target=child, args=args)
    process.start()
    return process


def kill(process: BaseProcess) -> None:
    """Kill a child from any thread, and wait until it is dead, without reaping it."""
    assert process.pid is not None
    with suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)
    connection.wait([process.sentinel], 20)


def clean_environment() -> dict[str, str]:
    """Return an environment in which another interpreter finds this one's modules."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
