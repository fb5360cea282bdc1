"""The web service in docs/cancel.md cancels the render of a visitor who disconnects."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import uvicorn

from nemovideo.local import LocalBackend
from tests.docs.test_docs import DOCS
from tests.support.media import make_clip


def app_of_the_page() -> Any:
    text = (DOCS / "cancel.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)
    (block,) = (block for block in blocks if "FastAPI" in block)
    namespace: dict[str, Any] = {"__name__": "page"}
    exec("import asyncio\nfrom nemovideo import AsyncClient\n", namespace)
    exec(block.replace("timeout=1)", "timeout=0.02)"), namespace)
    return namespace["app"]


@contextmanager
def serving(app: Any) -> Iterator[tuple[str, int]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()
        finally:
            server.should_exit = True
            thread.join()


def test_a_visitor_gets_the_video_or_disconnects_and_the_render_is_canceled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendering, canceled = threading.Event(), threading.Event()

    def render(*given: Any, cancelled: Callable[[], bool], **_: Any) -> Any:
        rendering.set()
        while leaving.is_set() and not cancelled():
            pass
        if cancelled():
            canceled.set()
        given[2].write_bytes(b"a video")
        return SimpleNamespace(duration_ms=400, size_bytes=7, warnings=())

    leaving = threading.Event()
    make_clip(tmp_path / "talk.mp4", seconds=0.4)
    monkeypatch.chdir(tmp_path)
    with LocalBackend(render=render) as backend:
        monkeypatch.setenv("NEMO_API_URL", backend.url)
        monkeypatch.setenv("NEMO_TOKEN", backend.issue_token())
        with serving(app_of_the_page()) as (host, port):
            response = httpx.post(f"http://{host}:{port}/clean", timeout=20)
            assert (response.status_code, response.content) == (200, b"a video")
            rendering.clear()
            leaving.set()
            try:
                with socket.create_connection((host, port)) as visitor:
                    visitor.sendall(b"POST /clean HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
                    assert rendering.wait(20)
                assert canceled.wait(20)
            finally:
                leaving.clear()
