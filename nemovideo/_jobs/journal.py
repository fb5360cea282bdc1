"""Write a job's checkpoint, if it has one."""

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
    """The checkpoint of one job, locked by one process at a time.

    Attributes:
        path: The checkpoint file; None for a job that cannot be resumed.
        current: The current checkpoint.
    """

    current: Checkpoint
    _meter: Meter

    def __init__(self, path: Path | None, clock: Clock) -> None:
        self.path = path
        self._clock = clock
        self._lock: FileLock | None = None
        self._begun = False

    @property
    def resumable(self) -> bool:
        """Whether another process can resume the job."""
        return self._begun and self.path is not None

    @property
    def message_sent(self) -> bool:
        """Whether the message may have reached the agent, in this process or an earlier one."""
        return self._begun and self.current.message is not None

    @property
    def rendered(self) -> bool:
        """Whether the render has completed, in this process or an earlier one."""
        return self._begun and self.current.rendered

    def open(self) -> Flow[Checkpoint | None]:
        """Lock the job, and return its checkpoint, if there is one.

        Raises:
            JobRunningError: Another process or thread has locked it.
            CheckpointError: The file cannot be used.
        """
        if self.path is None:
            return None
        return (yield from blocking(self._lock_and_load))

    def begin(self, checkpoint: Checkpoint, meter: Meter) -> None:
        """Start or resume the job at this checkpoint."""
        self.current, self._meter, self._begun = checkpoint, meter, True

    def save(self, checkpoint: Checkpoint) -> Flow[None]:
        """Write a checkpoint, from which the job can be resumed."""
        self.current = attrs.evolve(
            checkpoint,
            fraction=self._meter.fraction,
            elapsed_s=self._meter.elapsed_s,
            updated_at=self._clock.time(),
        )
        if self.path is not None:
            path, current = self.path, self.current
            yield from blocking(lambda: checkpoints.save(path, current))

    def close(self) -> None:
        """Unlock the job; delete the lock file of a job that is done or was rejected."""
        lock, self._lock = self._lock, None
        if lock is None or self.path is None:
            return
        if self.current.finished if self._begun else not self.path.exists():
            lock.discard()
        lock.release()

    def _lock_and_load(self) -> Checkpoint | None:
        assert self.path is not None
        if not self.path.parent.is_dir():
            raise checkpoints.failure(
                self.path, "is in a folder that does not exist", remedy="Create the folder first."
            )
        lock = FileLock(checkpoints.lock_path(self.path))
        if not lock.acquire():
            error = JobRunningError(f"the job of {self.path} is running in another process")
            error.path = str(self.path)
            raise error
        self._lock = lock
        return checkpoints.load(self.path)
