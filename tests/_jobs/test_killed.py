"""Jobs in a real process, killed by SIGKILL at every step, are resumed."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from click.testing import CliRunner

from nemovideo import Client, Job
from nemovideo.cli.app import app
from nemovideo.local import LocalBackend
from nemovideo.local.server.faults import Fault
from nemovideo.models import RenderedVideo
from tests.support.job_child import COLOR, QUICK
from tests.support.jobs import RGB, Ledger, QuickRenderer, clean_environment, kill, runs_of, start
from tests.support.media import corner, near, pictures

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")

WRITES = [f"{side} write {n}" for n in range(1, 11) for side in ("before", "after")]
POINTS = [
    *("before write 1", "after write 1", "before write 2", "after write 2", "after write 3"),
    *("uploading 2", "before write 4", "after write 4", "after write 5", "after message 1"),
    *("before write 6", "after write 6", "after write 7", "after submit 1", "after poll 1"),
    *("after write 8", "after file 1", "downloading 2", "before write 9", "after write 9"),
    "after write 10",
]
"""Distinct points: for example, nothing happens between "after write 3" and "before upload 1"."""


class JobProcess:
    """A job in another process, and its backend."""

    def __init__(self, folder: Path, clip: Path, backend: LocalBackend) -> None:
        self.folder = folder
        self.clip = clip
        self.backend = backend
        self.token = backend.issue_token(credits=100)
        self.checkpoint = folder / "talk.job.json"
        self.child: BaseProcess | None = None

    def start(self, point: str | None = None, driver: str = "sync") -> None:
        self.child = start(driver, point, self.backend.url, self.token, self.clip, self.checkpoint)

    def wait_until_killed(self) -> None:
        assert self.child is not None
        self.child.join(60)
        assert self.child.exitcode == -9

    def resume(self) -> RenderedVideo:
        with Client(self.token, base_url=self.backend.url, **QUICK) as client:
            if not self.checkpoint.exists():  # it died before the first write
                return client.remove_background(
                    self.clip,
                    background=COLOR,
                    output=self.folder / "clean.mp4",
                    checkpoint=self.checkpoint,
                )
            return client.jobs.resume(self.checkpoint)

    def check(self, video: RenderedVideo) -> None:
        assert video.path == self.folder / "clean.mp4"
        assert len(pictures(video.path)) == 5
        assert near(corner(pictures(video.path)[0]), RGB)
        assert (video.credits_before, video.credits_after, video.credits_spent) == (100, 99, 1)
        done = Ledger.of(self.backend)
        assert (done.files, done.edits, done.renders, done.spent) == (1, 1, 1, 1)
        assert done.sessions <= 2
        assert sorted(path.name for path in self.folder.iterdir()) == ["clean.mp4", "talk.job.json"]


@pytest.fixture
def renderer() -> QuickRenderer:
    return QuickRenderer()


@pytest.fixture
def job(tmp_path: Path, clip: Path, renderer: QuickRenderer) -> Iterator[JobProcess]:
    (tmp_path / "work").mkdir()
    with LocalBackend(tmp_path / "state", render=renderer) as backend:
        job = JobProcess(tmp_path / "work", clip, backend)
        try:
            yield job
        finally:
            if job.child is not None:
                job.child.kill()
                job.child.join()


def test_the_points_cover_a_whole_job(job: JobProcess) -> None:
    job.start()
    assert job.child is not None
    job.child.join(60)
    assert job.child.exitcode == 0
    events = (job.folder / "events").read_text().split("\n")
    assert [event for event in events if "write" in event] == WRITES
    assert set(POINTS) <= set(events)
    assert len(events) >= 40


@pytest.mark.parametrize("point", POINTS)
def test_a_job_killed_at_any_point_is_done_once(job: JobProcess, point: str) -> None:
    job.start(point)
    job.wait_until_killed()
    job.check(job.resume())
    if point != "after message 1":  # where the run was aborted, and may have had no effect
        assert runs_of(job.backend) == 1


@pytest.mark.parametrize(
    ("driver", "point"),
    [("asyncio", "after write 3"), ("asyncio", "after submit 1"), ("trio", "before message 1")],
)
def test_an_async_job_killed_at_any_point_is_done_once(
    job: JobProcess, driver: str, point: str
) -> None:
    job.start(point, driver)
    job.wait_until_killed()
    job.check(job.resume())


@pytest.mark.parametrize("event", range(1, 4))
def test_a_job_killed_in_the_middle_of_the_answer_is_charged_once(
    tmp_path: Path, clip: Path, event: int
) -> None:
    (tmp_path / "work").mkdir()
    events = 0

    async def before_event(_: float) -> None:
        nonlocal events
        events += 1
        if events == event:
            assert victim.child is not None
            await asyncio.to_thread(kill, victim.child)
            await asyncio.sleep(0.1)  # the server notices the disconnect

    backend = LocalBackend(
        tmp_path / "state",
        render=QuickRenderer(),
        faults=[Fault(kind="slow", path="/run_sse", delay_s=1)],
        sleep=before_event,
    )
    with backend:
        victim = JobProcess(tmp_path / "work", clip, backend)
        victim.start()
        victim.wait_until_killed()
        assert events == event
        edited = Ledger.of(backend).edits
        victim.check(victim.resume())
        assert runs_of(backend) == 2 - edited  # sent again only if it had no effect


def test_a_job_killed_while_it_renders_waits_for_that_render(
    job: JobProcess, renderer: QuickRenderer
) -> None:
    def at_work() -> None:
        assert job.child is not None
        kill(job.child)

    renderer.at_work = at_work
    job.start()
    job.wait_until_killed()
    job.check(job.resume())
    assert renderer.runs == 1


def test_a_job_killed_repeatedly_is_done_once(job: JobProcess) -> None:
    for point in (
        *("after session 1", "after upload 1", "before message 1", "after submit 1"),
        *("before file 1", "downloading 1", "before claim 1"),
    ):
        job.start(point)
        job.wait_until_killed()
    job.check(job.resume())


def test_a_path_alone_is_enough_in_a_new_interpreter(job: JobProcess) -> None:
    job.start("after poll 1")
    job.wait_until_killed()
    code = "import sys, nemovideo; print(nemovideo.Job.resume(sys.argv[1]).credits_spent)"
    done = subprocess.run(
        [sys.executable, "-c", code, str(job.checkpoint)],
        env={**clean_environment(), "NEMO_TOKEN": job.token, "NEMO_API_URL": job.backend.url},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "1"
    job.check(Job.resume(job.checkpoint))


LOCAL = """
import os, signal, sys
from nemovideo import Client

def on_request(request):
    if request.path.endswith("lambda"):
        os.kill(os.getpid(), signal.SIGKILL)

with Client.local(on_request=on_request) as client:
    client.remove_background(
        sys.argv[1], background="white", output="clean.mp4", checkpoint="talk.job.json"
    )
"""


def test_a_job_of_a_killed_local_client_resumes_in_its_state(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    environ = {**clean_environment(), "TMPDIR": str(tmp_path)}
    killed = subprocess.run(
        [sys.executable, "-c", LOCAL, str(clip)], env=environ, check=False, capture_output=True
    )
    assert killed.returncode == -9, killed.stderr
    with Client.local(render=QuickRenderer()) as client:  # another state, another port
        assert client.jobs.load("talk.job.json").status.phase == "render"
        video = client.remove_background(
            clip, background="white", output="clean.mp4", checkpoint="talk.job.json"
        )
        assert runs_of(client.backend or LocalBackend()) == 0
    assert near(corner(pictures(tmp_path / "clean.mp4")[0]), (255, 255, 255))
    assert video.credits_spent == 1


def test_a_job_that_gets_sigterm_is_resumed_and_leaves_nothing_behind(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary, checkpoint, output = tmp_path / "t", tmp_path / "job.json", tmp_path / "clean.mp4"
    temporary.mkdir()
    environ = {**clean_environment(), "TMPDIR": str(temporary)}
    command = [sys.executable, "-m", "nemovideo", "remove-background", str(clip), "--local", "-q"]
    command += ["--engine", "fast", "-o", str(output), "--checkpoint", str(checkpoint)]
    child = subprocess.Popen(command, env=environ, stderr=subprocess.DEVNULL)
    while not checkpoint.exists() or json.loads(checkpoint.read_text())["phase"] != "render":
        assert child.poll() is None
        time.sleep(0.005)
    child.terminate()
    assert child.wait(60) == 143
    assert [path.name[:10] for path in temporary.iterdir()] == ["nemovideo-"]  # kept for the job
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    assert CliRunner().invoke(app, command[3:]).exit_code == 0
    assert output.exists()
    assert not list(temporary.glob("nemovideo-*"))
