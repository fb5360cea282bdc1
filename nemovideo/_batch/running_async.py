"""Runs a batch with tasks, on asyncio or trio, or with an executor."""

from __future__ import annotations

import math
from concurrent.futures import Executor
from contextlib import ExitStack
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread
from anyio.abc import TaskGroup

from nemovideo._batch.coordinator import Coordinator, Item
from nemovideo._batch.running import outcome_of, with_token
from nemovideo._batch.work import Outcome, Task, failure, work
from nemovideo._jobs.contexts import ClientSpec
from nemovideo.batch import BatchReport

if TYPE_CHECKING:
    from nemovideo._drivers.aio import AsyncDriver

_TICK_S = 0.5
"""Seconds between progress reports."""


async def run(
    driver: AsyncDriver, coordinator: Coordinator, executor: Executor | None, spec: ClientSpec
) -> BatchReport:
    """Run a batch: tasks share this client, an executor's workers make their own."""
    with ExitStack() as stack:
        stack.callback(coordinator.close)
        await driver.run(coordinator.open())
        running = _Work(driver, coordinator, executor, spec)
        stack.callback(running.close)
        failed: Exception | None = None
        async with anyio.create_task_group() as tasks:
            try:
                await running.run(tasks)
            except Exception as error:  # noqa: BLE001 - otherwise the task group wraps it
                failed = error
                tasks.cancel_scope.cancel()
            finally:
                coordinator.stop()
        if failed is not None:
            raise failed
        return await driver.run(coordinator.report())


class _Work:
    """The files of one batch that are in progress."""

    def __init__(
        self,
        driver: AsyncDriver,
        coordinator: Coordinator,
        executor: Executor | None,
        spec: ClientSpec,
    ) -> None:
        self._driver = driver
        self._coordinator = coordinator
        self._executor = executor
        self._spec = spec
        self._limiter = anyio.CapacityLimiter(coordinator.pace.ceiling)
        self._send, self._ended = anyio.create_memory_object_stream[tuple[Item, Outcome]](math.inf)

    def close(self) -> None:
        """Close the stream of outcomes."""
        self._send.close()
        self._ended.close()

    async def run(self, tasks: TaskGroup) -> None:
        """Start files and record their outcomes until all are done."""
        driver, coordinator = self._driver, self._coordinator
        while True:
            coordinator.report_progress()
            while (following := await driver.run(coordinator.next())) is not None:
                tasks.start_soon(self._work, *following)
            if not coordinator.in_progress:
                coordinator.report_progress()
                return
            ended = None
            with anyio.move_on_after(_TICK_S):
                ended = await self._ended.receive()
            if ended is not None:
                await driver.run(coordinator.ended(*ended))

    async def _work(self, item: Item, task: Task) -> None:
        try:
            if self._executor is None:
                flow = self._coordinator.work(item, task)
                outcome = await self._driver.run(flow, task.deadline_s)
            else:
                outcome = await self._run_in_executor(self._executor, task)
        except Exception as error:  # noqa: BLE001 - reported
            outcome = Outcome(failure(error))
        self._send.send_nowait((item, outcome))

    async def _run_in_executor(self, executor: Executor, task: Task) -> Outcome:
        spec = await self._driver.run(with_token(self._spec, self._coordinator.context))
        try:
            future = executor.submit(work, spec, task)
        except Exception as error:
            self._coordinator.executor_failed(failure(error))
            raise
        try:
            return await to_thread.run_sync(
                outcome_of, future, limiter=self._limiter, abandon_on_cancel=True
            )
        finally:
            future.cancel()
