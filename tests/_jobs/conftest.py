"""A test bench for jobs: a backend, its client, and crashes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from nemovideo import Client
from nemovideo._jobs import checkpoints
from nemovideo._jobs.checkpoints import Checkpoint
from nemovideo.local import LocalBackend
from tests.support.job_child import COLOR, QUICK
from tests.support.jobs import RGB, Ledger, QuickRenderer
from tests.support.media import corner, near, pictures


class Crash(BaseException):
    """The process has died."""


@attrs.define
class Bench:
    """A backend, its client, and jobs that crash after a number of checkpoint writes."""

    folder: Path
    clip: Path
    backend: LocalBackend
    renderer: QuickRenderer
    monkeypatch: pytest.MonkeyPatch
    token: str = ""

    def client(self, **options: Any) -> Client:
        return Client(self.token, base_url=self.backend.url, **{**QUICK, **options})

    @property
    def path(self) -> Path:
        return self.folder / "job.json"

    @property
    def output(self) -> Path:
        return self.folder / "clean.mp4"

    def order(self, **options: Any) -> dict[str, Any]:
        given = {"background": COLOR, "output": self.output, "checkpoint": self.path}
        return {**given, **options}

    def crash(self, writes: int, source: Any = None, **options: Any) -> None:
        """Run the job until its checkpoint has been written this many times."""
        save, count = checkpoints.save, 0

        def save_and_crash(path: Path, record: Checkpoint) -> None:
            nonlocal count
            save(path, record)
            count += 1
            if count == writes:
                raise Crash

        with self.monkeypatch.context() as patch, self.client() as client:
            patch.setattr(checkpoints, "save", save_and_crash)
            with pytest.raises(Crash):
                client.remove_background(source or self.clip, **self.order(**options))

    def is_done_once(self) -> None:
        done = Ledger.of(self.backend)
        assert (done.files, done.edits, done.renders, done.spent) == (1, 1, 1, 1)
        assert near(corner(pictures(self.output)[0]), RGB)


@pytest.fixture
def bench(tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    renderer = QuickRenderer()
    (tmp_path / "work").mkdir()
    with LocalBackend(tmp_path / "state", render=renderer) as backend:
        created = Bench(tmp_path / "work", clip, backend, renderer, monkeypatch)
        created.token = backend.issue_token(credits=100)
        yield created
