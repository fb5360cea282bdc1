"""The server, which serves the tools on stdin and stdout until they are closed.

Meanwhile the MCP SDK reserves stdout for the protocol; other output to stdout, including
that of child processes, goes to stderr.
"""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
from anyio.abc import TaskGroup
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult, InputRequiredResult, ToolAnnotations
from pydantic import ValidationError

from nemovideo import AsyncClient, __version__
from nemovideo._mcp.answers import error_answer
from nemovideo._mcp.arguments import invalid_arguments, unknown_arguments
from nemovideo._mcp.folders import Folders
from nemovideo._mcp.jobs import Jobs
from nemovideo._mcp.tools import Tools
from nemovideo.errors import NemoError

_INSTRUCTIONS = """\
Edits videos of people with NemoVideo: removes or replaces backgrounds, and makes other edits
from a description.
For "remove the background of this clip", call remove_background once; it saves a file.
For anything else, call say, look at the result with preview and
show_timeline, and save it with export.
Files must be inside: {folders}. A slow tool returns a job_id: pass it to job_status.\
"""


async def serve(client: AsyncClient, folders: Folders, wait_s: float) -> None:
    """Serve the tools on stdin and stdout until stdin ends or a signal arrives.

    The client, made with `on_request=note_render`, is closed at the end. A call waits `wait_s`
    seconds for its result.
    """
    closing = anyio.Lock()
    async with anyio.create_task_group() as signals:
        signals.start_soon(_close_on_signal, client, closing)
        try:
            async with anyio.create_task_group() as tasks:
                await server_of(client, folders, tasks, wait_s).run_stdio_async()
                tasks.cancel_scope.cancel()
        finally:
            await _close(client, closing)
        signals.cancel_scope.cancel()


async def _close(client: AsyncClient, closing: anyio.Lock) -> None:
    with anyio.CancelScope(shield=True):
        async with closing:
            await client.close()


async def _close_on_signal(client: AsyncClient, closing: anyio.Lock) -> None:
    """Close the client before a signal ends the process.

    Cancellation would not end it, because a thread is reading stdin. An MCP client that closes
    stdin sends SIGTERM soon after, possibly while the local backend is still stopping.
    """
    try:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as received:
            async for number in received:
                await _close(client, closing)
                signal.signal(number, signal.SIG_DFL)
                signal.raise_signal(number)
    except NotImplementedError:  # on Windows
        return


class _Server(MCPServer[object]):
    """A server that returns errors with their remedies, and rejects unknown arguments."""

    async def call_tool(
        self,
        name: str,
        arguments: dict[str, Any],
        context: Context[object, Any] | None = None,
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool; SDK errors and invalid arguments are returned as results."""
        schemas = {tool.name: tool.input_schema for tool in await self.list_tools()}
        if name not in schemas:
            return await super().call_tool(name, arguments, context)
        if unknown := unknown_arguments(name, arguments, schemas[name]):
            return error_answer(unknown)
        try:
            return await super().call_tool(name, arguments, context)
        except ToolError as error:
            match error.__cause__:
                case NemoError() as cause:
                    return error_answer(cause)
                case ValidationError() as cause:
                    return error_answer(invalid_arguments(name, cause, schemas[name]))
            raise


def server_of(
    client: AsyncClient, folders: Folders, tasks: TaskGroup, wait_s: float
) -> MCPServer[object]:
    """Return the server without running it; see `serve`. Long jobs run in `tasks`."""
    tools = Tools(client, folders, Jobs(tasks, client, wait_s))
    server: MCPServer[object] = _Server(
        "nemovideo",
        title="NemoVideo",
        version=__version__,
        instructions=_INSTRUCTIONS.format(folders=folders),
        log_level="WARNING",
    )
    read_only = ToolAnnotations(read_only_hint=True, open_world_hint=True)
    additive = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=True)
    idempotent = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True)
    destructive = ToolAnnotations(read_only_hint=False, destructive_hint=True, open_world_hint=True)
    table: tuple[tuple[Callable[..., Awaitable[CallToolResult]], str, ToolAnnotations], ...] = (
        (tools.remove_background, "Remove a background", destructive),
        (tools.say, "Edit by description", additive),
        (tools.show_timeline, "Show the timeline", read_only),
        (tools.preview, "Preview", read_only),
        (tools.export, "Export the video", destructive),
        (tools.credits, "Show the credits", read_only),
        (tools.job_status, "Wait for a job", read_only),
        (tools.cancel_job, "Cancel a job", idempotent),
    )
    for tool, title, hints in table:
        server.add_tool(tool, title=title, annotations=hints, structured_output=False)
    return server
