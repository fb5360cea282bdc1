"""Batches on threads: broken files, interruptions, and what a second run does."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nemovideo import Client
from nemovideo._jobs import checkpoints
from nemovideo._values.remedies import remedy_for
from nemovideo.batch import BatchInterrupted, BatchReport
from nemovideo.local import LocalBackend
from nemovideo.models import Progress
from tests.support.batch import (
    BROKEN,
    GOOD,
    make_broken,
    make_clips,
    quick_backend,
    quick_client,
    request_count,
    results,
)

HALF = GOOD // 2


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 12 clips, 3 of them broken."""
    folder = tmp_path_factory.mktemp("clips")
    make_clips(folder, GOOD)
    make_broken(folder)
    return folder


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[LocalBackend]:
    with quick_backend(tmp_path / "state") as backend:
        yield backend


@pytest.fixture
def worker(quick: LocalBackend) -> Iterator[Client]:
    with quick_client(quick) as client:
        yield client


def check_all_done(report: BatchReport, out: Path, backend: LocalBackend, client: Client) -> None:
    """Check that every good clip has one result, one edit and one render."""
    assert len(results(out)) == GOOD
    assert sorted(row.source.name for row in report.failed) == ["cut.mp4", "empty.mp4", "text.mp4"]
    assert len(report) == GOOD + BROKEN
    assert len(report.done) + len(report.skipped) == GOOD
    assert len({path.read_bytes() for path in out.glob("*.mp4")}) == GOOD
    assert 100 - client.credits.balance().available == GOOD
    assert request_count(backend, "/api/render/proxy/lambda") == GOOD
    records = list(map(checkpoints.load, (out / ".nemovideo-batch").glob("*.json")))
    assert sum(record is not None and record.finished for record in records) == GOOD


def test_an_interrupted_batch_is_resumed(
    clips: Path, tmp_path: Path, quick: LocalBackend, worker: Client
) -> None:
    out = tmp_path / "out"

    def interrupt(progress: Progress) -> None:
        if len(results(out)) >= HALF:
            raise KeyboardInterrupt

    with pytest.raises(BatchInterrupted, match=r"stopped: \d+ of 12 files done, ") as stop:
        worker.batch.remove_backgrounds(clips, out, background="blur", progress=interrupt)
    before = results(out)
    without_names = re.sub(r"\(.*?\)", "", str(stop.value))
    counts = [int(count) for count in re.findall(r"\d+", without_names)]
    assert "done, 3 failed (" in str(stop.value)
    assert counts[0] <= len(before)  # the last step of a job follows its download
    assert counts[0] + sum(counts[2:]) == counts[1] == GOOD + BROKEN
    assert remedy_for(stop.value.remedy, "shell").startswith("Run the same command again: ")
    assert HALF <= len(before) < GOOD
    report = worker.batch.remove_backgrounds(clips, out, background="blur")
    check_all_done(report, out, quick, worker)
    assert before.items() <= results(out).items()
    assert {row.output.name for row in report.skipped if row.output} >= before.keys()


_SCRIPT = """
import sys
from pathlib import Path
from nemovideo import Client
from nemovideo.retry import Polling
polling = Polling(first_s=0.01, interval_s=0.05)
with Client(base_url={url!r}, edit_cost=1, polling=polling) as client:
    client.batch.remove_backgrounds(
        {clips!r}, {out!r}, background="blur", progress=lambda now: print(now.message, flush=True)
    )
"""


def test_the_batch_of_a_killed_process_is_resumed(
    clips: Path, tmp_path: Path, quick: LocalBackend, worker: Client
) -> None:
    out = tmp_path / "out"
    script = _SCRIPT.format(url=quick.url, clips=str(clips), out=str(out))
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for _ in process.stdout:
            if len(results(out)) >= HALF:
                process.kill()
                break
    before = results(out)
    assert HALF <= len(before) < GOOD
    report = worker.batch.remove_backgrounds(clips, out, background="blur")
    check_all_done(report, out, quick, worker)
    assert before.items() <= results(out).items()
