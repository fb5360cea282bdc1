"""Runs a batch with threads, or with an executor."""

from __future__ import annotations

import queue
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from contextvars import copy_context
from typing import TYPE_CHECKING

import attrs

from nemovideo._batch.coordinator import Coordinator, Item
from nemovideo._batch.work import Outcome, Task, failure, work
from nemovideo._flows import auth
from nemovideo._flows.context import Context
from nemovideo._flows.steps import Flow
from nemovideo._jobs.contexts import ClientSpec
from nemovideo.batch import BatchReport

if TYPE_CHECKING:
    from nemovideo._drivers.sync import SyncDriver

_TICK_S = 0.5
"""Seconds between progress reports; some systems deliver Ctrl-C only between two waits."""


def run(
    driver: SyncDriver, coordinator: Coordinator, executor: Executor | None, spec: ClientSpec
) -> BatchReport:
    """Run a batch: threads share this client, other processes make their own."""
    with ExitStack() as stack:
        stack.callback(coordinator.close)
        driver.run(coordinator.open())
        if executor is None:
            executor = stack.enter_context(
                ThreadPoolExecutor(coordinator.pace.ceiling, "nemovideo-batch")
            )
        running = _Work(driver, coordinator, executor, spec)
        try:
            running.run()
            return driver.run(coordinator.report())
        except BaseException as error:
            running.stop()
            if isinstance(error, KeyboardInterrupt):
                raise coordinator.interrupted from error
            raise


@attrs.frozen
class _Work:
    """The files of one batch that are in progress."""

    _driver: SyncDriver
    _coordinator: Coordinator
    _executor: Executor
    _spec: ClientSpec
    _futures: dict[Future[Outcome], Item] = attrs.field(init=False, factory=dict)
    _ended: queue.SimpleQueue[Future[Outcome]] = attrs.field(init=False, factory=queue.SimpleQueue)

    def run(self) -> None:
        """Start files and record their outcomes until all are done."""
        driver, coordinator = self._driver, self._coordinator
        while True:
            coordinator.report_progress()
            while (following := driver.run(coordinator.next())) is not None:
                self._start(*following)
            if not coordinator.in_progress:
                coordinator.report_progress()
                return
            with suppress(queue.Empty):
                self._record(self._ended.get(timeout=_TICK_S))

    def stop(self) -> None:
        """Stop the work, and wait for the threads of this process."""
        self._coordinator.stop()
        for future in list(self._futures):
            future.cancel()
        while self._futures and isinstance(self._executor, ThreadPoolExecutor):
            self._record(self._ended.get())

    def _start(self, item: Item, task: Task) -> None:
        try:
            future = self._submit(item, task)
        except Exception as error:  # noqa: BLE001 - reported
            failed = failure(error)
            self._coordinator.executor_failed(failed)
            self._driver.run(self._coordinator.ended(item, Outcome(failed)))
        else:
            self._futures[future] = item
            future.add_done_callback(self._ended.put)

    def _submit(self, item: Item, task: Task) -> Future[Outcome]:
        if isinstance(self._executor, ThreadPoolExecutor):
            context = copy_context()  # hooks see the caller's context variables
            return self._executor.submit(context.run, self._run_here, item, task)
        spec = self._driver.run(with_token(self._spec, self._coordinator.context))
        return self._executor.submit(work, spec, task)

    def _run_here(self, item: Item, task: Task) -> Outcome:
        return self._driver.run(self._coordinator.work(item, task), task.deadline_s)

    def _record(self, future: Future[Outcome]) -> None:
        item = self._futures.pop(future)
        self._driver.run(self._coordinator.ended(item, outcome_of(future)))


def with_token(spec: ClientSpec, context: Context) -> Flow[ClientSpec]:
    """Return the spec with the client's token, unless it has a local backend."""
    if spec.local:
        return spec
    return attrs.evolve(spec, token=str((yield from auth.token(context))))


def outcome_of(future: Future[Outcome]) -> Outcome:
    """Return the outcome in a future that has ended."""
    try:
        return future.result()
    except (Exception, CancelledError, KeyboardInterrupt) as error:  # noqa: BLE001 - reported
        return Outcome(failure(error))
