"""`nemovideo mcp`: the MCP server, on stdin and stdout."""

from __future__ import annotations

from pathlib import Path

import click

from nemovideo.cli.options import PATH, check_engine, engine_option, local_option
from nemovideo.errors import MissingExtraError


@click.command()
@click.argument("folders", nargs=-1, required=True, type=PATH)
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(min=0),
    default=50.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a tool call waits before it returns a job_id instead of the result; many "
    "agents time out after 60 seconds.",
)
@local_option
@engine_option
def mcp(folders: tuple[Path, ...], *, wait_s: float, local: bool, engine: str | None) -> None:
    """Serve tools for an AI agent (MCP) on stdin and stdout.

    The agent starts this program; docs/mcp.md shows its configuration. It can
    only read and write files inside FOLDERS.
    """
    check_engine(engine, local=local)
    try:
        import anyio

        from nemovideo._mcp.folders import Folders
        from nemovideo._mcp.jobs import note_render
        from nemovideo._mcp.server import serve
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("mcp", "pydantic"):
            raise
        raise MissingExtraError(
            "the MCP server needs the extra [mcp]",
            remedy='Install it: pip install "nemovideo[mcp]".',
        ) from None
    from nemovideo import AsyncClient

    allowed = Folders.of(folders)
    if local:
        client = AsyncClient.local(engine=engine, private_urls=False, on_request=note_render)
    else:
        client = AsyncClient(private_urls=False, on_request=note_render)
    anyio.run(serve, client, allowed, wait_s)
