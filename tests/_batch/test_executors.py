"""Batches whose work is done by other processes: a process pool, and a real Dask cluster."""

from __future__ import annotations

import csv
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import (
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from dask import config as dask_config

from nemovideo import AsyncClient, Client, errors
from nemovideo._batch.pace import StoppedError
from nemovideo._batch.work import Outcome
from nemovideo._jobs.contexts import ClientSpec
from nemovideo.local import LocalBackend
from nemovideo.models import Progress
from tests.docs.test_docs import run_page
from tests.resources.test_batch import check_all_done
from tests.support import ROOT
from tests.support.batch import (
    GOOD,
    LeftHalf,
    make_broken,
    make_clips,
    quick_backend,
    quick_client,
    results,
)
from tests.support.fast_engine import use_fast_engine
from tests.support.jobs import prepare_server
from tests.support.media import pictures

if TYPE_CHECKING:
    import distributed


@pytest.fixture(scope="module")
def dask() -> Iterator[distributed.Client]:
    """A cluster of two worker processes on this machine."""
    distributed = pytest.importorskip("distributed")
    prepare_server()
    with (
        dask_config.set({"distributed.worker.multiprocessing-method": "forkserver"}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        client.run(use_fast_engine)
        yield client


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[LocalBackend]:
    with quick_backend(tmp_path / "state") as backend:
        yield backend


def test_a_batch_on_dask_survives_a_killed_worker_and_an_interruption(
    tmp_path: Path, quick: LocalBackend, dask: distributed.Client
) -> None:
    clips, out = tmp_path / "clips", tmp_path / "out"
    make_clips(clips, GOOD)
    make_broken(clips)
    workers = dask.run(os.getpid)

    def interrupt(progress: Progress) -> None:
        if workers and len(results(out)) >= GOOD // 4:
            os.kill(workers.popitem()[1], signal.SIGKILL)
            workers.clear()
        if len(results(out)) >= GOOD // 2:
            raise KeyboardInterrupt

    with quick_client(quick) as client:
        remove = partial(
            client.batch.remove_backgrounds,
            clips,
            out,
            background="blur",
            executor=dask.get_executor(),
            concurrency=3,
        )
        with pytest.raises(KeyboardInterrupt, match="of 12 files done"):
            remove(progress=interrupt)
        assert not workers
        before = results(out)
        assert GOOD // 2 <= len(before) < GOOD
        report = remove()
        check_all_done(report, out, quick, client)
    assert before.items() <= results(out).items()


def test_dask_workers_of_a_local_client_render_by_themselves(
    tmp_path: Path, dask: distributed.Client
) -> None:
    clips, out = tmp_path / "clips", tmp_path / "out"
    make_clips(clips, 3)
    make_broken(clips)
    with Client.local(costs={"edit": 2}, engine=LeftHalf()) as client:
        remove = partial(
            client.batch.remove_backgrounds,
            clips,
            out,
            background="#00b140",
            executor=dask.get_executor(),
        )
        first = remove(max_credits=5)
        second = remove()
        assert client.backend is not None
        assert not client.backend.requests
    assert (len(first.done), len(first.not_started), len(first.failed)) == (2, 1, 3)
    assert (len(second.done), len(second.skipped), len(second.failed)) == (1, 2, 3)
    assert (first.credits_spent, second.credits_spent) == (4, 2)
    assert [row.credits_spent for row in first.done] == [2, 2]
    assert len(pictures(out / "clip00.mp4")) == 5


@pytest.fixture
def pool() -> Iterator[Executor]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as executor:
        yield executor


def test_a_process_pool_does_the_work_with_the_account_of_the_client(
    tmp_path: Path, quick: LocalBackend, pool: Executor
) -> None:
    make_clips(tmp_path / "clips", 3)
    out = tmp_path / "out"
    token = quick.issue_token(credits=7)
    calls: list[object] = []
    with quick_client(quick, token=token, on_request=calls.append) as client:
        remove = partial(client.batch.remove_backgrounds, tmp_path / "clips", executor=pool)
        report = remove(out, background="blur")
        assert report.ok, str(report)
        assert client.credits.balance().available == 4
    assert calls, "hooks are called for what this process sends"
    kept = [path.read_text() for path in (out / ".nemovideo-batch").iterdir()]
    assert token not in repr(report) + "".join(kept)

    async def main() -> None:
        async with AsyncClient(token, base_url=quick.url, edit_cost=1) as client:
            remove = partial(client.batch.remove_backgrounds, tmp_path / "clips", executor=pool)
            assert len((await remove(out, background="blur")).skipped) == 3
            assert (await remove(tmp_path / "other", background="blur")).ok

    anyio.run(main)


def test_a_broken_process_pool_must_be_replaced(
    tmp_path: Path, quick: LocalBackend, pool: Executor
) -> None:
    make_clips(tmp_path / "clips", 1)
    with pytest.raises(BrokenExecutor):
        pool.submit(os._exit, 1).result()
    with quick_client(quick) as client:
        report = client.batch.remove_backgrounds(
            tmp_path / "clips", tmp_path / "out", background="blur", executor=pool
        )
    assert "with a new executor" in str(report.failed[0].remedy)


def test_the_users_own_threads_do_the_work_with_this_client(
    tmp_path: Path, quick: LocalBackend
) -> None:
    make_clips(tmp_path / "clips", 3)
    with quick_client(quick) as client, ThreadPoolExecutor(2) as threads:
        report = client.batch.remove_backgrounds(
            tmp_path / "clips", tmp_path / "out", background="blur", executor=threads
        )
        assert report.ok
        assert threads.submit(len, "open").result() == 4


def test_an_executor_that_rejects_work_stops_the_batch(tmp_path: Path, quick: LocalBackend) -> None:
    make_clips(tmp_path / "clips", 3)
    threads = ThreadPoolExecutor(2)
    threads.shutdown()
    with quick_client(quick) as client:
        report = client.batch.remove_backgrounds(
            tmp_path / "clips", tmp_path / "out", background="blur", executor=threads
        )
    assert len(report.failed) == 1
    assert len(report.not_started) == 2
    assert report.stopped_by is not None
    assert "cannot schedule new futures" in str(report.stopped_by)


class HangingExecutor(Executor):
    """An executor whose workers are lost: its futures never finish."""

    def __init__(self) -> None:
        self.futures: list[Future[Any]] = []

    def submit(self, function: Callable[..., Any], /, *_: Any, **__: Any) -> Future[Any]:
        self.futures.append(Future())
        return self.futures[-1]


@pytest.mark.parametrize("loop", ["threads", "asyncio", "trio"])
def test_an_interruption_does_not_wait_for_workers_elsewhere(
    loop: str, tmp_path: Path, quick: LocalBackend
) -> None:
    make_clips(tmp_path / "clips", 3)
    lost = HangingExecutor()
    clips, out = tmp_path / "clips", tmp_path / "out"

    def interrupt(_: Progress) -> None:
        if lost.futures:
            raise KeyboardInterrupt

    async def cancelled() -> None:
        async with AsyncClient(base_url=quick.url, edit_cost=1) as client:
            with anyio.CancelScope() as scope:
                await client.batch.remove_backgrounds(
                    clips,
                    out,
                    executor=lost,
                    progress=lambda _: scope.cancel() if lost.futures else None,
                )
            assert scope.cancelled_caught

    if loop == "threads":
        with (
            quick_client(quick) as client,
            pytest.raises(KeyboardInterrupt, match="0 of 3 files done"),
        ):
            client.batch.remove_backgrounds(clips, out, executor=lost, progress=interrupt)
    else:
        anyio.run(cancelled, backend=loop)
    assert all(future.cancelled() for future in lost.futures)


def test_an_interruption_can_be_pickled() -> None:
    again = pickle.loads(pickle.dumps(Outcome(StoppedError()))).error
    assert type(again) is StoppedError
    assert "resumes from here" in str(again)


def test_a_client_spec_can_be_pickled_and_shows_no_token() -> None:
    spec = ClientSpec(False, {"base_url": "https://api.test"}, token="nmv_usr_secret")
    assert "secret" not in repr(spec)
    again = pickle.loads(pickle.dumps(spec))
    assert again.context().settings.token == "nmv_usr_secret"
    with pytest.raises(errors.InvalidRequestError):
        ClientSpec(False, {"base_url": "http://example.com"}).context()


def test_the_examples_of_the_page_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clips = tmp_path / "clips"
    make_clips(clips, 2)
    make_clips(clips / "monday", 1)
    (clips / "empty.mp4").touch()
    text = (ROOT / "docs/batches.md").read_text(encoding="utf-8")
    page = tmp_path / "batches.md"
    text = text.replace('if __name__ == "__main__":', "if True:")
    text = text.replace("Client.local()", 'Client.local(engine="fast")')
    text = text.replace("n_workers=2,", "processes=False,")
    page.write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with quick_backend(tmp_path / "state") as cloud:
        monkeypatch.setenv("NEMO_API_URL", cloud.url)
        monkeypatch.setenv("NEMO_WEB_URL", cloud.url)
        assert run_page(page) == 8
    assert sorted(results(tmp_path / "edited")) == ["clip00.mp4", "monday/clip00.mp4"]
    with (tmp_path / "report.csv").open(encoding="utf-8", newline="") as file:
        assert [row["status"] for row in csv.DictReader(file)] == ["done", "done", "failed"]
    assert sorted(results(tmp_path / "green")) == ["clip00.mp4", "clip01.mp4"]


def test_the_example_script_uses_a_cluster(tmp_path: Path, dask: distributed.Client) -> None:
    make_clips(tmp_path / "clips", 2)
    make_broken(tmp_path / "clips")
    script = [sys.executable, str(ROOT / "examples/batch_dask.py"), "clips", "out"]
    done = subprocess.run(
        [*script, "--scheduler", str(dask.scheduler_info()["address"])],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("5 files: 2 done, 3 failed; 2 credits")
    assert "empty.mp4' is empty" in done.stdout
