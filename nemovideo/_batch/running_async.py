"""Carries out a batch's commands with tasks, on asyncio or trio, or with an executor."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import attrs
from anyio import to_thread
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from nemovideo._batch.commands import Do, Ended, Moved, Start
from nemovideo._batch.coordinator import Coordinator
from nemovideo._batch.pace import StoppedError
from nemovideo._batch.running import outcome_of
from nemovideo._batch.work import Outcome, Task, failure, one_file, work
from nemovideo._flows import auth
from nemovideo._jobs.places import Place
from nemovideo.batch import BatchReport

if TYPE_CHECKING:
    from nemovideo._drivers.aio import AsyncDriver


async def run(
    driver: AsyncDriver,
    coordinator: Coordinator,
    executor: Executor | None,
    place: Place,
) -> BatchReport:
    """Run a batch: tasks share this client, an executor's workers make theirs of their own."""
    send, receive = anyio.create_memory_object_stream["Moved | Ended"](math.inf)
    limiter = anyio.CapacityLimiter(coordinator.pace.ceiling)

    async def here(task: Task) -> Outcome:
        flow = one_file(
            coordinator.context,
            task,
            coordinator.pace,
            stopped=lambda: coordinator.stopped,
            on_progress=lambda now: send.send_nowait(Moved(task.key, now.fraction)),
        )
        return await driver.run(flow, task.deadline_s)

    async def elsewhere(chosen: Executor, task: Task) -> Outcome:
        token = "" if place.local else str(await driver.run(auth.token(coordinator.context)))
        future = chosen.submit(work, attrs.evolve(place, token=token), task)
        ends: list[Outcome] = []
        with anyio.CancelScope(shield=True):  # it ends by the stop file, and until then it runs
            ends.append(await to_thread.run_sync(outcome_of, future, limiter=limiter))
        return ends[0]

    job = here if executor is None else partial(elsewhere, executor)
    with send, receive:
        return await _Runner(coordinator, driver.run, job, send, receive).run()


class _Runner:
    """Carries out the commands of one batch."""

    def __init__(
        self,
        coordinator: Coordinator,
        do: Callable[[Any], Awaitable[object]],
        job: Callable[[Task], Awaitable[Outcome]],
        send: MemoryObjectSendStream[Moved | Ended],
        receive: MemoryObjectReceiveStream[Moved | Ended],
    ) -> None:
        self._coordinator = coordinator
        self._do = do
        self._job = job
        self._send = send
        self._receive = receive
        self._scopes: set[anyio.CancelScope] = set()

    async def run(self) -> BatchReport:
        """Return the batch's report."""
        failures: list[Exception] = []
        reports: list[BatchReport] = []
        async with anyio.create_task_group() as tasks:
            try:
                reports.append(await self._carry_out(tasks))
            except Exception as error:  # noqa: BLE001 - the group would wrap it in one of its own
                failures.append(error)
        for failed in failures:
            raise failed
        return reports[0]

    async def _carry_out(self, tasks: TaskGroup) -> BatchReport:
        commands = self._coordinator.run()
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
                    answer = await self._do(command.flow)
                elif isinstance(command, Start):
                    tasks.start_soon(self._work, command.task)
                else:
                    answer = await self._next()
            except BaseException as raised:  # noqa: BLE001 - the coordinator brings all to a halt
                error = raised

    async def _next(self) -> Moved | Ended:
        """Wait for news; once the batch is stopped, for the ends of the tasks it cancels."""
        stopped = self._coordinator.stopped
        if stopped:
            for scope in self._scopes:
                scope.cancel()
        news: list[Moved | Ended] = []
        with anyio.CancelScope(shield=stopped):
            news.append(await self._receive.receive())
        return news[0]

    async def _work(self, task: Task) -> None:
        outcome = Outcome(StoppedError())
        try:
            with anyio.CancelScope() as scope:
                self._scopes.add(scope)
                outcome = await self._job(task)
        except Exception as error:  # noqa: BLE001 - it is told
            outcome = Outcome(failure(error))
        finally:
            self._scopes.discard(scope)
            self._send.send_nowait(Ended(task.key, outcome))
