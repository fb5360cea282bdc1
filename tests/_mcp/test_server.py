"""`nemovideo mcp` as an agent runs it: in its own process, over stdin and stdout."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import Client as Agent
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.types import ImageContent, TextContent
from PIL import Image

import nemovideo
from tests.support.media import corner, make_clip, near, pictures

ROOT = Path(nemovideo.__file__).parent.parent
COMMAND = (sys.executable, "-m", "nemovideo", "mcp", "--local", "--engine", "fast", "--wait", "300")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_clip(tmp_path / "clips.mp4")
    folder = tmp_path / "clips"
    folder.mkdir()
    shutil.move(tmp_path / "clips.mp4", folder / "talk.mp4")
    return folder


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The environment of a server, whose temporary files are in `scratch`."""
    (tmp_path / "scratch").mkdir()
    return {
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "TMPDIR": str(tmp_path / "scratch"),
    }


@pytest.mark.anyio
async def test_an_agent_turns_a_clip_into_a_file(folder: Path, environment: dict[str, str]) -> None:
    told: list[float] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        assert total == 1.0
        assert message
        told.append(progress)

    server = StdioServerParameters(
        command=COMMAND[0], args=[*COMMAND[1:], str(folder)], env=environment
    )
    async with Agent(stdio_client(server)) as agent:
        assert {tool.name for tool in (await agent.list_tools()).tools} >= {
            *("remove_background", "say", "show_timeline", "export", "credits", "job_status"),
            "preview",
        }
        looked = await agent.call_tool(
            "preview", {"source": "talk.mp4", "background": "#00b140", "at": [0.4]}
        )
        assert not looked.is_error, looked
        words, picture = looked.content
        assert isinstance(words, TextContent)
        assert isinstance(picture, ImageContent)
        assert "Made with: local engine" in words.text
        with Image.open(io.BytesIO(base64.b64decode(picture.data))) as sheet:
            assert near(sheet.convert("RGB").getpixel((4, sheet.height - 118)), (0, 177, 64))
        result = await agent.call_tool(
            "remove_background",
            {"source": "talk.mp4", "background": "#00b140"},
            progress_callback=on_progress,
        )
        assert not result.is_error, result
    assert near(corner(pictures(folder / "talk-clean.mp4")[0]), (0, 177, 64))
    assert told == sorted(set(told))
    assert told


class Server:
    """A server process that exchanges one line of JSON per message."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **environment},
            text=True,
        )
        self.send("initialize", 1, protocolVersion="2025-06-18", capabilities={}, clientInfo=ME)
        assert self.receive()["id"] == 1
        self.send("notifications/initialized")

    def send(self, method: str, id: int | None = None, **params: Any) -> None:  # noqa: A002
        message = {"jsonrpc": "2.0", "method": method, "params": params}
        assert self.process.stdin is not None
        numbered = message if id is None else {**message, "id": id}
        self.process.stdin.write(json.dumps(numbered) + "\n")
        self.process.stdin.flush()

    def receive(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        found = json.loads(self.process.stdout.readline())
        assert isinstance(found, dict)
        return found


ME = {"name": "test", "version": "1"}


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
@pytest.mark.parametrize("how", ["end of input", "SIGTERM"])
def test_a_server_stopped_during_a_job_leaves_nothing_behind(
    folder: Path, environment: dict[str, str], tmp_path: Path, how: str
) -> None:
    make_clip(folder / "long.mp4", seconds=8, tone_hz=None)
    server = Server(folder, environment)
    with server.process as process:
        arguments = {"name": "remove_background", "arguments": {"source": "long.mp4"}}
        server.send("tools/call", 2, **arguments, _meta={"progressToken": 7})
        while server.receive()["params"]["progress"] < 0.2:
            pass
        assert list((tmp_path / "scratch").glob("nemovideo-*"))
        if how == "end of input":
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(60) == 0
        else:
            number = getattr(signal, how)
            process.send_signal(number)
            assert process.wait(60) == -number
    assert list((tmp_path / "scratch").glob("nemovideo-*")) == []
    assert sorted(path.name for path in folder.iterdir()) == ["long.mp4", "talk.mp4"]
