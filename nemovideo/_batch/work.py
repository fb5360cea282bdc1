"""The work on one file: what is handed out, what comes back, and the work itself.

All of it survives pickling, for it may be done in another process or on another
machine, by any `concurrent.futures.Executor`.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import attrs

from nemovideo._batch.pace import Pace, StoppedError, paced
from nemovideo._flows.context import Context
from nemovideo._flows.steps import Flow
from nemovideo._jobs import flow
from nemovideo._jobs.checkpoints import Service
from nemovideo._jobs.places import Place, driving
from nemovideo._jobs.plan import Background, Order, plan
from nemovideo.errors import NemoError
from nemovideo.models import Progress


@attrs.frozen
class Task:
    """One file to work on.

    Attributes:
        key: The source's content and what is wanted of it.
        checkpoint: Where to note how far it is, or None.
        service: Where the work is done.
        stop_file: The batch was interrupted once this file is there.
        deadline_s: Seconds that may be used, or None.
        nonce: Makes every task another one, for executors that remember results.
    """

    key: str
    source: Path
    output: Path
    background: Background
    format: str
    overwrite: bool
    checkpoint: Path | None
    service: Service
    stop_file: Path
    deadline_s: float | None = None
    nonce: str = attrs.field(factory=lambda: uuid.uuid4().hex)


@attrs.frozen
class Outcome:
    """What became of one file.

    Attributes:
        error: Why there is no result, or None.
        credits_spent: What the account lost meanwhile.
        limited: How often the service answered 429, where the work was done elsewhere.
        note: What to know of the result, in whole sentences.
    """

    error: NemoError | None = None
    credits_spent: float | None = None
    duration_s: float | None = None
    elapsed_s: float = 0.0
    limited: int = 0
    note: str = ""


def work(place: Place, task: Task) -> Outcome:
    """Do the work on one file, in a place of its own."""
    stopped = task.stop_file.exists
    try:
        if stopped():
            raise StoppedError
        context = place.context()
        with driving(context) as driver:
            pace = Pace(context.settings.clock, 1, context.settings.retry)
            steps = one_file(context, task, pace, stopped, None)
            outcome = driver.run(steps, task.deadline_s)
        return attrs.evolve(outcome, limited=pace.limited)
    except NemoError as error:
        return Outcome(error)


def one_file(
    context: Context,
    task: Task,
    pace: Pace,
    stopped: Callable[[], bool],
    on_progress: Callable[[Progress], None] | None,
) -> Flow[Outcome]:
    """Do the work on one file, at the batch's pace; what goes wrong is part of the outcome."""
    clock = context.settings.clock
    began = clock.monotonic()
    picture, words, chosen = plan(
        *(task.background, task.output, task.format),
        local_files=context.settings.local_files,
    )
    order = Order(
        source=task.source,
        picture=picture,
        words=words,
        output=task.output,
        format=chosen,
        session_id=None,
        overwrite=task.overwrite,
    )
    steps = flow.run(
        context,
        order,
        on_progress,
        checkpoint=task.checkpoint,
        service=task.service,
        in_batch=True,
    )
    try:
        video = yield from paced(steps, pace, stopped)
    except NemoError as error:
        found = Outcome(error)
    else:
        found = Outcome(
            credits_spent=video.credits_spent,
            duration_s=video.duration_s,
            note=" ".join(video.warnings),
        )
    return attrs.evolve(found, elapsed_s=clock.monotonic() - began)


def failure(error: BaseException) -> NemoError:
    """Return what a worker or an executor failed with, as an error of ours."""
    if isinstance(error, NemoError):
        return error
    wrapped = NemoError(
        f"the worker failed: {type(error).__name__}: {error}",
        remedy="Look at the executor's own logs.",
    )
    wrapped.__cause__ = error
    return wrapped
