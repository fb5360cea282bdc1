"""Long jobs, which continue in the background if they take longer than a tool call may.

Many MCP clients time out after a minute. A call therefore waits for a limited time, and then
returns a job id to poll.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import ContextVar

import anyio
import attrs
from anyio.abc import TaskGroup
from mcp.server.mcpserver import Context
from mcp.types import CallToolResult

from nemovideo import AsyncClient
from nemovideo._mcp.answers import answer, error_answer
from nemovideo.errors import InvalidRequestError, NemoError
from nemovideo.hooks import RequestInfo
from nemovideo.models import Progress

Call = Context[None, object]
"""A tool call, for progress reports."""

_log = logging.getLogger("nemovideo.mcp")

_TICK_S = 0.5
_REPORT_S = 5.0
_MIN_STEP = 0.001
_MAX_KEPT = 50
_CLEAN_UP_S = 5.0
_RENDERS = "/api/render/proxy/lambda/"


@attrs.define(eq=False)
class Job:
    """A running or finished job.

    Attributes:
        tool: The tool that started it.
        fraction: The progress, 0.0 to 1.0.
        message: The current step.
        render_id: The render job that it waits for, once there is one.
        result: The result, once it has ended.
    """

    id: str
    tool: str
    fraction: float = 0.0
    message: str = "Starting…"
    render_id: str | None = None
    result: CallToolResult | None = None
    scope: anyio.CancelScope = attrs.field(factory=anyio.CancelScope)
    ended: anyio.Event = attrs.field(factory=anyio.Event)

    def progress(self, now: Progress) -> None:
        """Record the progress of an SDK call."""
        self.fraction, self.message = max(self.fraction, now.fraction), now.message

    def notice(self, line: str) -> None:
        """Record a notice as the current step."""
        self.message = line


_current: ContextVar[Job] = ContextVar("nemovideo_mcp_job")


def note_render(request: RequestInfo) -> None:
    """Record the render job that the current job waits for; a client's `on_request` hook."""
    job = _current.get(None)
    if job is not None and request.path.startswith(_RENDERS):
        job.render_id = request.path.removeprefix(_RENDERS).partition("/")[0]


JobFunction = Callable[[Job], Awaitable[CallToolResult]]


@attrs.define
class Jobs:
    """All jobs of a server, which run in its task group; see `serve`."""

    _tasks: TaskGroup
    _client: AsyncClient
    _wait_s: float
    _started: int = 0
    _known: dict[str, Job] = attrs.field(init=False, factory=dict)

    async def run(self, call: Call, tool: str, function: JobFunction) -> CallToolResult:
        """Start a job, and return its result, or its status after `wait_s`.

        If the client cancels the call, the job is canceled too.
        """
        self._started += 1
        job = Job(f"job-{self._started}", tool)
        self._known[job.id] = job
        self._tasks.start_soon(self._perform, job, function)
        try:
            return await self._watch(call, job)
        except anyio.get_cancelled_exc_class():
            job.scope.cancel()
            raise

    async def status(self, call: Call, id: str) -> CallToolResult:  # noqa: A002
        """Return the result of a job, or its status after `wait_s`."""
        return await self._watch(call, self._find(id))

    async def cancel(self, id: str) -> CallToolResult:  # noqa: A002
        """Cancel a job, and return its result."""
        job = self._find(id)
        job.scope.cancel()
        await job.ended.wait()
        return job.result or _cancelled(job)

    def _find(self, id: str) -> Job:  # noqa: A002
        try:
            return self._known[id]
        except KeyError:
            raise InvalidRequestError(
                f"there is no job {id!r}",
                remedy="Use a job_id from another tool, or call the tool again.",
            ) from None

    async def _perform(self, job: Job, function: JobFunction) -> None:
        _current.set(job)
        try:
            with job.scope:
                job.result = await _outcome(job, function)
            if job.result is None:
                job.result = _cancelled(job)
                await self._cancel_render(job)
        finally:
            job.ended.set()
            self._forget()

    async def _cancel_render(self, job: Job) -> None:
        """Cancel the render job of a canceled job, if it is still running."""
        if job.render_id is None:
            return
        with anyio.move_on_after(_CLEAN_UP_S), suppress(NemoError):
            render = await self._client.render.get(job.render_id)
            if not render.finished:
                await self._client.render.cancel(render)

    def _forget(self) -> None:
        """Delete the results of all but the last jobs."""
        ended = [id for id, job in self._known.items() if job.ended.is_set()]  # noqa: A001
        for id in ended[:-_MAX_KEPT]:  # noqa: A001
            del self._known[id]

    async def _watch(self, call: Call, job: Job) -> CallToolResult:
        """Wait for a job, and report its progress."""
        reported, next_report = -_MIN_STEP, 0.0
        until = anyio.current_time() + self._wait_s
        while not job.ended.is_set() and (left := until - anyio.current_time()) > 0:
            with anyio.move_on_after(min(_TICK_S, left)):
                await job.ended.wait()
            now = anyio.current_time()
            # MCP requires that each progress value is larger than the previous one.
            lowest = reported + _MIN_STEP if now >= next_report else job.fraction
            value = round(min(max(job.fraction, lowest), 1.0), 3)
            if value > reported:
                reported, next_report = value, now + _REPORT_S
                await call.report_progress(value, 1.0, job.message)
        return job.result or _status(job)


async def _outcome(job: Job, function: JobFunction) -> CallToolResult:
    try:
        return await function(job)
    except NemoError as error:
        return error_answer(error)
    except Exception:  # noqa: BLE001 - the server survives a bug in a tool
        _log.exception("%s failed", job.tool)
        text = f"{job.tool} failed because of a bug in nemovideo; see the log."
        return answer(text, failed=True)


def _status(job: Job) -> CallToolResult:
    percent = f"{job.fraction:.0%}"
    text = (
        f"{job.tool} is still running ({percent}: {job.message}). "
        f"Call job_status with job_id {job.id!r} to wait for the result."
    )
    data = {"job_id": job.id, "done": False, "progress": round(job.fraction, 3)}
    return answer(text, data)


def _cancelled(job: Job) -> CallToolResult:
    text = f"{job.tool} was canceled. Credits may have been used: check with the credits tool."
    return answer(text, {"job_id": job.id, "done": True, "canceled": True})
