"""Child processes: what ends them, what they report, and what they leave behind."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from nemovideo.errors import RenderCancelledError, RenderFailedError
from nemovideo.local.isolation import ProcessLostError, ProcessPool
from nemovideo.local.isolation.child import Call, Setup
from tests.support import isolated_calls as calls

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
LIMIT_S = 60.0
ROOT = Path(__file__).parents[3]


@pytest.fixture
def pool() -> Iterator[ProcessPool]:
    process_pool = ProcessPool(Setup(memory_bytes=2 * calls.GIB))
    yield process_pool
    process_pool.stop()
    assert multiprocessing.active_children() == []


def exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(
    ("call", "limit_s", "reason"),
    [
        (calls.abort, LIMIT_S, "a media library crashed"),
        (calls.be_killed, LIMIT_S, "the server ran out of memory"),
        pytest.param(
            *(calls.take_memory, LIMIT_S, "it needs more than 2 GB of memory"),
            marks=pytest.mark.skipif(sys.platform != "linux", reason="only Linux can limit memory"),
        ),
        pytest.param(
            *(calls.take_memory_and_fail_to_encode, LIMIT_S, "it needs more than 2 GB of memory"),
            marks=pytest.mark.skipif(sys.platform != "linux", reason="only Linux can limit memory"),
        ),
        pytest.param(
            *(calls.take_memory_and_fail_to_load, LIMIT_S, "it needs more than 2 GB of memory"),
            marks=pytest.mark.skipif(sys.platform != "linux", reason="only Linux can limit memory"),
        ),
        (calls.hang, 0.2, "it took longer than 0.2 s"),
    ],
)
def test_a_process_that_is_lost_fails_its_call_and_is_replaced(
    pool: ProcessPool, call: Call, limit_s: float, reason: str
) -> None:
    before = pool.run(calls.process_id, limit_s=LIMIT_S)
    with pytest.raises(ProcessLostError, match=reason):
        pool.run(call, limit_s=limit_s)
    assert pool.run(calls.process_id, limit_s=LIMIT_S) != before
    assert not exists(before)


def test_an_idle_process_that_died_is_replaced(pool: ProcessPool) -> None:
    before = pool.run(calls.process_id, limit_s=LIMIT_S)
    os.kill(before, signal.SIGKILL)
    (child,) = multiprocessing.active_children()
    child.join()
    assert pool.run(calls.process_id, limit_s=LIMIT_S) != before


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can limit memory")
def test_a_call_that_runs_out_of_memory_is_not_retried_endlessly() -> None:
    pool = ProcessPool(Setup(memory_bytes=20 * 1024**2))
    call = partial(calls.length, data=bytes(8 * 1024**2))
    try:
        with pytest.raises(ProcessLostError, match="it needs more than 20 MB of memory"):
            pool.run(call, limit_s=LIMIT_S)
    finally:
        pool.stop()


def test_errors_are_raised_and_only_unexpected_ones_end_the_process(pool: ProcessPool) -> None:
    first = pool.run(calls.process_id, limit_s=LIMIT_S)
    with pytest.raises(RenderFailedError, match="draft is empty") as refused:
        pool.run(calls.refuse, limit_s=LIMIT_S)
    assert refused.value.remedy == "Add a clip."
    assert pool.run(calls.process_id, limit_s=LIMIT_S) == first
    with pytest.raises(ZeroDivisionError) as caught:
        pool.run(calls.divide_by_zero, limit_s=LIMIT_S)
    assert "in divide_by_zero" in str(caught.value.__cause__)
    assert pool.run(calls.process_id, limit_s=LIMIT_S) != first


def test_progress_restarts_the_time_limit_and_loading_suspends_it(pool: ProcessPool) -> None:
    pool.run(
        calls.process_id, limit_s=LIMIT_S
    )  # otherwise the start of the process would count as well
    fractions: list[float] = []
    done = pool.run(calls.report_often, limit_s=0.4, on_progress=fractions.append)
    assert (done, len(fractions) > 2) == ("done", True)


def test_progress_starts_anew_with_each_call(pool: ProcessPool) -> None:
    fractions: list[float] = []
    for call in (
        calls.report_the_end_and_wait_for_the_file,
        calls.wait_for_a_frame_and_report_half,
    ):
        pool.run(call, limit_s=LIMIT_S, on_progress=fractions.append)
    assert fractions == [1.0, 0.5]


def test_a_canceled_call_ends_its_process(pool: ProcessPool) -> None:
    with pytest.raises(RenderCancelledError):
        pool.run(calls.hang, limit_s=LIMIT_S, cancelled=lambda: True)
    assert multiprocessing.active_children() == []


def test_stop_ends_running_calls(pool: ProcessPool) -> None:
    errors: list[Exception] = []
    reached = threading.Event()

    def cancelled() -> bool:
        reached.set()
        return False

    def wait() -> None:
        try:
            pool.run(calls.hang, limit_s=LIMIT_S, cancelled=cancelled)
        except RenderCancelledError as error:
            errors.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    assert reached.wait(30)
    pool.stop()
    thread.join(10)
    assert len(errors) == 1
    with pytest.raises(RenderCancelledError):
        pool.run(calls.process_id, limit_s=LIMIT_S)


@pytest.mark.skipif(sys.platform != "linux", reason="only the Linux kernel does this")
@pytest.mark.parametrize("name", ["report_and_wait", "report_and_hold_the_gil"])
def test_a_process_that_is_stopped_or_hangs_ends_with_a_killed_server(name: str) -> None:
    serve = f"from tests.support import isolated_calls; isolated_calls.serve({name!r})"
    with subprocess.Popen(
        [sys.executable, "-c", serve], stdout=subprocess.PIPE, cwd=ROOT
    ) as server:
        assert server.stdout is not None
        child = int(server.stdout.readline())
        try:
            if name == "report_and_wait":
                os.kill(child, signal.SIGSTOP)
            server.kill()
            # reads to EOF, so no child process still holds the pipe
            server.communicate(timeout=20)
        finally:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_lost_processes_leave_no_open_file(pool: ProcessPool) -> None:
    def open_files() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    pool.run(calls.process_id, limit_s=LIMIT_S)
    before = open_files()
    for _ in range(3):
        with pytest.raises(ProcessLostError):
            pool.run(calls.abort, limit_s=LIMIT_S)
    pool.run(calls.process_id, limit_s=LIMIT_S)
    assert open_files() == before


def test_log_records_reach_the_server(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "nemovideo.local")
    pool = ProcessPool(Setup(log_level=logging.INFO))
    try:
        pool.run(calls.log, limit_s=LIMIT_S)
    finally:
        pool.stop()
    assert "loaded in 0.3 s" in caplog.text
