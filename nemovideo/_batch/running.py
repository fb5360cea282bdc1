"""Carries out a batch's commands with threads, or with an executor of the user's."""

from __future__ import annotations

import contextvars
import queue
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import attrs

from nemovideo._batch.commands import Commands, Do, Ended, Moved, Start
from nemovideo._batch.coordinator import Coordinator
from nemovideo._batch.work import Outcome, Task, failure, one_file, work
from nemovideo._flows import auth
from nemovideo._jobs.places import Place
from nemovideo.batch import BatchReport

if TYPE_CHECKING:
    from nemovideo._drivers.sync import SyncDriver

News = queue.SimpleQueue["Moved | Ended"]

_PATIENCE_S = 0.5


def run(
    driver: SyncDriver,
    coordinator: Coordinator,
    executor: Executor | None,
    place: Place,
) -> BatchReport:
    """Run a batch: threads share this client, other workers make theirs of their own."""
    news: News = queue.SimpleQueue()

    def here(task: Task) -> Outcome:
        flow = one_file(
            coordinator.context,
            task,
            coordinator.pace,
            stopped=lambda: coordinator.stopped,
            on_progress=lambda now: news.put(Moved(task.key, now.fraction)),
        )
        return driver.run(flow, task.deadline_s)

    with ExitStack() as stack:
        if executor is None:
            executor = stack.enter_context(
                ThreadPoolExecutor(coordinator.pace.ceiling, "nemovideo-batch")
            )
        chosen = executor

        def launch(task: Task) -> None:
            if isinstance(chosen, ThreadPoolExecutor):
                # Hooks see the caller's context variables.
                future = chosen.submit(contextvars.copy_context().run, here, task)
            else:
                token = "" if place.local else str(driver.run(auth.token(coordinator.context)))
                future = chosen.submit(work, attrs.evolve(place, token=token), task)
            future.add_done_callback(lambda done: news.put(Ended(task.key, outcome_of(done))))

        return _carry_out(coordinator.run(), driver.run, launch, news)


def outcome_of(future: Future[Outcome]) -> Outcome:
    """Return what a future that has ended brought."""
    try:
        return future.result()
    except (Exception, CancelledError, KeyboardInterrupt) as error:  # noqa: BLE001 - it is told
        return Outcome(failure(error))


def _carry_out(
    commands: Commands[BatchReport],
    do: Callable[[Any], object],
    launch: Callable[[Task], None],
    news: News,
) -> BatchReport:
    answer: object = None
    error: BaseException | None = None
    while True:
        try:
            command = commands.send(answer) if error is None else commands.throw(error)
        except StopIteration as stop:
            report: BatchReport = stop.value
            return report
        answer = error = None
        try:
            if isinstance(command, Do):
                answer = do(command.flow)
            elif isinstance(command, Start):
                launch(command.task)
            else:
                answer = _next(news)
        except BaseException as raised:  # noqa: BLE001 - the coordinator brings all to a halt
            error = raised


def _next(news: News) -> Moved | Ended:
    """Wait for news; in short waits, for some systems hear of Ctrl-C only between them."""
    while True:
        try:
            return news.get(timeout=_PATIENCE_S)
        except queue.Empty:  # noqa: PERF203
            continue
