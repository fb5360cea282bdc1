"""Where a job notes its steps: in its checkpoint, or, where there is none, nowhere."""

from __future__ import annotations

from pathlib import Path

import attrs

from nemovideo._flows.steps import Flow, blocking
from nemovideo._jobs import checkpoints
from nemovideo._jobs.checkpoints import Checkpoint
from nemovideo._jobs.progress import Meter
from nemovideo._support.clock import Clock
from nemovideo._support.filelock import FileLock
from nemovideo.errors import JobRunningError


class Journal:
    """The notes of one job, held by one process at a time.

    Args:
        path: The checkpoint file; None for a job that need not survive.
        clock: Where the time comes from.

    Attributes:
        now: The latest notes.
    """

    now: Checkpoint
    _meter: Meter

    def __init__(self, path: Path | None, clock: Clock) -> None:
        self.path = path
        self._clock = clock
        self._lock: FileLock | None = None
        self._begun = False

    @property
    def resumable(self) -> bool:
        """Whether another process could go on from the file."""
        return self._begun and self.path is not None

    def open(self) -> Flow[Checkpoint | None]:
        """Take the job, and return what was noted before; None where nothing was.

        Raises:
            JobRunningError: Another process, or thread, has taken it.
            CheckpointError: The file cannot be used.
        """
        if self.path is None:
            return None
        return (yield from blocking(self._take))

    def begin(self, checkpoint: Checkpoint, meter: Meter) -> None:
        """Go on from these notes."""
        self.now, self._meter, self._begun = checkpoint, meter, True

    def note(self, checkpoint: Checkpoint) -> Flow[None]:
        """Note how far the job is; once this is over, it survives the process."""
        self.now = attrs.evolve(
            checkpoint,
            fraction=self._meter.fraction,
            elapsed_s=self._meter.elapsed_s,
            updated_at=self._clock.time(),
        )
        if self.path is not None:
            path, noted = self.path, self.now
            yield from blocking(lambda: checkpoints.save(path, noted))

    def close(self) -> None:
        """Let others have the job; nobody needs the lock of one that is done, or was refused."""
        lock, self._lock = self._lock, None
        if lock is None or self.path is None:
            return
        if self.now.finished if self._begun else not self.path.exists():
            lock.discard()
        lock.release()

    def _take(self) -> Checkpoint | None:
        assert self.path is not None
        if not self.path.parent.is_dir():
            raise checkpoints.failure(
                self.path, "has no folder to be in", remedy="Make the folder first."
            )
        lock = FileLock(checkpoints.lock_path(self.path))
        if not lock.acquire():
            error = JobRunningError(f"another process is at the job of {self.path}")
            error.path = str(self.path)
            raise error
        self._lock = lock
        return checkpoints.load(self.path)
