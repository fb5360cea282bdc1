"""The work on one file: the task, the outcome, and the flow between them.

Tasks and outcomes can be pickled, for any `concurrent.futures.Executor`.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import BrokenExecutor
from functools import partial
from pathlib import Path
from typing import Literal

import attrs

from nemovideo._batch.checkpoint_folder import finished
from nemovideo._batch.pace import Pace, StoppedError, paced
from nemovideo._flows.context import Context
from nemovideo._flows.steps import Flow, Sleep, blocking
from nemovideo._jobs import checkpoints, flow
from nemovideo._jobs.checkpoints import Checkpoint
from nemovideo._jobs.contexts import ClientSpec, driving
from nemovideo._jobs.job_spec import JobSpec
from nemovideo._support.disk import read_bytes
from nemovideo._values.remedies import Code, Option, Remedy, Resume
from nemovideo.errors import (
    APITimeoutError,
    CheckpointError,
    DownloadError,
    JobRunningError,
    NemoError,
    RenderCancelledError,
    RenderTimeoutError,
    SessionNotFoundError,
    StreamInterruptedError,
    StreamTimeoutError,
)
from nemovideo.models import Progress

_STARTS_OVER = Code(
    "files in progress start over, unless the local backend has a state_dir=",
    "files in progress start over",
    in_shell="files in progress start over, unless --local has a --state-dir",
)
_NEXT_RUN: dict[type[NemoError], str] = {
    **dict.fromkeys(
        (StreamInterruptedError, StreamTimeoutError), "it first checks whether the message arrived"
    ),
    **dict.fromkeys((RenderTimeoutError, DownloadError), "it resumes from here"),
    RenderCancelledError: "it renders the file again",
    SessionNotFoundError: "it starts the file over",
}
"""What the next run does with a file, by the error that it failed with."""
_HANDOVER_S = 60
"""Seconds to wait for a worker of an interrupted run to stop."""


@attrs.frozen
class Limit:
    """A time limit as the user set it, and the seconds that one file has left.

    Attributes:
        resumes: Whether the next run resumes files in progress.
    """

    option: Literal["deadline", "file_deadline"]
    seconds: float
    left_s: float
    resumes: bool = True

    def passed(self) -> NemoError:
        """Return the error for a limit that has passed."""
        return self._error("")

    def cut_off(self, *, may_have_spent: bool) -> NemoError:
        """Return the error for a file that was in progress when the limit passed."""
        return self._error("cut off: ", may_have_spent=may_have_spent)

    def _error(self, prefix: str, *, may_have_spent: bool = False) -> NemoError:
        seconds = f"{self.seconds:g} s"
        limit = (
            f"the batch's deadline of {seconds}"
            if self.option == "deadline"
            else f"the limit of {seconds} for one file"
        )
        error = APITimeoutError(
            f"{prefix}{limit} has passed",
            remedy=Remedy(
                ("run the batch again: ", "it resumes from here" if self.resumes else _STARTS_OVER),
                ("set another ", Option(self.option)),
            ),
            may_have_spent=may_have_spent,
        )
        error.deadline_passed = True
        return error


@attrs.frozen
class Task:
    """One file to work on.

    Attributes:
        run_file: The batch is interrupted once this file no longer holds `run`.
        resumes: Whether the next run resumes files in progress.
        nonce: Makes every task unique, for executors that cache results.
    """

    spec: JobSpec
    checkpoint: Path
    run_file: Path
    run: str
    limit: Limit | None = None
    resumes: bool = True
    nonce: str = attrs.field(factory=lambda: uuid.uuid4().hex)

    def stopped(self) -> bool:
        """Return whether the batch was interrupted."""
        try:
            return read_bytes(self.run_file) != self.run.encode()
        except OSError:
            return True

    @property
    def deadline_s(self) -> float | None:
        """The time limit in seconds."""
        return None if self.limit is None else self.limit.left_s


@attrs.frozen
class Outcome:
    """The outcome for one file; see its checkpoint for the rest.

    Attributes:
        error: Why there is no result, or None.
        credits_spent: How much the account's balance fell.
        elapsed_s: Seconds of work.
        rate_limits: The number of 429 responses that another process received.
        warnings: Warnings about the result, as sentences.
    """

    error: NemoError | None = None
    credits_spent: float | None = None
    elapsed_s: float = 0.0
    rate_limits: int = 0
    warnings: tuple[str, ...] = ()


def work(spec: ClientSpec, task: Task) -> Outcome:
    """Process one file in another process, with its own client."""
    try:
        if task.stopped():
            raise StoppedError
        context = spec.context()
        with driving(context) as driver:
            pace = Pace(context.settings.clock, 1, context.settings.retry)
            outcome = driver.run(one_file(context, task, pace, task.stopped), task.deadline_s)
        return attrs.evolve(outcome, rate_limits=pace.rate_limits)
    except NemoError as error:
        return Outcome(error)


def one_file(
    context: Context,
    task: Task,
    pace: Pace,
    stopped: Callable[[], bool],
    on_progress: Callable[[Progress], None] | None = None,
) -> Flow[Outcome]:
    """Process one file at the batch's pace; errors are part of the outcome."""
    clock = context.settings.clock
    began = clock.monotonic()
    try:
        outcome = yield from paced(_job(context, task, on_progress), pace, stopped)
    except NemoError as error:
        timed_out = isinstance(error, APITimeoutError) and error.deadline_passed
        if timed_out and task.limit is not None:
            error = task.limit.cut_off(may_have_spent=error.may_have_spent)
        else:
            error.remedy = _remedy(error, task)
        outcome = Outcome(error)
    return attrs.evolve(outcome, elapsed_s=clock.monotonic() - began)


def _remedy(error: NemoError, task: Task) -> str:
    """Return the remedy for a file of a batch, where the usual remedies do not apply."""
    effect = _NEXT_RUN.get(type(error))
    if effect is None:
        return error.remedy
    if isinstance(error, StreamInterruptedError) and error.remedy != error.default_remedy:
        # Its effect is unknown: the next run would fail again.
        resume = Resume(str(task.checkpoint), send_again=True)
        look = "look at the project; if the message is still needed, send it with "
        return Remedy((look, resume, ": it may be charged again"))
    return Remedy(("run the batch again: ", effect if task.resumes else _STARTS_OVER))


def _job(
    context: Context, task: Task, on_progress: Callable[[Progress], None] | None
) -> Flow[Outcome]:
    """Run or resume the job; if its checkpoint cannot be used, start over.

    Its session may have expired, or ended with its local backend.
    """
    clock = context.settings.clock
    give_up_at = clock.monotonic() + _HANDOVER_S
    resumes = yield from blocking(task.checkpoint.exists)
    earlier = yield from blocking(partial(_load_checkpoint, task))
    while True:
        try:
            video = yield from flow.run(
                context, task.spec, on_progress, checkpoint=task.checkpoint, in_batch=True
            )
        except JobRunningError:  # noqa: PERF203 - a retry
            if clock.monotonic() >= give_up_at:
                raise
            yield Sleep(1.0)
        except (CheckpointError, SessionNotFoundError):
            record = yield from blocking(partial(_arrived, task))
            if record is not None:
                return Outcome(credits_spent=_spent(record), warnings=record.all_warnings)
            if not resumes:
                raise
            yield from blocking(lambda: task.checkpoint.unlink(missing_ok=True))
            resumes = False
        else:
            paid = earlier is not None and earlier.finished  # only the output file was lost
            spent = 0.0 if paid and resumes else video.credits_spent
            return Outcome(credits_spent=spent, warnings=video.warnings)


def _arrived(task: Task) -> Checkpoint | None:
    """Return the checkpoint of a result that another worker made before it died or was lost."""
    record, output = _load_checkpoint(task), task.spec.output
    assert output is not None
    return None if record is None else finished(task.checkpoint, record, output)


def _load_checkpoint(task: Task) -> Checkpoint | None:
    try:
        return checkpoints.load(task.checkpoint)
    except CheckpointError:
        return None


def _spent(record: Checkpoint) -> float | None:
    if record.credits_before is None or record.credits_after is None:
        return None
    return record.credits_before - record.credits_after


def failure(error: BaseException) -> NemoError:
    """Return an error from a worker or an executor as a `NemoError`."""
    if isinstance(error, NemoError):
        return error
    remedy = "Check the executor's logs."
    if isinstance(error, BrokenExecutor):  # such as a process pool that has lost a process
        remedy = "Run the batch again with a new executor; if that breaks too, check its logs."
    wrapped = NemoError(f"the worker failed: {type(error).__name__}: {error}", remedy=remedy)
    wrapped.__cause__ = error
    return wrapped
