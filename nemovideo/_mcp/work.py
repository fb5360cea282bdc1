"""Long jobs, which continue in the background if their tool call times out.

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
_LEAST_STEP = 0.001
_KEPT = 50
_CLEAN_UP_S = 5.0
_RENDERS = "/api/render/proxy/lambda/"


@attrs.define(eq=False)
class Work:
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
        """Record a line to show."""
        self.message = line


_current: ContextVar[Work] = ContextVar("nemovideo_mcp_work")


def note_render(request: RequestInfo) -> None:
    """Record the render job that the current job waits for; a client's `on_request` hook."""
    work = _current.get(None)
    if work is not None and request.path.startswith(_RENDERS):
        work.render_id = request.path.removeprefix(_RENDERS).partition("/")[0]


Job = Callable[[Work], Awaitable[CallToolResult]]


@attrs.define
class Works:
    """All jobs of a server, which run in its task group; see `serve`."""

    _tasks: TaskGroup
    _client: AsyncClient
    _wait_s: float
    _begun: int = 0
    _known: dict[str, Work] = attrs.field(init=False, factory=dict)

    async def run(self, call: Call, tool: str, job: Job) -> CallToolResult:
        """Start a job, and return its result, or its status after `wait_s`.

        If the client cancels the call, the job is canceled too.
        """
        self._begun += 1
        work = Work(f"job-{self._begun}", tool)
        self._known[work.id] = work
        self._tasks.start_soon(self._perform, work, job)
        try:
            return await self._watch(call, work)
        except anyio.get_cancelled_exc_class():
            work.scope.cancel()
            raise

    async def status(self, call: Call, id: str) -> CallToolResult:  # noqa: A002
        """Return the result of a job, or its status after `wait_s`."""
        return await self._watch(call, self._find(id))

    async def cancel(self, id: str) -> CallToolResult:  # noqa: A002
        """Cancel a job, and return its result."""
        work = self._find(id)
        work.scope.cancel()
        await work.ended.wait()
        return work.result or _cancelled(work)

    def _find(self, id: str) -> Work:  # noqa: A002
        try:
            return self._known[id]
        except KeyError:
            raise InvalidRequestError(
                f"there is no job {id!r}",
                remedy="Use a job_id from another tool, or call the tool again.",
            ) from None

    async def _perform(self, work: Work, job: Job) -> None:
        _current.set(work)
        try:
            with work.scope:
                work.result = await _outcome(work, job)
            if work.result is None:
                work.result = _cancelled(work)
                await self._cancel_render(work)
        finally:
            work.ended.set()
            self._forget()

    async def _cancel_render(self, work: Work) -> None:
        """Cancel the render job of a canceled job, if it is still running."""
        if work.render_id is None:
            return
        with anyio.move_on_after(_CLEAN_UP_S), suppress(NemoError):
            job = await self._client.render.get(work.render_id)
            if not job.finished:
                await self._client.render.cancel(job)

    def _forget(self) -> None:
        """Delete the results of all but the last jobs."""
        ended = [id for id, work in self._known.items() if work.ended.is_set()]  # noqa: A001
        for id in ended[:-_KEPT]:  # noqa: A001
            del self._known[id]

    async def _watch(self, call: Call, work: Work) -> CallToolResult:
        """Wait for a job, and report its progress."""
        reported, next_report = -_LEAST_STEP, 0.0
        until = anyio.current_time() + self._wait_s
        while not work.ended.is_set() and (left := until - anyio.current_time()) > 0:
            with anyio.move_on_after(min(_TICK_S, left)):
                await work.ended.wait()
            now = anyio.current_time()
            # MCP requires that each progress value is larger than the one before.
            least = reported + _LEAST_STEP if now >= next_report else work.fraction
            value = round(min(max(work.fraction, least), 1.0), 3)
            if value > reported:
                reported, next_report = value, now + _REPORT_S
                await call.report_progress(value, 1.0, work.message)
        return work.result or _status(work)


async def _outcome(work: Work, job: Job) -> CallToolResult:
    try:
        return await job(work)
    except NemoError as error:
        return error_answer(error)
    except Exception:  # noqa: BLE001 - the server survives a bug in a tool
        _log.exception("%s failed", work.tool)
        text = f"{work.tool} failed because of a bug in nemovideo; see the log."
        return answer(text, failed=True)


def _status(work: Work) -> CallToolResult:
    percent = f"{work.fraction:.0%}"
    text = (
        f"{work.tool} is still running ({percent}: {work.message}). "
        f"Call job_status with job_id {work.id!r} to wait for the result."
    )
    data = {"job_id": work.id, "done": False, "progress": round(work.fraction, 3)}
    return answer(text, data)


def _cancelled(work: Work) -> CallToolResult:
    text = f"{work.tool} was canceled. Credits may have been used: check with the credits tool."
    return answer(text, {"job_id": work.id, "done": True, "canceled": True})
