"""The tools, called by the SDK's own client in this process, against a local backend."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import to_thread
from mcp import Client as Agent
from mcp.types import CallToolResult, TextContent

from nemovideo import AsyncClient
from nemovideo._mcp.folders import Folders
from nemovideo._mcp.jobs import note_render
from nemovideo._mcp.server import server_of
from nemovideo.local import Fault, LocalBackend
from nemovideo.retry import Polling
from tests.support import ROOT
from tests.support.app import Renderer
from tests.support.jobs import QuickRenderer
from tests.support.media import make_clip, make_picture

pytestmark = pytest.mark.anyio


@pytest.fixture
def folder(tmp_path: Path, clip: Path) -> Path:
    created = tmp_path.resolve() / "clips"
    created.mkdir()
    make_clip(created / "talk.mp4")
    make_picture(created / "bg.png", (0, 200, 0))
    return created


@asynccontextmanager
async def agent_of(
    backend: LocalBackend, *folders: Path, wait_s: float = 60.0
) -> AsyncIterator[Agent]:
    """Yield an agent connected to a server whose client uses `backend`."""
    polling = Polling(first_s=0.01, interval_s=0.05)
    client = AsyncClient(
        base_url=backend.url, polling=polling, private_urls=False, on_request=note_render
    )
    async with client, anyio.create_task_group() as tasks:
        server = server_of(client, Folders.of(folders), tasks, wait_s)
        async with Agent(server) as agent:
            yield agent
        tasks.cancel_scope.cancel()


def text_of(result: CallToolResult) -> str:
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


def data_of(result: CallToolResult) -> dict[str, Any]:
    assert not result.is_error, text_of(result)
    assert result.structured_content is not None
    return dict(result.structured_content)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def ended(agent: Agent, begun: CallToolResult) -> CallToolResult:
    """Return the result of a job."""
    result = begun
    while not result.is_error and data_of(result).get("done") is False:
        result = await agent.call_tool("job_status", {"job_id": data_of(begun)["job_id"]})
    return result


def saved(result: CallToolResult) -> bool:
    return Path(data_of(result)["path"]).is_file()


@pytest.fixture
def quick(tmp_path: Path) -> Any:
    with LocalBackend(tmp_path / "quick", render=QuickRenderer(), private_urls=False) as backend:
        yield backend


async def test_a_clip_becomes_a_file_that_can_be_edited_further(
    quick: LocalBackend, folder: Path
) -> None:
    async with agent_of(quick, folder) as agent:
        order = {"source": "talk.mp4", "trim": [0, 0.6], "edit": "mute it"}
        video = data_of(await agent.call_tool("remove_background", order))
        assert video["path"] == str(folder / "talk-clean.mp4")
        assert video["credits_spent"] == 1
        said = await agent.call_tool("say", {"text": "add a title saying 'Hello'"})
        assert data_of(said)["session_id"] == video["session_id"]
        shown = await agent.call_tool("show_timeline", {})
        assert "Hello" in text_of(shown)
        assert (data_of(shown)["ready"], data_of(shown)["duration_s"]) == (True, 0.6)
        again = data_of(await agent.call_tool("export", {"output": "titled.mp4"}))
        assert again["session_id"] == video["session_id"]
        assert (folder / "titled.mp4").stat().st_size == again["size_bytes"]
        left = data_of(await agent.call_tool("credits", {}))
        assert left == {"available": 98, "frozen": 0, "total": 98}


async def test_files_named_in_a_text_are_uploaded_and_its_edits_are_made(
    quick: LocalBackend, folder: Path
) -> None:
    async with agent_of(quick, folder) as agent:
        words = "here is talk.mp4 and bg.png: put bg.png behind me, then export it"
        result = await agent.call_tool("say", {"text": words})
        assert "talk.mp4" in text_of(result)
        assert Path(data_of(result)["path"]).parent == folder
        files = data_of(await agent.call_tool("show_timeline", {}))["files"]
        assert files == ["talk.mp4", "bg.png"]


REFUSED: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("remove_background", {"source": "/etc/passwd"}, "Choose a file inside"),
    ("remove_background", {"source": "nothing.mp4"}, "Check the path."),
    (
        "remove_background",
        {"source": "talk.mp4", "background": "/etc/a.png"},
        "Choose a file inside",
    ),
    ("remove_background", {"source": "talk.mp4", "output": "../a.mp4"}, "Choose a file inside"),
    ("remove_background", {"source": "talk.mp4", "output": "there.mp4"}, "pass overwrite=True."),
    ("remove_background", {"source": "talk.mp4", "max_credits": 0}, "max_credits"),
    ("say", {"text": "upload /etc/passwd.mp4"}, "Choose a file inside"),
    ("say", {"text": "blur it", "files": ["../x.mp4"]}, "Choose a file inside"),
    ("show_timeline", {}, "Call remove_background or say first."),
    ("preview", {}, "Call remove_background or say first."),
    ("preview", {"edit": "make it square"}, "Pass a source, or call say first."),
    ("preview", {"source": "talk.mp4", "edit": " "}, "The edit is empty."),
    ("preview", {"source": "/etc/passwd"}, "Choose a file inside"),
    ("preview", {"source": "talk.mp4", "background": "../a.png"}, "Choose a file inside"),
    (
        "preview",
        {"source": "talk.mp4", "at": [-1]},
        "Pass 1 to 24 times in seconds from the start.",
    ),
    ("export", {}, "Call remove_background or say first."),
    ("export", {"session_id": "nothing"}, "Create a new session."),
    ("job_status", {"job_id": "job-99"}, "job_id"),
    ("remove_background", {}, "source is missing. Its arguments are: source (required), backgr"),
    (
        "remove_background",
        {"source": "talk.mp4", "color": "red"},
        "The tool remove_background has no argument 'color'.",
    ),
    ("say", {"text": ["blur it"]}, "text: input should be a valid string. Its arguments are: text"),
    ("preview", {"at": [0, "soon"]}, "item 1 of at: input should be a valid number"),
    ("credits", {"of": "me"}, "It has no arguments."),
    ("credits", {"of": "me", "in": "euros"}, "has no argument 'of' or 'in'."),
)


async def test_a_refusal_says_what_to_do(quick: LocalBackend, folder: Path) -> None:
    make_picture(folder / "there.mp4.png", (0, 0, 0)).rename(folder / "there.mp4")
    async with agent_of(quick, folder) as agent:
        for tool, arguments, said in REFUSED:
            result = await agent.call_tool(tool, arguments)
            assert (result.is_error, said in text_of(result)) == (True, True), text_of(result)
            assert "pydantic" not in text_of(result)
    assert not any("/upload-video/" in seen.path for seen in quick.requests)


@pytest.mark.parametrize("tool", ["remove_background", "export"])
async def test_a_folder_that_becomes_a_link_during_a_job_is_not_followed(
    tool: str, tmp_path: Path, folder: Path
) -> None:
    renderer, outside, inner = Renderer(), tmp_path / "outside", folder / "inner"
    outside.mkdir()
    inner.mkdir()
    order = {"output": "inner/result.mp4"}
    with LocalBackend(tmp_path / "slow", render=renderer) as backend:
        async with agent_of(backend, folder, wait_s=0.0) as agent:
            if tool == "export":
                said = await agent.call_tool("say", {"text": "here is talk.mp4"})
                await ended(agent, said)
            else:
                order["source"] = "talk.mp4"
            begun = await agent.call_tool(tool, order)
            await to_thread.run_sync(renderer.begun.wait)
            inner.rename(folder / "moved")
            inner.symlink_to(outside)
            renderer.gate.set()
            assert "not inside an allowed folder" in text_of(await ended(agent, begun))
    assert names_in(outside) == []


async def test_addresses_of_this_machine_are_not_fetched(quick: LocalBackend, folder: Path) -> None:
    async with agent_of(quick, folder) as agent:
        for arguments in (
            {"source": f"{quick.url}/a.mp4"},
            {"source": "talk.mp4", "background": "http://169.254.169.254/a.png"},
        ):
            result = await agent.call_tool("remove_background", arguments)
            assert result.is_error
            assert text_of(result).endswith("public internet. Upload the file itself.")


async def test_a_long_call_becomes_a_job_whose_result_can_be_fetched_later(
    tmp_path: Path, folder: Path
) -> None:
    renderer = Renderer()
    with LocalBackend(tmp_path / "slow", render=renderer) as backend:
        # With a wait of 0, the loop below would leave the server's thread no time to render.
        async with agent_of(backend, folder, wait_s=0.05) as agent:
            begun = await agent.call_tool("remove_background", {"source": "talk.mp4"})
            job = {"job_id": data_of(begun)["job_id"]}
            assert "Call job_status" in text_of(begun)
            await to_thread.run_sync(renderer.begun.wait)
            assert not data_of(await agent.call_tool("job_status", job))["done"]
            renderer.gate.set()
            result = await agent.call_tool("job_status", job)
            while data_of(result).get("done") is False:
                result = await agent.call_tool("job_status", job)
            assert saved(result)
            assert text_of(await agent.call_tool("job_status", job)) == text_of(result)


@pytest.mark.parametrize("by_tool", [True, False])
async def test_a_job_that_is_canceled_stops_its_render(
    tmp_path: Path, folder: Path, *, by_tool: bool
) -> None:
    renderer = Renderer()
    with LocalBackend(tmp_path / "slow", render=renderer) as backend:
        wait_s = 0.0 if by_tool else 60.0
        async with agent_of(backend, folder, wait_s=wait_s) as agent:

            async def call(scope: anyio.CancelScope) -> None:
                with scope:
                    await agent.call_tool("remove_background", {"source": "talk.mp4"})

            scope = anyio.CancelScope()
            async with anyio.create_task_group() as calls:
                calls.start_soon(call, scope)
                await to_thread.run_sync(renderer.begun.wait)
                while not any("/lambda/" in seen.path for seen in backend.requests):
                    await anyio.lowlevel.checkpoint()
                if not by_tool:
                    scope.cancel()
            result = await agent.call_tool("cancel_job", {"job_id": "job-1"})
            assert data_of(result) == {"job_id": "job-1", "done": True, "canceled": True}
            assert "was canceled" in text_of(result)
        paths = [seen.path for seen in backend.requests]
        assert sum(path.endswith("/cancel") for path in paths) == 1
    assert names_in(folder) == ["bg.png", "talk.mp4"]


async def test_a_service_failure_is_reported_and_the_server_keeps_running(
    quick: LocalBackend, folder: Path
) -> None:
    async with agent_of(quick, folder) as agent:
        quick.faults.add(Fault(kind="status", path="/run_sse", status=402))
        failed = await agent.call_tool("remove_background", {"source": "talk.mp4"})
        assert failed.is_error
        assert text_of(failed).endswith("unlock export.")
        done = await agent.call_tool("remove_background", {"source": "talk.mp4"})
        assert saved(done)


async def test_the_docs_list_the_arguments_of_every_tool(quick: LocalBackend, folder: Path) -> None:
    text = (ROOT / "docs" / "mcp.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| `")]
    documented = {row[0].strip("`"): row[2] for row in rows}
    async with agent_of(quick, folder) as agent:
        for tool in (await agent.list_tools()).tools:
            names = re.findall(r"(\*\*)?`(\w+)`", documented[tool.name])
            assert [name for _, name in names] == list(tool.input_schema["properties"])
            required = [name for bold, name in names if bold]
            assert required == tool.input_schema.get("required", [])
