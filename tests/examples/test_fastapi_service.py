"""The FastAPI example, as its users meet it: the service over a socket, the page in a browser."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support import ROOT
from tests.support.media import pictures

FOLDER = ROOT / "examples" / "fastapi_service"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
BROWSER_FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    """The service in a process of its own, as uvicorn runs it."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "--app-dir", str(FOLDER), "--port", str(port)]
    with subprocess.Popen(
        [*command, "--log-level", "warning", "service:app"], env={**os.environ, "NEMO_LOCAL": "1"}
    ) as process:
        try:
            _wait_for(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Return once the port answers; a process of its own can only be asked again and again."""
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the service did not start")


def _news(url: str, name: str) -> list[dict[str, object]]:
    with httpx.stream("GET", f"{url}/clips/{name}/events", timeout=60) as answer:
        lines = [line for line in answer.iter_lines() if line]
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def test_a_clip_goes_in_and_a_clean_one_comes_out(service: str, clip: Path, tmp_path: Path) -> None:
    with clip.open("rb") as file:
        answer = httpx.post(f"{service}/clips", files={"file": file}, data={"background": "white"})
    name = answer.json()["id"]
    news = _news(service, name)
    fractions = [float(str(line.get("fraction", 0))) for line in news]
    assert fractions == sorted(fractions)
    assert news[-1] == {"done": True, "fraction": 1.0, "message": "Ready"}
    result = tmp_path / "clean.mp4"
    result.write_bytes(httpx.get(f"{service}/clips/{name}/video").content)
    assert len(pictures(result)) == len(pictures(clip))


def test_a_file_that_is_no_clip_is_named_with_its_remedy(service: str) -> None:
    files = {"file": ("notes.mp4", b"dear diary", "video/mp4")}
    name = httpx.post(f"{service}/clips", files=files).json()["id"]
    (*_, last) = _news(service, name)
    assert "notes" not in str(last)
    assert "source.mp4" in str(last["error"])
    assert last["remedy"]
    assert httpx.get(f"{service}/clips/{name}/video").status_code == 409
    assert httpx.get(f"{service}/clips/other/events").status_code == 404


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
def test_the_page_shows_the_progress_and_plays_the_result(service: str, clip: Path) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=CHROMIUM, args=BROWSER_FLAGS)
        page = browser.new_page(viewport={"width": 720, "height": 760})
        page.goto(service)
        page.set_input_files("input[type=file]", clip)
        page.fill("input[name=background]", "#00b140")
        page.click("button")
        page.wait_for_function("document.querySelector('video').readyState >= 2", timeout=60_000)
        assert page.inner_text("[role=status]") == "Ready"
        assert page.evaluate("document.querySelector('progress').value") == 1
        assert page.inner_text("[role=alert]") == ""
        if shown := os.environ.get("NEMO_SHOW"):
            page.screenshot(path=shown)
        browser.close()
